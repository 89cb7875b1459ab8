"""What the desk tells of procedures: their runs in figures, and how their drafts stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone

from memoryhub.access.principals import Principal
from procedures_app import documents
from procedures_app.models import Procedure, ProcedureVersion, Run
from procedures_app.services import procedures

PERIOD = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Runs:
    """``judged`` are those of the period that are over, ``compliant`` those among them that went as written."""

    open: int = 0
    period: int = 0
    judged: int = 0
    compliant: int = 0

    @property
    def share(self) -> float | None:
        return self.compliant / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class DraftState:
    """``changes`` against the version it began from; a draft of a procedure that was never published has none."""

    author: str
    revision: int
    changes: int | None
    based_on: int | None
    newest: int | None

    @property
    def behind(self) -> bool:
        return self.based_on != self.newest


def runs_of(found: Iterable[Procedure], principal: Principal) -> dict[UUID, Runs]:
    """By procedure, in one query."""
    recent = Q(started_at__gte=timezone.now() - PERIOD)
    over = recent & Q(compliant__isnull=False)
    rows = (
        Run.objects.visible_to(principal)
        .filter(procedure__in=[procedure.pk for procedure in found])
        .filter(recent | Q(finished_at=None))
        .values("procedure_id")
        .annotate(
            open=Count("pk", filter=Q(finished_at=None)),
            period=Count("pk", filter=recent),
            judged=Count("pk", filter=over),
            good=Count("pk", filter=over & Q(compliant=True)),
        )
        .order_by()
    )
    return {row["procedure_id"]: Runs(row["open"], row["period"], row["judged"], row["good"]) for row in rows}


def drafts_of(found: Iterable[Procedure], principal: Principal) -> dict[UUID, DraftState]:
    """By procedure, in two queries however many drafts there are, and two for the versions that they began from."""
    of_these = ProcedureVersion.objects.visible_to(principal).filter(procedure__in=[one.pk for one in found])
    newest = dict(of_these.filter(status="published").order_by("number").values_list("procedure_id", "number"))
    drafts = list(of_these.filter(status="draft").select_related("procedure").prefetch_related("steps"))
    if not drafts:
        return {}
    began = Q()
    for draft in drafts:
        began |= Q(procedure_id=draft.procedure_id, number=draft.based_on)
    versions = of_these.filter(began, status="published").select_related("procedure").prefetch_related("steps")
    bases = {version.procedure_id: version for version in versions}
    return {
        draft.procedure_id: state_of(draft, bases.get(draft.procedure_id), newest.get(draft.procedure_id))
        for draft in drafts
    }


def state_of(draft: ProcedureVersion, base: ProcedureVersion | None, newest: int | None) -> DraftState:
    changes = len(changes_between(base, draft)) if base is not None else None
    return DraftState(draft.author, draft.revision, changes, draft.based_on, newest)


def changes_between(old: ProcedureVersion, new: ProcedureVersion) -> list[str]:
    """In words, one for each thing that differs."""
    return documents.diff(procedures.document_of(old), procedures.document_of(new)).says
