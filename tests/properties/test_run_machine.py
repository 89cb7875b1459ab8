"""A run against a model of it: whatever agents, persons and time do in whatever order, both say the same.

Time passes by moving the rows back, in steps so long that the time which the test itself takes decides nothing. Beside
the model, what must never be otherwise is read from the tables after every step.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import Approval, Run, RunEvent, StepRun
from procedures_app.services import runs
from procedures_app.services.runs import approvals
from tests.procedures_app.following import ADA, BOSS, HUB, acting_as, pass_time, publish, upkeep_now
from tests.properties.run_model import CURRENT, OVER, PAUSE, STEPS, Model, Refused

AGENTS = st.sampled_from(["ada", "ben"])
WHICH = st.integers(0, len(STEPS) - 1)
#: The current step more often than any other, the newest lease more often than an older one.
MOSTLY_CURRENT = st.one_of(st.just(None), st.just(None), st.just(None), WHICH)
BACK = st.sampled_from([0, 0, 0, 1])
LASTS = st.sampled_from([350, 1750])
PASSES = st.sampled_from([100, 400, 1100, 345_600])
DECISIONS = st.sampled_from(["", "retry", "skip", "fail", "roll_back"])
ASKED = ("step_run", "kind", "status", "decision", "decided_by")
#: How often what seldom happens happens.
SELDOM = st.integers(0, 5).map(lambda drawn: drawn == 0)
ENDED = ("done", "skipped", "replaced")


class RunMachine(RuleBasedStateMachine):
    @initialize()
    def one_run(self) -> None:
        with behind_walls(HUB):
            known = Run.objects.filter(procedure__name="model").first()
        if known is None:
            publish(*(step.document for step in STEPS), name="model")
        self.run_id = runs.start("model", principal=ADA).pk
        self.model, self.ended = Model(), ""
        self.highest = [0] * len(STEPS)

    def compare(self, real: Any, told: Any) -> None:
        """Does both; what is refused has changed neither."""
        before = deepcopy(self.model)
        try:
            said = told()
        except Refused as refused:
            said, self.model = (str(refused),), before
        assert outcome(real) == said

    def index(self, which: int | None) -> int:
        current = self.model.current
        return self.model.steps.index(current) if which is None and current else which or 0

    def holder(self, agent: str | None, index: int) -> str:
        """None: whoever has the step."""
        return agent or self.model.steps[index].agent or "ada"

    def lease(self, index: int, back: int) -> int:
        return max(self.model.steps[index].token - back, 1)

    @rule(agent=AGENTS, lasts=LASTS)
    def take(self, agent: str, lasts: int) -> None:
        self.take_now(agent, lasts)

    def take_now(self, agent: str, lasts: int) -> None:
        self.compare(
            lambda: runs.next_step(self.run_id, principal=acting_as(agent), lease_seconds=lasts),
            lambda: self.model.next(agent, lasts),
        )

    @rule(
        agent=st.one_of(st.none(), AGENTS), which=MOSTLY_CURRENT, back=BACK, good=st.sampled_from([True, True, False])
    )
    def complete(self, agent: str | None, which: int | None, back: int, good: bool) -> None:
        self.complete_now(agent, which, back, good)

    def complete_now(self, agent: str | None, which: int | None, back: int, good: bool) -> None:
        index = self.index(which)
        step, lease, who = self.model.steps[index], self.lease(index, back), self.holder(agent, index)
        asks = step.written.evidence or step.proposal
        evidence: dict[str, Any] = ({"passed": True} if asks else {}) if good else ({} if asks else {"more": 1})
        self.compare(
            lambda: runs.complete(
                self.run_id, step.written.name, principal=acting_as(who), lease=lease, evidence=evidence
            ),
            lambda: self.model.complete(who, index, lease, evidence),
        )

    @rule(agent=AGENTS, lasts=LASTS)
    def go_on(self, agent: str, lasts: int) -> None:
        self.take_now(agent, lasts)
        self.complete_now(None, None, 0, good=True)

    @rule(agent=AGENTS, lasts=LASTS, surely=st.booleans())
    def break_it(self, agent: str, lasts: int, surely: bool) -> None:
        self.take_now(agent, lasts)
        if surely:
            self.fail_now(None, None, 0)

    @rule(decision=DECISIONS, approve=st.booleans())
    def answer(self, decision: str, approve: bool) -> None:
        if self.model.question is not None:
            self.decide_now(approve, decision, fitting=True, stale=False)

    @rule(agent=st.one_of(st.none(), AGENTS), which=MOSTLY_CURRENT, back=BACK)
    def fail(self, agent: str | None, which: int | None, back: int) -> None:
        self.fail_now(agent, which, back)

    def fail_now(self, agent: str | None, which: int | None, back: int) -> None:
        index = self.index(which)
        name, lease, who = STEPS[index].name, self.lease(index, back), self.holder(agent, index)
        self.compare(
            lambda: runs.fail(self.run_id, name, principal=acting_as(who), lease=lease, error="It broke."),
            lambda: self.model.fail(who, index, lease),
        )

    @rule(agent=st.one_of(st.none(), AGENTS), back=BACK, lasts=LASTS)
    def renew(self, agent: str | None, back: int, lasts: int) -> None:
        index = self.index(None)
        name, lease, who = STEPS[index].name, self.lease(index, back), self.holder(agent, index)
        self.compare(
            lambda: runs.renew(self.run_id, name, principal=acting_as(who), lease=lease, lease_seconds=lasts),
            lambda: self.model.renew(who, index, lease, lasts),
        )

    @rule(agent=st.one_of(st.none(), AGENTS), back=BACK)
    def release(self, agent: str | None, back: int) -> None:
        index = self.index(None)
        name, lease, who = STEPS[index].name, self.lease(index, back), self.holder(agent, index)
        self.compare(
            lambda: runs.release(self.run_id, name, principal=acting_as(who), lease=lease),
            lambda: self.model.release(who, index, lease),
        )

    @rule(agent=AGENTS, which=MOSTLY_CURRENT, surely=SELDOM)
    def ask_skip(self, agent: str, which: int | None, surely: bool) -> None:
        index = self.index(which)
        if not surely:
            return
        self.compare(
            lambda: runs.ask_skip(self.run_id, STEPS[index].name, principal=acting_as(agent), reason="So."),
            lambda: self.model.ask_for(agent, index, "skip"),
        )

    @rule(agent=AGENTS, surely=SELDOM)
    def ask_deviation(self, agent: str, surely: bool) -> None:
        if not surely:
            return
        index, said = self.index(None), {"reason": "So.", "proposal": "Otherwise."}
        self.compare(
            lambda: runs.ask_deviation(self.run_id, STEPS[index].name, principal=acting_as(agent), **said),
            lambda: self.model.ask_for(agent, index, "deviation"),
        )

    def last_question(self) -> UUID | None:
        with behind_walls(HUB):
            found = Approval.objects.filter(run_id=self.run_id).order_by("-created_at", "-pk")
            return found.values_list("pk", flat=True).first()

    @rule(agent=AGENTS)
    def withdraw(self, agent: str) -> None:
        asked = self.last_question()
        if asked is not None:
            self.compare(
                lambda: approvals.withdraw(asked, principal=acting_as(agent)), lambda: self.model.withdraw(agent)
            )

    @rule(approve=st.booleans(), decision=DECISIONS, fitting=st.booleans(), stale=st.sampled_from([False, False, True]))
    def decide(self, approve: bool, decision: str, fitting: bool, stale: bool) -> None:
        self.decide_now(approve, decision, fitting, stale)

    def decide_now(self, approve: bool, decision: str, fitting: bool, stale: bool) -> None:
        asked = self.last_question()
        if asked is None:
            return
        if fitting and self.model.question is not None:
            decision = (decision or "retry") if self.model.question.kind == "escalation" else ""
        seen = self.row().version - stale
        said: dict[str, Any] = {"approve": approve, "decision": decision}
        self.compare(
            lambda: approvals.decide(asked, principal=BOSS, run_version=seen, reason="So.", **said),
            lambda: self.model.decide(**said, stale=stale),
        )

    @rule(surely=SELDOM)
    def pause(self, surely: bool) -> None:
        if surely:
            self.compare(lambda: runs.pause(self.run_id, principal=BOSS, reason="So."), lambda: self.model.pause())

    @rule()
    def resume(self) -> None:
        if self.model.status == "paused":
            self.compare(lambda: runs.resume(self.run_id, principal=BOSS), lambda: self.model.resume())

    @rule(surely=SELDOM, really=SELDOM)
    def cancel(self, surely: bool, really: bool) -> None:
        if surely and really:
            self.compare(lambda: runs.cancel(self.run_id, principal=ADA, reason="So."), lambda: self.model.cancel())

    @rule(seconds=PASSES)
    def time_passes(self, seconds: int) -> None:
        pass_time(seconds)
        self.model.now += seconds

    @rule()
    def the_job_comes_by(self) -> None:
        upkeep_now()
        self.model.settle()

    # -- what is always so --

    def row(self) -> Run:
        with behind_walls(HUB):
            return Run.objects.get(pk=self.run_id)

    @invariant()
    def what_is_always_so(self) -> None:
        if not hasattr(self, "model"):
            return
        with behind_walls(HUB):
            run = Run.objects.get(pk=self.run_id)
            steps = list(StepRun.objects.filter(run=run).order_by("position"))
            asked = list(Approval.objects.filter(run=run).values(*ASKED))
            numbers = list(RunEvent.objects.filter(run=run).order_by("number").values_list("number", flat=True))
        self.both_say_the_same(run, steps)
        order_is_kept(run, steps)
        self.one_lease_at_a_time_and_its_number_only_grows(steps)
        evidence_and_approvals_are_there(steps, asked)
        assert numbers == list(range(1, run.event_count + 1))
        self.what_is_over_stays_over(run)
        waits = [step for step in steps if step.status == "waiting"]
        pending = [one for one in asked if one["status"] == "pending"]
        assert len(pending) == len(waits) <= (not self.ended)

    def both_say_the_same(self, run: Run, steps: list[StepRun]) -> None:
        model = self.model
        assert (run.status, run.deviations, run.undoing) == (model.status, model.deviations, model.undoing)
        told = [(one.status, one.attempts, one.token, one.late) for one in model.steps]
        assert [(one.status, one.attempts, one.lease_token, one.late) for one in steps] == told

    def one_lease_at_a_time_and_its_number_only_grows(self, steps: list[StepRun]) -> None:
        assert sum(step.lease_expires_at is not None for step in steps) <= 1
        assert all(step.lease_expires_at is None or step.status in CURRENT for step in steps)
        tokens = [step.lease_token for step in steps]
        assert all(new >= old for new, old in zip(tokens, self.highest, strict=True))
        self.highest = tokens

    def what_is_over_stays_over(self, run: Run) -> None:
        if self.ended:
            assert run.status == self.ended
        self.ended = run.status if run.status in OVER else ""
        assert (run.finished_at is not None) is bool(self.ended)
        assert run.compliant is ((run.status == "completed" and not run.deviations) if self.ended else None)


def order_is_kept(run: Run, steps: list[StepRun]) -> None:
    statuses = [step.status for step in steps]
    now = [at for at, status in enumerate(statuses) if status in CURRENT]
    assert len(now) <= 1
    begun = [at for at, status in enumerate(statuses) if status != "pending"]
    assert begun == list(range(len(begun)))
    if not run.undoing and now:
        assert all(status in ENDED for status in statuses[: now[0]])


def evidence_and_approvals_are_there(steps: list[StepRun], asked: list[dict[str, Any]]) -> None:
    for step, written in zip(steps, STEPS, strict=True):
        if step.status in ("done", "rolled_back") and written.evidence:
            assert step.evidence == {"passed": True}
        given = [one for one in asked if one["step_run"] == step.pk and one["status"] == "approved"]
        if step.status == "replaced":
            assert any((one["kind"], one["decided_by"]) == ("deviation", BOSS.name) for one in given)
        if step.status == "skipped":
            words = [one for one in given if "skip" in (one["kind"], one["decision"])]
            assert any(one["decided_by"] == BOSS.name for one in words)


def outcome(did: Any) -> tuple[Any, ...]:
    """What the hub answered, in the model's words."""
    try:
        answer = did()
    except HubError as error:
        return (error.code,)
    if not isinstance(answer, runs.Next):
        return ("ok",)
    if answer.state != "step":
        return (answer.state,)
    assert answer.step is not None
    return "step", answer.step.step_id, answer.lease_token


def run_machine(monkeypatch: pytest.MonkeyPatch, *, examples: int, steps: int) -> None:
    monkeypatch.setattr("procedures_app.services.runs.moving.RETRY_SECONDS", float(PAUSE))
    monkeypatch.setattr("procedures_app.services.runs.moving.MOST_TAKEN", 10**6)
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # each step asks the database: shrinking would take minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(RunMachine, settings=rules)


@pytest.mark.django_db
def test_runs_do_what_the_model_does(monkeypatch: pytest.MonkeyPatch):
    run_machine(monkeypatch, examples=5, steps=30)


@pytest.mark.long
@pytest.mark.django_db
def test_runs_do_what_the_model_does_for_thousands_of_steps(monkeypatch: pytest.MonkeyPatch):
    run_machine(monkeypatch, examples=80, steps=50)
