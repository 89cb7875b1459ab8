"""How a run moves: from step to step, through failures and roll-backs, to its end.

Called on a held run, inside its turn. A step ends by ``done``, ``passed`` or ``failed``; what comes next follows.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from procedures_app.models import Approval, OnFailure, Run, StepKind, StepRun
from procedures_app.services.runs import asking, work
from procedures_app.services.runs.bell import ring
from procedures_app.services.runs.held import OVER, HeldRun, Status

#: Before the second attempt; doubled before each further one.
RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 3600.0
#: Times that a step is given out in all: one that kills whoever takes it goes to a person.
MOST_TAKEN = 25
HUB = "the hub"


# -- onward -------------------------------------------------------------------------------------------


def advance(held: HeldRun) -> None:
    """Makes the next step that applies the current one; after the last, the run is completed."""
    for step in held.steps:
        if step.status == Status.PENDING and enter(held, step):
            return
    end(held, Run.Status.COMPLETED)


def enter(held: HeldRun, step: StepRun) -> bool:
    """Begins a step, or fails it; False where it does not apply."""
    lacking = work.unmet(held, step)
    if lacking is None:
        open_step(held, step)
    elif lacking.get("otherwise") == "skip":
        held.put(step, status=Status.NOT_APPLICABLE, finished_at=held.now)
        held.note("step.not_applicable", step, precondition=lacking["text"])
        return False
    else:
        blocked(held, step, lacking)
    return True


def blocked(held: HeldRun, step: StepRun, lacking: dict[str, Any]) -> None:
    """What does not hold now will not hold a moment later: no further attempt, the policy decides."""
    why = f"A precondition does not hold: {lacking['text']}"
    held.put(step, status=Status.READY)
    held.note("step.failed", step, error=why)
    give_up(held, step, why)


def open_step(held: HeldRun, step: StepRun, *, not_before: datetime | None = None) -> None:
    """Lets a step be taken, from ``not_before`` on; one that is a person's asks at once."""
    todo = work.of(held, step)
    if todo.kind == StepKind.CONFIRMATION and not todo.fields and not_before is None:
        confirm(held, step)
        return
    status = Status.ROLLING_BACK if todo.undoing else Status.READY
    held.put(step, status=status, lease_expires_at=None, next_attempt_at=not_before)
    held.set_status(Run.Status.ROLLING_BACK if todo.undoing else Run.Status.RUNNING)
    if todo.kind == StepKind.HTTP and not_before is None:
        ring()


def reopen(held: HeldRun, step: StepRun) -> None:
    """Lets a step be tried again after a person's word, if its preconditions hold."""
    lacking = None if held.run.undoing else work.unmet(held, step)
    if lacking is None:
        open_step(held, step)
    else:
        blocked(held, step, lacking)


def confirm(held: HeldRun, step: StepRun) -> None:
    """Asks a person to confirm the step."""
    begun(held, step)
    asking.ask(held, step, Approval.Kind.CONFIRMATION, reason=work.instruction(held, step), asked_by=HUB)


def begun(held: HeldRun, step: StepRun, **fields: Any) -> None:
    """Counts an attempt, before the work; the time limit begins with the first one."""
    limit = step.definition.time_limit_seconds
    ends = held.now + timedelta(seconds=limit) if limit and not held.run.undoing else None
    times = {"started_at": step.started_at or held.now, "deadline_at": step.deadline_at or ends}
    held.put(step, attempts=step.attempts + 1, next_attempt_at=None, **times, **fields)


def done(held: HeldRun, step: StepRun, *, evidence: dict[str, Any], output: Any = None, note: str = "") -> None:
    """The step is done, as written or as a person approved it otherwise; the run goes on."""
    if held.run.undoing:
        undone(held, step, note)
        return
    status = Status.REPLACED if step.proposal else Status.DONE
    finish_step(held, step, status, evidence=evidence, output=output if output is not None else step.output)
    held.note(f"step.{status}", step, attempt=step.attempts, note=note)
    if status == Status.REPLACED:
        deviated(held)
    advance(held)


def answered(held: HeldRun, step: StepRun, output: dict[str, Any]) -> None:
    """The hub carried a step out. Evidence that its output gives stands; what it does not give, an agent hands in."""
    if held.run.undoing:
        undone(held, step, "")
        return
    given = {one["name"]: output[one["name"]] for one in work.required_fields(step) if one["name"] in output}
    evidence, errors = work.handed_in([one for one in work.required_fields(step) if one["name"] in given], given)
    if errors:
        unfit(held, step, errors)
        return
    held.put(step, output=output, evidence=evidence)
    if work.handed_in(work.open_fields(step), {})[1]:
        held.note("step.answered", step, attempt=step.attempts)
        open_step(held, step)
    else:
        done(held, step, evidence=evidence)


def unfit(held: HeldRun, step: StepRun, errors: list[dict[str, str]]) -> None:
    """What the hub found is not what the step requires: nobody may say otherwise, the policy decides."""
    said = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    failed(held, step, f"What was found does not fit. {said}", final=True)


def passed(held: HeldRun, step: StepRun, why: str) -> None:
    """A person let the step, or its roll-back, be left out."""
    stop_child(held, step, why)
    deviated(held)
    if held.run.undoing:
        not_undone(held, step, why)
        return
    finish_step(held, step, Status.SKIPPED)
    held.note("step.skipped", step, reason=why)
    advance(held)


def finish_step(held: HeldRun, step: StepRun, status: StepRun.Status, **fields: Any) -> None:
    ended = {"finished_at": held.now, "lease_expires_at": None, "next_attempt_at": None, "error": ""}
    held.put(step, **ended | {"status": status, "done_by": held.principal.actor} | fields)


def deviated(held: HeldRun) -> None:
    held.change(deviations=held.run.deviations + 1)


# -- failures -----------------------------------------------------------------------------------------


def failed(
    held: HeldRun,
    step: StepRun,
    why: str,
    *,
    context: Any = None,
    retry_after: float | None = None,
    final: bool = False,
) -> None:
    """An attempt failed: where the policy is to retry, another one after a pause, while there are any.

    ``final``: no further attempt can help.
    """
    held.note("step.failed", step, error=why, attempt=step.attempts, context=context)
    todo = work.of(held, step)
    retries = todo.undoing or todo.on_failure == OnFailure.RETRY
    if final or not retries or step.attempts >= todo.max_attempts:
        give_up(held, step, why)
        return
    held.put(step, error=why)
    pause = max(back_off(step.attempts), retry_after or 0)
    open_step(held, step, not_before=held.now + timedelta(seconds=min(pause, LONGEST_RETRY_SECONDS)))


def back_off(attempts: int) -> float:
    return min(math.ldexp(RETRY_SECONDS, max(attempts - 1, 0)), LONGEST_RETRY_SECONDS)


def give_up(held: HeldRun, step: StepRun, why: str) -> None:
    """The step will not be done by trying alone: its policy decides."""
    stop_child(held, step, why)
    policy = work.of(held, step).on_failure
    if policy not in (OnFailure.ROLL_BACK, OnFailure.FAIL):
        held.put(step, error=why)
        deviated(held)
        asking.ask(held, step, Approval.Kind.ESCALATION, reason=why, asked_by=HUB)
        return
    finish_step(held, step, Status.FAILED, error=why, done_by="")
    if policy == OnFailure.ROLL_BACK:
        roll_back(held, why)
    else:
        end(held, Run.Status.FAILED, why)


# -- rolling back -------------------------------------------------------------------------------------


def roll_back(held: HeldRun, why: str) -> None:
    """Undoes what was done, the last step first, as far as the steps say how."""
    held.change(undoing=True, outcome_reason=why)
    held.note("run.rolling_back", reason=why)
    undo_before(held, math.inf)


def undo_before(held: HeldRun, position: float) -> None:
    left = [one for one in held.steps if one.status == Status.DONE]
    before = sorted((one for one in left if one.position < position), key=lambda one: one.position, reverse=True)
    step = next((one for one in before if undoable(held, one)), None)
    if step is not None:
        held.put(step, attempts=0, deadline_at=None, error="")
        open_step(held, step)
        undo_child(held, step)
        return
    stayed = any(one.definition.rollback or one.error for one in left)
    end(held, Run.Status.FAILED if stayed else Run.Status.ROLLED_BACK, held.run.outcome_reason)


def undoable(held: HeldRun, step: StepRun) -> bool:
    """Whether the step says how, or a step of the procedure that it stands for does."""
    if step.definition.rollback:
        return True
    child = completed_child(held, step)
    return child is not None and any(one.status == Status.DONE and undoable(child, one) for one in child.steps)


def completed_child(held: HeldRun, step: StepRun) -> HeldRun | None:
    if step.definition.kind != StepKind.PROCEDURE:
        return None
    completed = Run.objects.filter(parent=step, status=Run.Status.COMPLETED).order_by("-started_at")
    run_id = completed.values_list("pk", flat=True).first()
    return None if run_id is None else held.below(run_id)


def undo_child(held: HeldRun, step: StepRun) -> None:
    """A procedure whose step does not say how is undone step by step: its run is open again, until that is done."""
    child = None if step.definition.rollback else completed_child(held, step)
    if child is not None:
        child.change(status=Run.Status.ROLLING_BACK, finished_at=None, compliant=None)
        roll_back(child, held.run.outcome_reason)


def undone(held: HeldRun, step: StepRun, note: str) -> None:
    held.put(step, status=Status.ROLLED_BACK, lease_expires_at=None, next_attempt_at=None, error="")
    held.note("step.rolled_back", step, attempt=step.attempts, note=note)
    undo_before(held, step.position)


def not_undone(held: HeldRun, step: StepRun, why: str) -> None:
    """What it did stays: it is done, and the run cannot end as rolled back."""
    held.put(step, status=Status.DONE, lease_expires_at=None, next_attempt_at=None, error=f"Not rolled back: {why}")
    held.note("step.not_rolled_back", step, reason=why)
    undo_before(held, step.position)


# -- the end ------------------------------------------------------------------------------------------


def end(held: HeldRun, status: Run.Status, why: str = "", *, tells: bool = True) -> None:
    """The run is over. ``tells``: the step that it carries out learns of it."""
    withdraw_questions(held)
    if (step := held.current) is not None:
        stop_child(held, step, why)
        finish_step(held, step, Status.FAILED, error=why, done_by="")
    complete = status == Run.Status.COMPLETED
    held.change(
        status=status,
        resumes_as="",
        paused_at=None,
        finished_at=held.now,
        compliant=complete and held.run.deviations == 0,
        outcome_reason=why or held.run.outcome_reason,
    )
    held.note(f"run.{status}", reason=why)
    if tells and held.above is not None:
        tell_above(held, held.above)


def withdraw_questions(held: HeldRun) -> None:
    step = held.current
    approval = asking.pending(step) if step is not None and step.status == Status.WAITING else None
    if step is not None and approval is not None:
        asking.close(held, step, approval, Approval.Status.WITHDRAWN, decided_at=held.now)


def tell_above(held: HeldRun, above: HeldRun) -> None:
    step = held.carried_out
    assert step is not None
    if above.run.undoing:
        tell_undone(held, above, step)
        return
    if above.over or not takes_result(above, step):
        return
    if held.run.status == Run.Status.COMPLETED:
        evidence = {one.step_id: one.evidence for one in held.steps}
        above.change(deviations=above.run.deviations + held.run.deviations)
        answered(above, step, {"run_id": str(held.run.pk), "evidence": evidence})
    else:
        failed(
            above, step, f"{held.run.procedure.name} {held.run.get_status_display().lower()}: {held.run.outcome_reason}"
        )


def tell_undone(held: HeldRun, above: HeldRun, step: StepRun) -> None:
    """What a child leaves in place stays, as where a step's own roll-back is given up; the others are still undone."""
    if above.over or above.current is not step:
        return
    approval = asking.pending(step) if step.status == Status.WAITING else None
    if approval is not None:
        asking.close(above, step, approval, Approval.Status.WITHDRAWN, decided_at=above.now)
    status = held.run.get_status_display().lower()
    if held.run.status == Run.Status.ROLLED_BACK:
        undone(above, step, f"{held.run.procedure.name} {status}")
    else:
        not_undone(above, step, f"{held.run.procedure.name} {status}: {held.run.outcome_reason}")


def takes_result(held: HeldRun, step: StepRun) -> bool:
    """Whether the run that ended counts for the step: also where a person was asked to leave the step out or to do it
    otherwise. It is done before the answer came; to lose that would be to do it twice.
    """
    if step.status == Status.WAITING:
        approval = asking.pending(step)
        if approval is None or approval.kind not in asking.LAPSING:
            return False
        asking.close(held, step, approval, Approval.Status.WITHDRAWN, decided_at=held.now)
    if step.status in (Status.WAITING, Status.READY):  # ready: the answer was no, and nobody came by since
        held.put(step, status=Status.IN_PROGRESS)
    return step.status == Status.IN_PROGRESS


def stop_child(held: HeldRun, step: StepRun, why: str) -> None:
    """Cancels the run that carries out a step, where one is under way."""
    if step.definition.kind != StepKind.PROCEDURE:
        return
    for run_id in Run.objects.filter(parent=step).exclude(status__in=OVER).values_list("pk", flat=True):
        child = held.below(run_id)
        if not child.over:
            end(child, Run.Status.CANCELLED, why, tells=False)
