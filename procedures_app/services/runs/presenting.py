"""Runs as documents, for the API and the admin alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.api.documents import moment
from procedures_app.models import Approval, Run, RunEvent, StepKind, StepRun
from procedures_app.services.runs.held import CURRENT
from procedures_app.services.runs.taking import Next

Document = dict[str, Any]


def shown(rows: QuerySet[Run]) -> QuerySet[Run]:
    """The runs with all that their documents need, in as many statements however many they are."""
    children = Run.objects.order_by("started_at").only("pk", "parent_id")
    steps = StepRun.objects.select_related("definition").order_by("position")
    waiting = Approval.objects.filter(status=Approval.Status.PENDING).select_related("assignee", "step_run")
    return rows.select_related("procedure", "procedure_version", "parent").prefetch_related(
        Prefetch("steps", steps.prefetch_related(Prefetch("children", children))),
        Prefetch("approvals", waiting, to_attr="waiting"),
    )


@verb
def read(run_id: UUID, *, principal: Principal) -> Document | None:
    """The document of a run; None where there is none that the caller may see."""
    run = shown(Run.objects.visible_to(principal)).filter(pk=run_id).first()
    return None if run is None else run_document(run)


def run_document(run: Run) -> Document:
    """Of a run from ``shown``."""
    steps = list(run.steps.all())
    children = {step.pk: child.pk for step in steps for child in step.children.all()}
    return whole(run, steps, children, run.waiting)  # type: ignore[attr-defined]


def after(run: Run, *, principal: Principal) -> Document:
    """Of a run from a verb: what the verb had at hand is not read again."""
    steps = run.at_hand or []
    nested = any(step.definition.kind == StepKind.PROCEDURE and step.started_at for step in steps)
    waiting = any(step.status == StepRun.Status.WAITING for step in steps)
    if run.at_hand is None or nested or waiting:
        found = read(run.pk, principal=principal)
        assert found is not None
        return found
    return whole(run, steps, {}, [])


def whole(run: Run, steps: Sequence[StepRun], children: Mapping[UUID, UUID], waiting: Sequence[Approval]) -> Document:
    """``children``: by step, the newest run that carries it out."""
    return head(run) | {
        "inputs": run.inputs,
        "current_step": next((step.step_id for step in steps if step.status in CURRENT), None),
        "steps": [step_document(step, children.get(step.pk)) for step in steps],
        "approvals": [approval_document(approval, run) for approval in waiting],
    }


def head(run: Run) -> Document:
    """What is said of a run without its steps. Needs procedure, its version and the parent at hand."""
    return {
        "id": str(run.pk),
        "procedure": run.procedure.name,
        "version": run.procedure_version.number,
        "title": run.procedure_version.title,
        "status": run.status,
        "agent_id": run.agent_id,
        "user_id": run.user_id,
        "session_id": run.session_id,
        "operation_id": run.operation_id and str(run.operation_id),
        "parent_run_id": str(run.parent.run_id) if run.parent else None,
        "deviations": run.deviations,
        "compliant": run.compliant,
        "run_version": run.version,
        "outcome_reason": run.outcome_reason,
        "started_at": moment(run.started_at),
        "finished_at": moment(run.finished_at),
    }


def step_document(step: StepRun, child: UUID | None) -> Document:
    return {
        "id": step.step_id,
        "position": step.position,
        "title": step.definition.title,
        "kind": step.definition.kind,
        "status": step.status,
        "attempts": step.attempts,
        "agent_id": step.lease_agent,
        "lease_expires_at": moment(step.lease_expires_at),
        "deadline_at": moment(step.deadline_at),
        "next_attempt_at": moment(step.next_attempt_at),
        "late": step.late,
        "evidence": step.evidence,
        "output": step.output,
        "error": step.error,
        "done_by": step.done_by,
        "started_at": moment(step.started_at),
        "finished_at": moment(step.finished_at),
        "child_run_id": child and str(child),
    }


def approval_document(approval: Approval, run: Run) -> Document:
    """``run_version`` is the run's now: a decision has to name it."""
    return {
        "id": str(approval.pk),
        "run_id": str(run.pk),
        "procedure": run.procedure.name,
        "step_id": approval.step_run.step_id,
        "kind": approval.kind,
        "status": approval.status,
        "asked_by": approval.asked_by,
        "reason": approval.reason,
        "proposal": approval.proposal,
        "impact": approval.impact,
        "asked_at_version": approval.run_version,
        "run_version": run.version,
        "overdue": approval.overdue,
        "created_at": moment(approval.created_at),
        "expires_at": moment(approval.expires_at),
        "decision": approval.decision,
        "decision_reason": approval.decision_reason,
        "decided_by": approval.decided_by,
        "decided_at": moment(approval.decided_at),
    }


def event_document(event: RunEvent) -> Document:
    return {
        "number": event.number,
        "event": event.event,
        "step_id": event.step_id,
        "actor": event.actor,
        "detail": event.detail,
        "at": moment(event.at),
    }


def short(run: Run) -> Document:
    return {"id": str(run.pk), "status": run.status, "run_version": run.version}


def next_document(found: Next) -> Document:
    """What ``next`` answers."""
    run, step, todo = found.run, found.step, found.todo
    return {
        "state": found.state,
        "run": short(run),
        "step": next_step_document(found) if step and todo else None,
        "lease": {"token": found.lease_token, "expires_at": moment(found.lease_expires_at)}
        if found.lease_token
        else None,
        "approval": approval_document(found.approval, run) if found.approval else None,
        "retry_after": found.retry_after,
    }


def next_step_document(found: Next) -> Document:
    step, todo = found.step, found.todo
    assert step is not None
    assert todo is not None
    return {
        "id": step.step_id,
        "position": step.position,
        "kind": todo.kind,
        "title": todo.title,
        "instruction": found.instruction,
        "evidence": list(todo.fields),
        "agents": list(todo.agents),
        "deadline_at": moment(step.deadline_at),
        "attempt": step.attempts,
        "rolling_back": todo.undoing,
    }
