"""Runs in any state, as rows: for what only shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import Approval, Procedure, ProcedureStep, ProcedureVersion, Run, RunEvent, StepRun

EVERYTHING = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
STEPS: Mapping[str, str] = {"check": "done", "ship": "in_progress", "tell": "pending"}
EVIDENCE = [{"name": "version", "type": "text", "required": True, "description": "What was shipped"}]


def procedure(name: str = "deploy", tenant: str = "acme", steps: tuple[str, ...] = tuple(STEPS)) -> ProcedureVersion:
    """Version 1, published; every step wants its ``version`` as evidence."""
    tenants.ensure(principal=system_principal("test"), tenant_id=tenant)
    with behind_walls(EVERYTHING):
        made, created = Procedure.objects.get_or_create(tenant_id=tenant, name=name)
        if not created:
            found: ProcedureVersion = made.versions.get(number=1)
            return found
        title = name.capitalize()
        version = ProcedureVersion.objects.create(tenant_id=tenant, procedure=made, title=title, kind="deployment")
        for position, step_id in enumerate(steps, 1):
            ProcedureStep.objects.create(
                tenant_id=tenant, version=version, step_id=step_id, position=position,
                title=step_id.capitalize(), instruction=f"Do {step_id}.", evidence=EVIDENCE,
            )  # fmt: skip
        version.status, version.number, version.published_at = "published", 1, timezone.now()
        version.save(update_fields=["status", "number", "published_at"])
        made.current = version
        made.save(update_fields=["current"])
    return version


def run(
    name: str = "deploy", *, tenant: str = "acme", steps: Mapping[str, str] = STEPS, ago: float = 10, **fields: Any
) -> Run:
    """Started ``ago`` minutes ago by deploy-bot."""
    version = procedure(name, tenant, tuple(steps))
    began = timezone.now() - timedelta(minutes=ago)
    given = {"agent_id": "deploy-bot", "started_at": began, "updated_at": began, "inputs": {"service": "search"}}
    with behind_walls(EVERYTHING):
        made: Run = Run.objects.create(
            tenant_id=tenant, procedure=version.procedure, procedure_version=version, **given | fields
        )
        for definition in version.steps.all():
            state = steps[definition.step_id]
            StepRun.objects.create(
                tenant_id=tenant, run=made, definition=definition, step_id=definition.step_id,
                position=definition.position, status=state, **of_state(state, made),
            )  # fmt: skip
        happened(made, "run.started")
    return made


def of_state(state: str, of: Run) -> dict[str, Any]:
    if state == "in_progress":
        soon = timezone.now() + timedelta(minutes=5)
        return {"attempts": 1, "lease_agent": "deploy-bot", "lease_expires_at": soon, "started_at": of.started_at}
    if state == "done":
        ended = of.started_at + timedelta(minutes=1)
        given = {"attempts": 1, "done_by": "deploy-bot", "evidence": {"version": "4.2"}}
        return given | {"started_at": of.started_at, "finished_at": ended}
    return {}


def happened(of: Run, event: str, **fields: Any) -> RunEvent:
    with behind_walls(EVERYTHING):
        of.event_count += 1
        of.save(update_fields=["event_count"])
        made: RunEvent = RunEvent.objects.create(
            tenant_id=of.tenant_id, run=of, number=of.event_count, event=event, actor="deploy-bot", **fields
        )
    return made


def approval(of: Run, step_id: str = "ship", kind: str = "skip", **fields: Any) -> Approval:
    """The run waits for a person at that step."""
    with behind_walls(EVERYTHING):
        step = of.steps.get(step_id=step_id)
        StepRun.objects.filter(pk=step.pk).update(status="waiting")
        of.status, of.version = "waiting", of.version + 1
        of.save(update_fields=["status", "version"])
        given = {"asked_by": "deploy-bot", "reason": "The registry is down.", "run_version": of.version}
        given["expires_at"] = timezone.now() + timedelta(hours=70)
        made: Approval = Approval.objects.create(
            tenant_id=of.tenant_id, run=of, step_run=step, kind=kind, **given | fields
        )
    return made
