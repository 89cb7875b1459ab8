"""The page of the conflict queue: saved views, filters, and the rows of one page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from agents_app import selectors_queue as queue
from agents_app.models import Candidate, Conflict, Severity, Strategy
from memoryhub.access.admin.base import principal_of
from memoryhub.access.models import Tenant
from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry

ROWS = 25
MOST_TENANTS = 500
RECENT = 5
LONGEST_TERM = 200
#: A due time that is closer than this is said in a warning color.
SOON_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of the queue asks for. Unknown values of a list mean: all."""

    view: str = "open"
    q: str = ""
    kind: str = ""
    severity: str = ""
    agent: str = ""
    tenant: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Filters:
        named = {field.name: asked.get(field.name, "").strip()[:LONGEST_TERM] for field in fields(cls)}
        found = cls(**named)
        return replace(
            found,
            view=found.view if found.view in queue.BY_NAME else "open",
            kind=found.kind if found.kind in Conflict.Kind.values else "",
            severity=found.severity if found.severity in Severity.values else "",
        )

    @property
    def query(self) -> str:
        """For an address: what differs from the plain queue."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        if said["view"] == "open":
            del said["view"]
        return urlencode({name: value for name, value in said.items() if value})

    @property
    def narrowed(self) -> bool:
        return any((self.q, self.kind, self.severity, self.agent, self.tenant))

    def condition(self) -> Q:
        found = Q()
        for column, value in (("kind", self.kind), ("severity", self.severity), ("tenant_id", self.tenant)):
            if value:
                found &= Q(**{column: value})
        if self.agent:
            offered = Candidate.objects.filter(conflict=OuterRef("pk"), agent_id=self.agent)
            found &= Q(agent_id=self.agent) | Q(Exists(offered))
        return found & self.term() if self.q else found

    def term(self) -> Q:
        try:
            wanted = UUID(self.q)
        except ValueError:
            return Q(key__icontains=self.q)
        return Q(pk=wanted) | Q(entry_id=wanted) | Q(other_id=wanted)

    def rows(self, principal: Principal, now: datetime | None = None) -> QuerySet[Conflict]:
        return queue.of_view(self.view, principal, now).filter(self.condition())


def listed(rows: QuerySet[Conflict]) -> QuerySet[Conflict]:
    """With what a row shows, and without what it does not: values stay where they are."""
    offers = Candidate.objects.only("conflict_id", "agent_id", "position", "deletes")
    authors = ContextEntry.objects.only("author")
    shown = rows.select_related("assignee").prefetch_related(
        Prefetch("candidates", offers), Prefetch("entry", authors), Prefetch("other", authors)
    )
    return shown.defer("evidence", "choices", "decision_reason")


def agents_of(conflict: Conflict) -> list[str]:
    """Who wrote what is committed, and who offers something else; each once."""
    committed = conflict.entry.author if conflict.status == Conflict.Status.OPEN else conflict.agent_id
    named = [committed, *(offer.agent_id for offer in conflict.candidates.all())]
    if conflict.other is not None:
        named.append(conflict.other.author)
    return list(dict.fromkeys(name for name in named if name))


@dataclass(frozen=True, slots=True)
class Row:
    conflict: Conflict
    agents: list[str]
    overdue: bool
    soon: bool


def row_of(conflict: Conflict, now: datetime) -> Row:
    left = (conflict.due_at - now).total_seconds() if conflict.due_at and conflict.status == "open" else None
    return Row(
        conflict,
        agents_of(conflict),
        overdue=left is not None and left < 0,
        soon=left is not None and 0 <= left < SOON_SECONDS,
    )


def context(request: HttpRequest) -> dict[str, Any]:
    """For the template ``agents/queue.html``."""
    principal, now = principal_of(request), timezone.now()
    filters = Filters.of(request.GET.dict())
    page = page_number(request)
    found = list(listed(filters.rows(principal, now))[(page - 1) * ROWS : page * ROWS + 1])
    return {
        "filters": filters,
        "tabs": tabs(filters, queue.counts(principal, now)),
        "view": queue.BY_NAME[filters.view],
        "rows": [row_of(conflict, now) for conflict in found[:ROWS]],
        "page": page,
        "more": len(found) > ROWS,
        "recent": [] if found else recent(principal),
        "kinds": Conflict.Kind.choices,
        "severities": Severity.choices,
        "strategies": [choice for choice in Strategy.choices if choice[0] != Strategy.MANUAL_REVIEW],
        "tenants": list(Tenant.objects.visible_to(principal).values_list("tenant_id", flat=True)[:MOST_TENANTS]),
        "now": now,
    }


def tabs(filters: Filters, counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """The saved views with their counts; the filters go along."""
    return [
        {
            "title": view.title,
            "query": replace(filters, view=view.name).query,
            "count": counts.get(view.name),
            "current": view.name == filters.view,
            "urgent": view.name in ("overdue", "critical") and bool(counts.get(view.name)),
        }
        for view in queue.VIEWS
    ]


def recent(principal: Principal) -> list[Conflict]:
    """The latest decisions, for a queue with nothing in it."""
    return list(listed(queue.of_view("decided", principal))[:RECENT])


def page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 5 else 1
