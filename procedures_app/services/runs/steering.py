"""Pausing, resuming and cancelling a run."""

from __future__ import annotations

from uuid import UUID

from memoryhub.access.exceptions import Forbidden, Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from procedures_app.exceptions import ProcedureRetired, RunNotOpen
from procedures_app.models import Procedure, Run, RunEvent, StepKind, StepRun
from procedures_app.services.governing import may_govern
from procedures_app.services.runs import asking, lapsing, moving, work
from procedures_app.services.runs.bell import ring
from procedures_app.services.runs.held import OVER, HeldRun, Status, holder, holding
from procedures_app.services.runs.holders import STARTED


def pause(run_id: UUID, *, principal: Principal, reason: str) -> Run:
    """The run gives no step until it is resumed, and nobody has one: leases end. Pausing a paused run changes nothing.

    By the agent that started it, or a governor. Raises NotFound, Forbidden, Invalid without a reason, RunNotOpen.
    """
    needs_reason(reason)
    with holding(run_id, principal=principal) as held:
        check_steers(held)
        lapsing.settle(held)
        if not held.paused:
            check_not_over(held)
            pause_all(held, reason)
            record(held, "paused", reason)
        return held.run


def pause_all(held: HeldRun, reason: str) -> None:
    step = held.current
    if step is not None and step.lease_expires_at is not None and work.of(held, step).kind != StepKind.HTTP:
        held.note("step.released", step, agent=step.lease_agent, attempt=step.attempts)
        moving.open_step(held, step)
    held.change(resumes_as=held.run.status, status=Run.Status.PAUSED, paused_at=held.now, outcome_reason=reason)
    held.note("run.paused", reason=reason)
    for child in children(held, step):
        if not child.paused:
            pause_all(child, reason)


def resume(run_id: UUID, *, principal: Principal, reason: str = "") -> Run:
    """Goes on where it was paused; limits and open questions are longer by the pause. Resuming a run that goes on
    changes nothing. Raises as ``pause``, and ProcedureRetired where its procedure was retired meanwhile.
    """
    with holding(run_id, principal=principal) as held:
        check_steers(held)
        check_not_over(held)
        if held.above is not None and held.above.paused:
            raise RunNotOpen("The run above is paused. Resume that one.", state="paused", run_id=str(held.above.run.pk))
        if held.paused:
            check_still_followed(held)
            resume_all(held, reason)
            record(held, "resumed", reason)
        lapsing.settle(held)
        return held.run


def resume_all(held: HeldRun, reason: str) -> None:
    paused = held.now - (held.run.paused_at or held.now)
    held.change(status=Run.Status(held.run.resumes_as), resumes_as="", paused_at=None, outcome_reason="")
    held.note("run.resumed", reason=reason, seconds=round(paused.total_seconds()))
    step = held.current
    if step is None:
        return
    if step.deadline_at is not None:
        held.put(step, deadline_at=step.deadline_at + paused)
    approval = asking.pending(step) if step.status == Status.WAITING else None
    if approval is not None and approval.expires_at is not None:
        approval.expires_at += paused
        approval.save(update_fields=["expires_at"])
    revalidate(held, step)
    for child in children(held, step):
        if child.paused:
            resume_all(child, reason)


def revalidate(held: HeldRun, step: StepRun) -> None:
    """What was ready before the pause must still be fit to be taken; a pause between attempts stays."""
    lacking = work.unmet(held, step) if step.status == Status.READY else None
    if lacking is not None:
        moving.blocked(held, step, lacking)
    elif work.of(held, step).kind == StepKind.HTTP:
        ring()


def cancel(run_id: UUID, *, principal: Principal, reason: str) -> Run:
    """Ends the run where it stands; nothing is rolled back. Cancelling a cancelled run changes nothing.

    Raises as ``pause``.
    """
    needs_reason(reason)
    with holding(run_id, principal=principal) as held:
        check_steers(held)
        if held.run.status != Run.Status.CANCELLED:
            check_not_over(held)
            moving.end(held, Run.Status.CANCELLED, reason)
            record(held, "cancelled", reason)
        return held.run


def needs_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid("reason", "Say why: it stays with the run.")


def check_steers(held: HeldRun) -> None:
    """Raises Forbidden unless the caller started the run or governs.

    A run that carries out a step is of whoever started the topmost one, not of who came to that step.
    """
    held.principal.require("write")
    top = held.family[0]
    if not may_govern(held.principal) and not is_starter(top):
        raise Forbidden(
            f"Only {top.run.agent_id or 'who started it'} or an administrator may do this.", code="not_the_starter"
        )


def is_starter(held: HeldRun) -> bool:
    """The agent that started it; where no agent did, the very key."""
    caller = held.principal
    if held.run.agent_id is not None or caller.agent_id is not None:
        return bool(held.run.agent_id == caller.agent_id)
    began = RunEvent.objects.filter(run=held.run, event=STARTED).order_by("number").first()
    return began is not None and began.detail.get("started_by") == holder(caller)


def check_not_over(held: HeldRun) -> None:
    if held.over:
        status = held.run.get_status_display().lower()
        raise RunNotOpen(f"The run is {status}.", state="over", run_status=held.run.status, run_id=str(held.run.pk))


def check_still_followed(held: HeldRun) -> None:
    if held.run.procedure.status == Procedure.Status.RETIRED:
        raise ProcedureRetired("The procedure was retired meanwhile. Activate it again, or cancel the run.")


def children(held: HeldRun, step: StepRun | None) -> list[HeldRun]:
    if step is None or step.definition.kind != StepKind.PROCEDURE:
        return []
    found = Run.objects.filter(parent=step).exclude(status__in=OVER).values_list("pk", flat=True)
    return [held.below(run_id) for run_id in found]


def record(held: HeldRun, did: str, reason: str) -> None:
    audit.record(
        f"procedures.run.{did}",
        principal=held.principal,
        object_type="run",
        object_id=held.run.pk,
        new={"status": held.run.status},
        reason=reason,
    )
