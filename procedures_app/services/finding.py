"""Published procedures in the search index, so that guidance finds the one that fits the work."""

from __future__ import annotations

from memoryhub.access.principals import Principal
from procedures_app import indexing
from procedures_app.models import Procedure, ProcedureVersion

KIND = "procedure"


def index(version: ProcedureVersion, *, principal: Principal) -> None:
    """Writes what is found of the procedure, in the caller's transaction. Retired ones are kept as archived."""
    procedure = version.procedure
    row = indexing.Indexed(
        id=procedure.pk,
        kind=KIND,
        tenant_id=procedure.tenant_id,
        content=text_of(version),
        version=version.number or 0,
        event_at=procedure.updated_at,
        category=version.kind,
        tags=version.tags,
        archived=procedure.status == Procedure.Status.RETIRED,
    )
    indexing.put([row], principal=principal)


def text_of(version: ProcedureVersion) -> str:
    """What is searched: what it is for, and what is done."""
    steps = sorted(version.steps.all(), key=lambda step: step.position)
    lines = [version.title, version.summary, " ".join(version.tags), *(step.title for step in steps)]
    return "\n".join(line for line in lines if line)
