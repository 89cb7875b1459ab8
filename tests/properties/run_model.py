"""What is true of a run, told in plain Python: the model that the database is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Seconds before a second attempt; with the time of the test far from every other boundary.
PAUSE = 50
QUESTION_LASTS = 72 * 3600
OVER = ("completed", "failed", "rolled_back", "cancelled")
CURRENT = ("ready", "in_progress", "waiting", "rolling_back")


@dataclass(frozen=True)
class Written:
    """A step as it is published. ``limit`` in seconds."""

    name: str
    kind: str = "instruction"
    on_failure: str = "escalate"
    attempts: int = 1
    evidence: bool = False
    rollback: bool = False
    limit: int | None = None

    @property
    def document(self) -> dict[str, Any]:
        passed = {"name": "passed", "type": "boolean", "required": True, "must_be": True}
        return {
            "id": self.name,
            "title": self.name,
            "kind": self.kind,
            "on_failure": self.on_failure,
            "max_attempts": self.attempts,
            "evidence": [passed] if self.evidence else [],
            "rollback": {"title": "Undo"} if self.rollback else None,
            "time_limit_seconds": self.limit,
        }


STEPS = (
    Written("build", on_failure="retry", attempts=2, evidence=True, rollback=True),
    Written("agree", kind="confirmation", on_failure="retry", attempts=2),
    Written("test", limit=1030, rollback=True, evidence=True),
    Written("ship", on_failure="roll_back", limit=2030),
    Written("tell", on_failure="fail"),
)


@dataclass
class Step:
    written: Written
    status: str = "pending"
    attempts: int = 0
    token: int = 0
    agent: str | None = None
    ends: int | None = None
    not_before: int = 0
    deadline: int | None = None
    late: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)
    proposal: bool = False


@dataclass
class Question:
    kind: str
    by: str
    asked: int
    expires: int
    proposal: bool = False


class Refused(Exception):
    """With the code of the refusal."""


class Model:
    def __init__(self) -> None:
        self.now = 0
        self.steps = [Step(written) for written in STEPS]
        self.status, self.before_pause, self.paused = "running", "", 0
        self.undoing = False
        self.question: Question | None = None
        self.deviations = 0
        self.advance()

    @property
    def over(self) -> bool:
        return self.status in OVER

    @property
    def current(self) -> Step | None:
        return next((step for step in self.steps if step.status in CURRENT), None)

    # -- how it moves --

    def go(self, status: str) -> None:
        if self.status == "paused":
            self.before_pause = status
        else:
            self.status = status

    def advance(self) -> None:
        step = next((step for step in self.steps if step.status == "pending"), None)
        if step is None:
            self.end("completed")
        else:
            self.open(step)

    def open(self, step: Step, not_before: int = 0) -> None:
        if step.written.kind == "confirmation" and not self.undoing and not step.proposal and not not_before:
            self.begin(step)
            self.ask(step, "confirmation", "the hub")
            return
        step.status, step.ends, step.not_before = "rolling_back" if self.undoing else "ready", None, not_before
        self.go("rolling_back" if self.undoing else "running")

    def begin(self, step: Step) -> None:
        step.attempts, step.not_before = step.attempts + 1, 0
        if step.written.limit and step.deadline is None and not self.undoing:
            step.deadline = self.now + step.written.limit

    def ask(self, step: Step, kind: str, by: str, *, proposal: bool = False) -> None:
        self.question = Question(kind, by, self.now, self.now + QUESTION_LASTS, proposal)
        step.status, step.ends = "waiting", None
        self.go("waiting")

    def close(self, step: Step) -> Question:
        question, self.question = self.question, None
        assert question is not None
        if step.deadline is not None and not step.late and question.kind != "confirmation":
            step.deadline += self.now - question.asked
        return question

    def done(self, step: Step, evidence: dict[str, Any]) -> None:
        step.ends = None
        if self.undoing:
            step.status = "rolled_back"
            self.undo_before(self.steps.index(step))
            return
        step.status, step.evidence = "replaced" if step.proposal else "done", evidence
        self.deviations += step.proposal
        self.advance()

    def left_out(self, step: Step) -> None:
        self.deviations += 1
        step.ends = None
        if self.undoing:
            step.status = "done"
            self.undo_before(self.steps.index(step))
        else:
            step.status = "skipped"
            self.advance()

    def failed(self, step: Step) -> None:
        retries = self.undoing or step.written.on_failure == "retry"
        if retries and step.attempts < step.written.attempts:
            self.open(step, self.now + PAUSE)
        else:
            self.give_up(step)

    def give_up(self, step: Step) -> None:
        policy = "escalate" if self.undoing else step.written.on_failure
        if policy in ("escalate", "retry"):
            self.deviations += 1
            self.ask(step, "escalation", "the hub")
            return
        self.stop(step, roll_back=policy == "roll_back")

    def stop(self, step: Step, *, roll_back: bool) -> None:
        step.status, step.ends = "failed", None
        if roll_back:
            self.undoing = True
            self.undo_before(len(self.steps))
        else:
            self.end("failed")

    def undo_before(self, position: int) -> None:
        left = [step for step in self.steps if step.status == "done" and step.written.rollback]
        before = [step for step in left if self.steps.index(step) < position]
        if before:
            step = before[-1]
            step.attempts, step.deadline = 0, None
            self.open(step)
        else:
            self.end("failed" if left else "rolled_back")

    def end(self, status: str) -> None:
        if self.current is not None:
            self.current.ends = None
            self.current.status = "failed"
        self.question, self.status = None, status

    def settle(self) -> None:
        """What time alone does."""
        step = self.current
        if self.over or self.status == "paused" or step is None:
            return
        if self.question is not None:
            if self.question.kind in ("skip", "deviation") and self.question.expires <= self.now:
                self.close(step)
                self.open(step)
            return
        if step.deadline is not None and not step.late and step.deadline <= self.now:
            step.late = True
            self.deviations += 1
            if step.written.on_failure != "retry":
                self.give_up(step)
        if step.status in ("in_progress", "rolling_back") and step.ends is not None and step.ends <= self.now:
            self.open(step)
        asks = step.status == "ready" and step.written.kind == "confirmation" and not step.proposal
        if asks and step.not_before <= self.now:
            self.open(step)

    # -- what is asked of it --

    def next(self, agent: str, seconds: int) -> tuple[Any, ...]:
        self.settle()
        step = self.current
        if self.over or step is None:
            return ("over",)
        if self.status == "paused":
            return ("paused",)
        if step.status == "waiting":
            return ("waiting",)
        if step.not_before > self.now or (step.ends is not None and step.agent != agent):
            return ("busy",)
        if step.ends is None:
            self.begin(step)
            step.token, step.agent = step.token + 1, agent
            step.status = "rolling_back" if self.undoing else "in_progress"
        step.ends = self.now + seconds
        return "step", step.written.name, step.token

    def held(self, agent: str, index: int, token: int) -> Step:
        step = self.here(index, token)
        if step.ends is None or step.agent != agent or step.token != token:
            raise Refused("lease_lost")
        return step

    def here(self, index: int, token: int = 0) -> Step:
        if self.over or self.status == "paused":
            raise Refused("run_not_open")
        step = self.steps[index]
        if step is not self.current:
            raise Refused("lease_lost" if 0 < token <= step.token else "step_required")
        if step.status == "waiting":
            raise Refused("run_not_open")
        return step

    def complete(self, agent: str, index: int, token: int, evidence: dict[str, Any]) -> tuple[Any, ...]:
        self.settle()
        step = self.steps[index]
        if step.token == token and step.agent == agent and self.repeats(step, evidence):
            return ("ok",)
        step = self.held(agent, index, token)
        if not self.undoing and not self.fits(step, evidence):
            raise Refused("evidence_missing")
        self.done(step, evidence)
        return ("ok",)

    def repeats(self, step: Step, evidence: dict[str, Any]) -> bool:
        if step.status == "rolled_back":
            return True
        if step.status == "replaced" or (step.status == "done" and step.proposal):
            return evidence == step.evidence
        return step.status == "done" and self.fits(step, evidence) and evidence == step.evidence

    def fits(self, step: Step, evidence: dict[str, Any]) -> bool:
        if step.proposal:
            return bool(evidence)
        return evidence == ({"passed": True} if step.written.evidence else {})

    def fail(self, agent: str, index: int, token: int) -> tuple[Any, ...]:
        self.settle()
        self.failed(self.held(agent, index, token))
        return ("ok",)

    def renew(self, agent: str, index: int, token: int, seconds: int) -> tuple[Any, ...]:
        self.settle()
        self.held(agent, index, token).ends = self.now + seconds
        return ("ok",)

    def release(self, agent: str, index: int, token: int) -> tuple[Any, ...]:
        self.settle()
        step = self.held(agent, index, token)
        step.attempts -= 1
        self.open(step)
        return ("ok",)

    def ask_for(self, agent: str, index: int, kind: str) -> tuple[Any, ...]:
        self.settle()
        if self.over or self.status == "paused":
            raise Refused("run_not_open")
        step, question = self.steps[index], self.question
        if step.status == "waiting" and question and (question.kind, question.by) == (kind, agent):
            return ("ok",)
        self.here(index)
        if kind == "deviation" and self.undoing:
            raise Refused("rolling_back")
        if step.ends is not None and step.agent != agent:
            raise Refused("lease_lost")
        self.ask(step, kind, agent, proposal=kind == "deviation")
        return ("ok",)

    def withdraw(self, agent: str) -> tuple[Any, ...]:
        meant = self.question  # one that comes up just now was not meant
        self.settle()
        if self.question is None or self.question is not meant:
            raise Refused("already_decided")
        if self.question.kind not in ("skip", "deviation"):
            raise Refused("invalid")
        if self.question.by != agent:
            raise Refused("not_the_asker")
        step = self.current
        assert step is not None
        self.close(step)
        self.open(step)
        return ("ok",)

    def decide(self, *, approve: bool, decision: str, stale: bool) -> tuple[Any, ...]:
        meant = self.question
        self.settle()
        if self.question is None or self.question is not meant:
            raise Refused("already_decided")
        if self.status == "paused":
            raise Refused("run_not_open")
        if stale:
            raise Refused("run_moved")
        step, kind = self.current, self.question.kind
        assert step is not None
        choices = ("retry", "skip", "fail") if self.undoing else ("retry", "skip", "fail", "roll_back")
        if (kind == "escalation" and decision not in choices) or (kind != "escalation" and decision):
            raise Refused("invalid")
        question = self.close(step)
        self.answered(step, question, approve, decision)
        return ("ok",)

    def answered(self, step: Step, question: Question, approve: bool, decision: str) -> None:
        if question.kind == "escalation":
            self.escalated(step, decision)
        elif question.kind == "confirmation":
            if approve:
                self.done(step, step.evidence)
            else:
                self.failed(step)
        elif not approve:
            self.open(step)
        elif question.kind == "skip":
            self.left_out(step)
        else:
            step.proposal = True
            self.open(step)

    def escalated(self, step: Step, decision: str) -> None:
        if decision == "retry":
            self.open(step)
        elif decision == "skip":
            self.left_out(step)
        elif self.undoing:
            self.end("failed")
        else:
            self.stop(step, roll_back=decision == "roll_back")

    def pause(self) -> tuple[Any, ...]:
        self.settle()
        if self.status == "paused":
            return ("ok",)
        if self.over:
            raise Refused("run_not_open")
        step = self.current
        if step is not None and step.ends is not None:
            self.open(step)
        self.before_pause, self.status, self.paused = self.status, "paused", self.now
        return ("ok",)

    def resume(self) -> tuple[Any, ...]:
        if self.over:
            raise Refused("run_not_open")
        if self.status == "paused":
            self.status = self.before_pause
            step, length = self.current, self.now - self.paused
            assert step is not None
            if step.deadline is not None:
                step.deadline += length
            if self.question is not None:
                self.question.expires += length
        self.settle()
        return ("ok",)

    def cancel(self) -> tuple[Any, ...]:
        if self.status == "cancelled":
            return ("ok",)
        if self.over:
            raise Refused("run_not_open")
        self.end("cancelled")
        return ("ok",)
