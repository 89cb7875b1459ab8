"""Starting a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app.models import Operation, ProcedureVersion, Run
from procedures_app.services import enforcement
from procedures_app.services.runs import moving
from procedures_app.services.runs.held import holder, lock
from procedures_app.services.runs.holders import STARTED
from procedures_app.services.runs.making import inputs_for, make, version_of


@verb
def start(
    procedure_name: str, *, principal: Principal, inputs: Mapping[str, Any] | None = None, version: int | None = None
) -> Run:
    """A run that follows the newest published version to its end, whatever is published meanwhile.

    Needs ``write``; governors may start another ``version``. Raises NotFound, NotPublished, ProcedureRetired, Forbidden
    (version), Invalid (inputs), PreconditionFailed, and ConsultationRequired where work of its kind, now or in that
    version, needs one.
    """
    principal.require("write")
    followed = version_of(procedure_name, principal=principal, number=version)
    operation = operation_for(followed, principal)
    given = inputs_for(followed, inputs or {})
    run = make(followed, given, principal=principal, operation=operation)
    held = lock(run.pk, principal, None)
    held.note(STARTED, procedure=procedure_name, version=followed.number, started_by=holder(principal))
    moving.advance(held)
    held.write()
    return held.run


def operation_for(followed: ProcedureVersion, principal: Principal) -> Operation | None:
    """The caller's operation, where the rule of its kind demands this procedure, or it is of the procedure's kind.

    Raises ConsultationRequired.
    """
    demanding = enforcement.demanding(followed.procedure.name, principal=principal)
    if demanding is not None:
        return demanding
    newest = followed.procedure.current
    if newest is not None and newest.kind != followed.kind:
        enforcement.check(newest.kind, principal=principal)
    return enforcement.check(followed.kind, principal=principal)
