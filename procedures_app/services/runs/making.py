"""New runs: the version that they follow, checked inputs, a row for every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memoryhub.access.exceptions import Forbidden, Invalid
from memoryhub.access.principals import Principal
from procedures_app.documents import fields, preconditions
from procedures_app.exceptions import PreconditionFailed
from procedures_app.models import Operation, ProcedureVersion, Run, StepRun
from procedures_app.services import keeping, procedures
from procedures_app.services.governing import may_govern


def version_of(name: str, *, principal: Principal, number: int | None = None) -> ProcedureVersion:
    """The newest published version, or that number. Raises NotFound, NotPublished, ProcedureRetired; Forbidden for who
    does not govern and asks for another one than the newest: what was added to a procedure is not for agents to avoid.
    """
    newest = procedures.published(name, principal=principal)
    if number is None or number == newest.number:
        return newest
    wanted = procedures.version(name, number, principal=principal)
    if not may_govern(principal):
        raise Forbidden(
            f"Version {newest.number} of '{name}' is the one to follow. Leave the version out, or name that one; "
            "only an admin key or a person starts another.",
            code="version_not_current",
        )
    return wanted


def inputs_for(version: ProcedureVersion, given: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a run. Raises Invalid for what is missing or wrong, PreconditionFailed for what must hold first."""
    wanted = [*version.inputs, *preconditions.confirmations(version.preconditions)]
    cleaned, errors = fields.check(wanted, given)
    if errors:
        listed = [{"field": f"inputs.{name}", "message": message} for name, message in errors]
        raise Invalid("inputs", f"{listed[0]['field']}: {listed[0]['message']}", errors=listed)
    context = {"inputs": cleaned, "steps": {}}
    failing = [one["text"] for one in version.preconditions if not preconditions.holds(one, context)]
    if failing:
        raise PreconditionFailed(f"A precondition does not hold: {failing[0]}", preconditions=failing)
    return cleaned


def make(
    version: ProcedureVersion,
    inputs: dict[str, Any],
    *,
    principal: Principal,
    operation: Operation | None = None,
    above: Run | None = None,
    step: StepRun | None = None,
) -> Run:
    """The rows of a run that has not begun. One that carries out a step belongs to whom the run above belongs to."""
    user, session = (above.user_id, above.session_id) if above else keeping.whose(principal)
    run: Run = Run.objects.create(
        tenant_id=version.tenant_id,
        user_id=user,
        session_id=session,
        agent_id=principal.agent_id,
        procedure_id=version.procedure_id,
        procedure_version=version,
        operation_id=above.operation_id if above else operation.pk if operation else None,
        parent=step,
        inputs=inputs,
        version=0,
    )
    StepRun.objects.bulk_create(
        StepRun(tenant_id=run.tenant_id, run=run, definition=one, step_id=one.step_id, position=one.position)
        for one in version.steps.order_by("position")
    )
    return run
