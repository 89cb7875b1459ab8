"""Asking a person: the step waits until somebody decides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.conf import settings

from procedures_app.models import Approval, Run, StepRun
from procedures_app.services import approval_notices
from procedures_app.services.runs import work
from procedures_app.services.runs.held import HeldRun, Status, holder

Kind = Approval.Kind
#: What a person may decide about a failed step, and about a roll-back that failed.
DECISIONS = ("retry", "skip", "roll_back", "fail")
UNDO_DECISIONS = ("retry", "skip", "fail")
#: Questions about a step that can be done as well; unanswered ones end, and what is done meanwhile makes them idle.
LAPSING = (Kind.SKIP, Kind.DEVIATION)


def ask(
    held: HeldRun, step: StepRun, kind: Approval.Kind, *, reason: str, proposal: str = "", asked_by: str = ""
) -> Approval:
    """Puts the question; whoever had the step has it no more. ``asked_by`` empty: who acts."""
    approval: Approval = Approval.objects.create(
        tenant_id=held.run.tenant_id,
        run=held.run,
        step_run=step,
        kind=kind,
        asked_by=asked_by or held.principal.actor,
        asked_as="" if asked_by else holder(held.principal),
        reason=reason,
        proposal=proposal,
        impact=impact(held, step, kind),
        run_version=held.run.version + 1,  # as it is once this turn is written
        created_at=held.now,
        expires_at=held.now + timedelta(hours=settings.CONFIG.procedures.approval_hours),
    )
    held.put(step, status=Status.WAITING, lease_expires_at=None)
    held.set_status(Run.Status.WAITING)
    approval_notices.asked(approval, principal=held.principal)
    held.note("approval.asked", step, approval=str(approval.pk), kind=kind, reason=reason, proposal=proposal)
    return approval


def impact(held: HeldRun, step: StepRun, kind: Approval.Kind) -> dict[str, Any]:
    """What would lack without the step: evidence, and what later steps take from it. ``decisions``: the choices."""
    found: dict[str, Any] = {}
    if kind != Kind.CONFIRMATION:
        found["evidence"] = [field["name"] for field in work.of(held, step).fields if field.get("required", True)]
        found["later_steps"] = [
            later.step_id for later in held.steps if later.position > step.position and uses(later, step)
        ]
    if kind == Kind.ESCALATION:
        found["decisions"] = list(UNDO_DECISIONS if held.run.undoing else DECISIONS)
    return found


def uses(later: StepRun, step: StepRun) -> bool:
    """Whether a later step speaks of this one's evidence or output."""
    written = later.definition
    text = json.dumps([written.instruction, written.config, written.preconditions, written.rollback])
    return f"steps.{step.step_id}." in text


def pending(step: StepRun) -> Approval | None:
    """The open question about a step."""
    found: Approval | None = Approval.objects.filter(step_run=step, status=Approval.Status.PENDING).first()
    if found is not None:
        found.step_run = step
    return found


def close(held: HeldRun, step: StepRun, approval: Approval, status: Approval.Status, **fields: Any) -> None:
    """Ends a question; time that the step waited for a person does not count against its limit."""
    for name, value in {"status": status, **fields}.items():
        setattr(approval, name, value)
    approval.save(update_fields=["status", *fields])
    detail = {"kind": approval.kind, "decision": approval.decision, "reason": approval.decision_reason}
    held.note(f"approval.{status}", step, approval=str(approval.pk), **detail)
    if step.deadline_at and not step.late and approval.kind != Kind.CONFIRMATION:
        held.put(step, deadline_at=step.deadline_at + (held.now - approval.created_at))
