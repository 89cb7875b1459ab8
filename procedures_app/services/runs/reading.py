"""Reads of runs, their events and approvals, for the API and the admin."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from procedures_app.models import Approval, Run, RunEvent, StepRun
from procedures_app.services.runs.held import CURRENT
from procedures_app.services.runs.presenting import approval_document, event_document, head

Document = dict[str, Any]


def listed(
    *,
    principal: Principal,
    procedure: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    **equal: Any,
) -> QuerySet[Run]:
    """Runs in reach, with the current step as ``now_at``. ``equal``: status, agent_id."""
    current = StepRun.objects.filter(run=OuterRef("pk"), status__in=CURRENT).values("step_id")[:1]
    found: QuerySet[Run] = Run.objects.visible_to(principal).filter(**equal).annotate(now_at=Subquery(current))
    if procedure is not None:
        found = found.filter(procedure__name=procedure)
    if since is not None:
        found = found.filter(started_at__gte=since)
    if until is not None:
        found = found.filter(started_at__lt=until)
    return found.select_related("procedure", "procedure_version", "parent")


def documents(rows: Sequence[Run]) -> list[Document]:
    return [head(run) | {"current_step": run.now_at} for run in rows]  # type: ignore[attr-defined]


def events(run_id: UUID, *, principal: Principal, after: int = 0) -> QuerySet[RunEvent]:
    """Raises NotFound for a run that the caller may not see."""
    with behind_walls(principal):
        if not Run.objects.visible_to(principal).filter(pk=run_id).exists():
            raise NotFound("There is no run of that id that you may see.")
    found: QuerySet[RunEvent] = RunEvent.objects.visible_to(principal).filter(run_id=run_id, number__gt=after)
    return found


def event_documents(rows: Sequence[RunEvent]) -> list[Document]:
    return [event_document(event) for event in rows]


def approvals(*, principal: Principal, **equal: Any) -> QuerySet[Approval]:
    """Those of runs in reach. ``equal``: status, kind, run_id."""
    seen = Run.objects.visible_to(principal).values("pk")
    found: QuerySet[Approval] = Approval.objects.visible_to(principal).filter(run__in=seen, **equal)
    return found.select_related("run__procedure", "step_run")


def approval_documents(rows: Sequence[Approval]) -> list[Document]:
    return [approval_document(approval, approval.run) for approval in rows]


@verb
def approval(approval_id: UUID, *, principal: Principal) -> Document:
    """Raises NotFound."""
    found = approvals(principal=principal).filter(pk=approval_id).first()
    if found is None:
        raise NotFound("There is no approval of that id that you may see.")
    return approval_document(found, found.run)
