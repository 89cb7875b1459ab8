"""What time alone does to a run: leases end, limits pass, questions lapse.

Every turn begins with it, so that nothing depends on when a job comes by.
"""

from __future__ import annotations

from procedures_app.models import Approval, OnFailure, StepKind, StepRun
from procedures_app.services.runs import asking, moving, work
from procedures_app.services.runs.held import HeldRun, Status

LAPSING = asking.LAPSING


def settle(held: HeldRun) -> None:
    """Brings the run, and those above it, to what is true now."""
    for one in list(held.family):
        if not one.over and not one.paused and one.current is not None:
            settle_step(one, one.current)


def settle_step(held: HeldRun, step: StepRun) -> None:
    if step.status == Status.WAITING:
        settle_question(held, step)
        return
    if is_late(held, step):
        late(held, step)
    if step.status in (Status.IN_PROGRESS, Status.ROLLING_BACK) and lease_ended(held, step):
        lapsed(held, step)
    if step.status == Status.READY and due(held, step) and asks_again(held, step):
        moving.confirm(held, step)


def due(held: HeldRun, step: StepRun) -> bool:
    """Whether it may be tried now."""
    return step.next_attempt_at is None or step.next_attempt_at <= held.now


def asks_again(held: HeldRun, step: StepRun) -> bool:
    """A confirmation whose pause is over."""
    todo = work.of(held, step)
    return todo.kind == StepKind.CONFIRMATION and not todo.fields


def lease_ended(held: HeldRun, step: StepRun) -> bool:
    return step.lease_expires_at is not None and step.lease_expires_at <= held.now


def lapsed(held: HeldRun, step: StepRun) -> None:
    """Whoever had it did not come back; the next one takes it over."""
    held.note("step.lapsed", step, agent=step.lease_agent, attempt=step.attempts)
    if step.attempts >= moving.MOST_TAKEN:
        moving.give_up(held, step, f"It was taken {step.attempts} times, and nobody brought a result.")
    else:
        moving.open_step(held, step)


def is_late(held: HeldRun, step: StepRun) -> bool:
    return step.deadline_at is not None and not step.late and step.deadline_at <= held.now


def late(held: HeldRun, step: StepRun) -> None:
    """Marks it; unless its policy is to try again, the policy decides."""
    mark_late(held, step)
    if step.definition.on_failure != OnFailure.RETRY:
        moving.give_up(held, step, f"It was not done within {step.definition.time_limit_seconds} seconds.")


def mark_late(held: HeldRun, step: StepRun) -> None:
    held.put(step, late=True)
    held.note("step.late", step, deadline=step.deadline_at.isoformat() if step.deadline_at else None)
    moving.deviated(held)


def settle_question(held: HeldRun, step: StepRun) -> None:
    approval = asking.pending(step)
    if approval is None:
        return
    if approval.kind == Approval.Kind.CONFIRMATION and is_late(held, step):
        mark_late(held, step)
    if approval.expires_at is None or approval.expires_at > held.now:
        return
    if approval.kind in LAPSING:
        asking.close(held, step, approval, Approval.Status.EXPIRED, decided_at=held.now)
        moving.open_step(held, step)
    elif not approval.overdue:
        approval.overdue = True
        approval.save(update_fields=["overdue"])
        held.note("approval.overdue", step, approval=str(approval.pk), kind=approval.kind)
