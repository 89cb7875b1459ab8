"""Many conflicts by one strategy: first what would become of each, then the decision, then what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import reverse

from agents_app import selectors_queue
from agents_app.admin.queue import Filters
from agents_app.admin.review_cells import Cell, cell_of
from agents_app.admin.review_page import place_of
from agents_app.models import Conflict, Strategy
from agents_app.services import conflicts
from agents_app.services.conflicts import Preview, Seen
from memoryhub.access.admin.base import principal_of
from memoryhub.access.admin.verbs import LONGEST_REASON
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.registry.diffs import MISSING, compare

#: Conflicts of one bulk decision; each is previewed, and decided in a transaction of its own.
MOST_CHOSEN = 50
LINES_SHOWN = 4
AUTOMATIC_STRATEGIES = tuple(choice for choice in Strategy.choices if choice[0] != Strategy.MANUAL_REVIEW)


@dataclass(frozen=True, slots=True)
class Line:
    place: str
    before: Cell
    after: Cell


@dataclass(frozen=True, slots=True)
class Planned:
    """What a strategy would do with one conflict. ``stays`` says why a person has to decide it."""

    conflict: Conflict
    conflict_version: int = 0
    entry_version: int = 0
    winner: str = ""
    why: str = ""
    stays: str = ""
    lines: list[Line] = field(default_factory=list)
    changed: int = 0

    @property
    def ticket(self) -> str:
        """The versions that were shown, for the form that confirms."""
        return f"{self.conflict.pk}:{self.conflict_version}:{self.entry_version}"


@dataclass(frozen=True, slots=True)
class Outcome:
    conflict: Conflict
    done: bool
    says: str


def preview(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The page between choosing and deciding. Changes nothing."""
    strategy, back = request.POST.get("strategy", ""), back_to(request)
    chosen = ids_of(request.POST.getlist("chosen"))
    if not chosen or strategy not in dict(AUTOMATIC_STRATEGIES):
        messages.error(request, "Choose at least one row, and a strategy. Nothing was changed.")
        return HttpResponseRedirect(back)
    rows = list(planned(chosen[:MOST_CHOSEN], strategy, principal_of(request)))
    deciding = [row for row in rows if not row.stays]
    context |= {
        "title": f"Decide by {Strategy(strategy).label.lower()}",
        "strategy": strategy,
        "strategy_label": Strategy(strategy).label,
        "rows": rows,
        "deciding": len(deciding),
        "changing": sum(bool(row.changed) for row in deciding),
        "staying": len(rows) - len(deciding),
        "left_out": max(0, len(chosen) - MOST_CHOSEN),
        "back": back,
        "back_query": Filters.of(query_of(request)).query,
    }
    return TemplateResponse(request, "agents/bulk_preview.html", context)


def planned(chosen: Sequence[UUID], strategy: str, principal: Principal) -> Iterator[Planned]:
    rows = selectors_queue.in_reach(principal).filter(pk__in=chosen).select_related("entry", "other")
    found = {conflict.pk: conflict for conflict in rows}
    for pk in chosen:
        if pk in found:
            yield plan(found[pk], strategy, principal)


def plan(conflict: Conflict, strategy: str, principal: Principal) -> Planned:
    if conflict.status != Conflict.Status.OPEN:
        return Planned(conflict, stays=f"{conflict.decided_by or 'Somebody'} has decided it meanwhile.")
    if conflict.other_id is not None:
        return Planned(conflict, stays="It is about two entries: which of them stays is decided on its own page.")
    try:
        with transaction.atomic():
            shown = conflicts.preview(conflict.pk, principal=principal.within(conflict.tenant_id), strategy=strategy)
    except HubError as error:
        return Planned(conflict, stays=error.message)
    return plan_of(conflict, shown, strategy)


def plan_of(conflict: Conflict, shown: Preview, strategy: str) -> Planned:
    chosen = shown.strategies[strategy]
    if not chosen.available or chosen.winner is None:
        return Planned(conflict, stays=chosen.why)
    if not shown.valid:
        return Planned(conflict, stays=shown.errors[0].message)
    return Planned(
        conflict,
        shown.conflict_version,
        shown.entry_version,
        winner_name(shown, chosen.winner),
        f"{chosen.why}; {chosen.tie_break}" if chosen.tie_break else chosen.why,
        lines=lines_of(conflict.entry.value, shown.value),
        changed=len(shown.changed),
    )


def winner_name(shown: Preview, winner: str) -> str:
    if winner == "merge":
        return "merged"
    if winner == "current":
        return shown.case.current.agent_id or "the committed version"
    return shown.case.offers[int(winner.removeprefix("candidate:")) - 1].agent_id


def lines_of(before: Any, after: Any) -> list[Line]:
    if after is MISSING:
        return [Line("(whole value)", cell_of(before), cell_of(MISSING, gone="the entry is deleted"))]
    found = compare(before, after)[:LINES_SHOWN]
    return [Line(place_of(each.pointer), cell_of(each.old), cell_of(each.new, each.old)) for each in found]


def commit(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Decides what the preview showed, each conflict by itself: one that moved does not stop the others."""
    strategy, reason = request.POST.get("strategy", ""), request.POST.get("reason", "").strip()
    tickets = [ticket_of(text) for text in request.POST.getlist("ticket")[:MOST_CHOSEN]]
    if strategy not in dict(AUTOMATIC_STRATEGIES) or not reason or len(reason) > LONGEST_REASON:
        messages.error(request, f"Say why, in at most {LONGEST_REASON} characters. Nothing was changed.")
        return HttpResponseRedirect(back_to(request))
    outcomes = list(decided([ticket for ticket in tickets if ticket], strategy, reason, principal_of(request)))
    done = sum(outcome.done for outcome in outcomes)
    context |= {"title": "What became of them", "outcomes": outcomes, "done": done, "back": back_to(request)}
    return TemplateResponse(request, "agents/bulk_outcome.html", context)


Ticket = tuple[UUID, int, int]


def decided(tickets: Sequence[Ticket], strategy: str, reason: str, principal: Principal) -> Iterator[Outcome]:
    found = selectors_queue.in_reach(principal).in_bulk([pk for pk, _, _ in tickets])
    for pk, conflict_version, entry_version in tickets:
        if pk not in found:
            continue
        conflict = found[pk]
        seen = Seen(pk, conflict_version, entry_version)
        acting = principal.within(conflict.tenant_id)
        [done] = conflicts.resolve_many([seen], principal=acting, strategy=strategy, reason=reason)
        made = done.decided
        says = f"The entry is at version {made.version}." if made else done.why
        yield Outcome(conflict, made is not None, says)


def ids_of(texts: Sequence[str]) -> list[UUID]:
    found = []
    for text in texts:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return list(dict.fromkeys(found))


def ticket_of(text: str) -> Ticket | None:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts[1:]):
        return None
    ids = ids_of(parts[:1])
    return (ids[0], int(parts[1]), int(parts[2])) if ids else None


def query_of(request: HttpRequest) -> dict[str, str]:
    return QueryDict(request.POST.get("back", "")).dict()


def back_to(request: HttpRequest) -> str:
    """The queue with the view and the filters that the rows were chosen in; never an address of the caller's."""
    query = Filters.of(query_of(request)).query
    return reverse("admin:agents_app_conflict_changelist") + (f"?{query}" if query else "")
