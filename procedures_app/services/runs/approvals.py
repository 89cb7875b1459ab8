"""What persons decide, and questions that are taken back."""

from __future__ import annotations

from uuid import UUID

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from procedures_app.exceptions import AlreadyDecided, RunMoved, RunNotOpen
from procedures_app.models import Approval, Run, StepRun
from procedures_app.services.governing import may_govern, require_person
from procedures_app.services.runs import asking, lapsing, moving
from procedures_app.services.runs.held import HeldRun, holder, holding

Kind, Status = Approval.Kind, Approval.Status


def decide(
    approval_id: UUID,
    *,
    principal: Principal,
    run_version: int,
    approve: bool,
    decision: str = "",
    reason: str = "",
) -> Approval:
    """A person's word. ``decision`` belongs to an escalation: retry, skip, roll_back or fail (``approve`` then says
    nothing). A reason is needed for all but a confirmation that is given.

    Raises Forbidden for whoever is no person, NotFound, Invalid, AlreadyDecided, RunNotOpen (paused), and RunMoved
    where the run is at another version than the one that was shown.
    """
    require_person(principal)
    with holding(run_of(approval_id, principal=principal), principal=principal) as held:
        lapsing.settle(held)
        approval = open_approval(approval_id)
        check_shown(held, approval, run_version)
        check_words(approval, approve, decision, reason)
        step = held.step(approval.step_run.step_id)
        answer(held, step, approval, approve=approve, decision=decision, reason=reason)
        record(held, approval)
        return approval


@verb
def run_of(approval_id: UUID, *, principal: Principal) -> UUID:
    """Raises NotFound for an approval whose run the caller may not see."""
    seen = Run.objects.visible_to(principal).values("pk")
    found: UUID | None = Approval.objects.filter(pk=approval_id, run__in=seen).values_list("run_id", flat=True).first()
    if found is None:
        raise NotFound("There is no approval of that id that you may see.")
    return found


def open_approval(approval_id: UUID) -> Approval:
    """Read behind the lock of its run. Raises AlreadyDecided."""
    approval: Approval = Approval.objects.select_related("step_run", "run").get(pk=approval_id)
    if approval.status != Status.PENDING:
        raise AlreadyDecided(
            f"This was decided already: {approval.get_status_display().lower()}.",
            status_now=approval.status,
            decided_by=approval.decided_by,
            decision=approval.decision,
        )
    return approval


def check_shown(held: HeldRun, approval: Approval, run_version: int) -> None:
    if held.paused:
        raise RunNotOpen("The run is paused. Resume it first.", state="paused", run_id=str(held.run.pk))
    if held.run.version != run_version:
        raise RunMoved(run_id=str(held.run.pk), run_version=held.run.version)


def check_words(approval: Approval, approve: bool, decision: str, reason: str) -> None:
    if approval.kind == Kind.ESCALATION:
        choices = approval.impact.get("decisions", asking.DECISIONS)
        if decision not in choices:
            raise Invalid("decision", f"Decide one of: {', '.join(choices)}.")
    elif decision:
        raise Invalid("decision", "Only an escalation takes a decision; approve or refuse this.")
    if not reason.strip() and not (approval.kind == Kind.CONFIRMATION and approve):
        raise Invalid("reason", "Say why: it stays with the run.")


def answer(held: HeldRun, step: StepRun, approval: Approval, *, approve: bool, decision: str, reason: str) -> None:
    yes = approve or approval.kind == Kind.ESCALATION
    fields = {
        "decision": decision,
        "decision_reason": reason,
        "decided_by": held.principal.actor,
        "decided_at": held.now,
    }
    asking.close(held, step, approval, Status.APPROVED if yes else Status.REFUSED, **fields)
    by = f"{held.principal.actor}: {reason}".rstrip(": ")
    if approval.kind == Kind.ESCALATION:
        escalated(held, step, decision, by)
    elif approval.kind == Kind.CONFIRMATION:
        confirmed(held, step, yes, by, reason)
    elif yes:
        let_go(held, step, approval, by)
    else:
        moving.open_step(held, step)


def escalated(held: HeldRun, step: StepRun, decision: str, by: str) -> None:
    why = f"{step.error} Decided by {by}".strip()
    if decision == "retry":
        moving.reopen(held, step)
    elif decision == "skip":
        moving.passed(held, step, by)
    elif held.run.undoing:
        moving.end(held, Run.Status.FAILED, why)
    else:
        moving.finish_step(held, step, StepRun.Status.FAILED, error=step.error, done_by="")
        if decision == "roll_back":
            moving.roll_back(held, why)
        else:
            moving.end(held, Run.Status.FAILED, why)


def confirmed(held: HeldRun, step: StepRun, yes: bool, by: str, reason: str) -> None:
    if yes:
        moving.done(held, step, evidence=step.evidence, note=reason)
    else:
        moving.failed(held, step, f"Refused by {by}")


def let_go(held: HeldRun, step: StepRun, approval: Approval, by: str) -> None:
    """A step may be left out, or done otherwise."""
    if approval.kind == Kind.SKIP:
        moving.passed(held, step, by)
        return
    moving.stop_child(held, step, by)
    held.put(step, proposal=approval.proposal)
    moving.open_step(held, step)


def record(held: HeldRun, approval: Approval) -> None:
    audit.record(
        f"procedures.approval.{approval.status}",
        principal=held.principal,
        object_type="approval",
        object_id=approval.pk,
        new={
            "run_id": str(held.run.pk),
            "step_id": approval.step_run.step_id,
            "kind": approval.kind,
            "decision": approval.decision,
        },
        reason=approval.decision_reason,
    )


def withdraw(approval_id: UUID, *, principal: Principal, reason: str = "") -> Approval:
    """Takes a question to skip or to deviate back; the step is ready again. By who asked, or a governor.

    Raises NotFound, Forbidden, AlreadyDecided, Invalid for a question that the procedure itself asks.
    """
    principal.require("write")
    with holding(run_of(approval_id, principal=principal), principal=principal) as held:
        lapsing.settle(held)
        approval = open_approval(approval_id)
        if approval.kind not in lapsing.LAPSING:
            raise Invalid("approval_id", "The procedure asks this: only a person's decision ends it.")
        if approval.asked_as != holder(held.principal) and not may_govern(principal):
            raise Forbidden("Only who asked may take the question back.", code="not_the_asker")
        step = held.step(approval.step_run.step_id)
        fields = {"decided_by": principal.actor, "decided_at": held.now, "decision_reason": reason}
        asking.close(held, step, approval, Status.WITHDRAWN, **fields)
        moving.open_step(held, step)
        return approval
