"""Starting a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app.models import Run
from procedures_app.services import enforcement
from procedures_app.services.runs import moving
from procedures_app.services.runs.held import lock
from procedures_app.services.runs.making import inputs_for, make, version_of


@verb
def start(
    procedure_name: str, *, principal: Principal, inputs: Mapping[str, Any] | None = None, version: int | None = None
) -> Run:
    """A run that follows the newest published version (or that number) to its end, whatever is published meanwhile.

    Needs ``write``. Raises NotFound, NotPublished, ProcedureRetired, Invalid (inputs), PreconditionFailed, and
    ConsultationRequired where work of its kind needs one.
    """
    principal.require("write")
    followed = version_of(procedure_name, principal=principal, number=version)
    operation = enforcement.check(followed.kind, principal=principal)
    given = inputs_for(followed, inputs or {})
    run = make(followed, given, principal=principal, operation=operation)
    held = lock(run.pk, principal, None)
    held.note("run.started", procedure=procedure_name, version=followed.number)
    moving.advance(held)
    held.write()
    return held.run
