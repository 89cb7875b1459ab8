"""Procedures to follow in tests, and agents that follow them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import Approval, ProcedureVersion, Run, RunEvent, StepRun
from procedures_app.services import drafts, publishing, runs
from procedures_app.services.runs import approvals, upkeep
from procedures_app.services.runs.taking import Next

TENANT = "acme"
BOSS = Principal(kind="staff", name="maria", tenant_id=TENANT, permissions=ALL_PERMISSIONS, staff_pk=None)
HUB = system_principal("test", TENANT)
TIMES = {
    Run: ("paused_at",),
    StepRun: ("lease_expires_at", "deadline_at", "next_attempt_at"),
    Approval: ("created_at", "expires_at"),
}


def acting_as(name: str | None, **fields: Any) -> Principal:
    known = {"kind": "key", "name": "k", "tenant_id": TENANT, "permissions": frozenset({"read", "write"})}
    return Principal(**known | {"agent_id": name} | fields)


ADA, BEN = acting_as("ada"), acting_as("ben")


def publish(*steps: dict[str, Any], name: str = "ship-it", by: Principal = BOSS, **document: Any) -> ProcedureVersion:
    """``publish({"id": "test"}, {"id": "deploy"})``: titles follow from the ids."""
    written = [{"title": step["id"].title(), "instruction": f"Do {step['id']}."} | step for step in steps]
    said = {"title": name.title(), "summary": "When testing.", "steps": written} | document
    draft = drafts.save(name, said, principal=by)
    seen = draft.based_on
    return publishing.publish(name, principal=by, revision=draft.revision, note="For a test.", based_on_seen=seen)


def started(*steps: dict[str, Any], principal: Principal = ADA, given: Any = None, **document: Any) -> UUID:
    """The id of a new run of a procedure of these steps."""
    version = publish(*steps, **document)
    return runs.start(version.procedure.name, principal=principal, inputs=given).pk


def flag(name: str = "passed") -> dict[str, Any]:
    return {"name": name, "type": "boolean", "required": True, "description": "Whether it did.", "must_be": True}


def take(run_id: UUID, principal: Principal = ADA, **options: Any) -> Next:
    """The next step, which must be the caller's."""
    found = runs.next_step(run_id, principal=principal, **options)
    assert found.state == "step", found
    return found


def do(run_id: UUID, principal: Principal = ADA, evidence: Any = None, **options: Any) -> Run:
    """Takes the next step and completes it."""
    found = take(run_id, principal)
    assert found.step is not None
    assert found.lease_token is not None
    given = evidence if evidence is not None else {field["name"]: True for field in found.todo.fields}  # type: ignore[union-attr]
    return runs.complete(
        found.run.pk, found.step.step_id, principal=principal, lease=found.lease_token, evidence=given, **options
    )


def decide(run_id: UUID, *, approve: bool = True, decision: str = "", by: Principal = BOSS) -> Approval:
    """Decides what the run waits for, on sight of it as it is."""
    with behind_walls(HUB):
        approval = Approval.objects.select_related("run").get(run_id=run_id, status="pending")
    return approvals.decide(
        approval.pk,
        principal=by,
        run_version=approval.run.version,
        approve=approve,
        decision=decision,
        reason="As it should be.",
    )


def reread(approval: Approval) -> Approval:
    with behind_walls(HUB):
        approval.refresh_from_db()
    return approval


def run_of(run_id: UUID) -> Run:
    with behind_walls(HUB):
        return Run.objects.get(pk=run_id)


def steps_of(run_id: UUID) -> dict[str, StepRun]:
    with behind_walls(HUB):
        return {step.step_id: step for step in StepRun.objects.filter(run_id=run_id).order_by("position")}


def output_of(run_id: UUID, step_id: str) -> Any:
    return steps_of(run_id)[step_id].output


def statuses(run_id: UUID) -> list[str]:
    return [step.status for step in steps_of(run_id).values()]


def events_of(run_id: UUID) -> list[str]:
    """Their names; their numbers have no gap."""
    with behind_walls(HUB):
        found = list(RunEvent.objects.filter(run_id=run_id).order_by("number"))
        count = Run.objects.values_list("event_count", flat=True).get(pk=run_id)
    assert [event.number for event in found] == list(range(1, count + 1))
    return [event.event for event in found]


def pass_time(seconds: float) -> None:
    """Moves everything that runs know of time back by so much."""
    with behind_walls(HUB):
        for model, names in TIMES.items():
            for name in names:
                moved = {name: F(name) - timedelta(seconds=seconds)}
                model.objects.filter(**{f"{name}__isnull": False}).update(**moved)  # type: ignore[attr-defined]


def upkeep_now() -> dict[str, int]:
    return dict(upkeep.work(principal=HUB, limit=100))
