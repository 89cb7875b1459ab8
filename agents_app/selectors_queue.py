"""The conflict queue: which conflicts a reviewer is shown, in which order, and how many there are of each sort."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Case, Count, F, IntegerField, Min, Q, QuerySet, Value, When
from django.utils import timezone

from agents_app.models import Conflict, Severity
from agents_app.services.conflicts import AUTOMATIC
from memoryhub.access.principals import Principal

#: A walk through the queue looks this far; the page says "1000+" beyond.
LONGEST_WALK = 1000
#: How long the figure beside the sidebar's item is remembered, in seconds.
BADGE_AGE = 20
#: The key for undo is about decisions of this long; older ones are undone on their own page.
UNDO_WITHIN = timedelta(days=1)

OPEN = Q(status=Conflict.Status.OPEN)


@dataclass(frozen=True, slots=True)
class View:
    """A saved view of the queue. ``narrow`` gives its condition for a reviewer at a moment."""

    name: str
    title: str
    empty: str
    narrow: Callable[[Principal, datetime], Q]


def awake(now: datetime) -> Q:
    """Open, and not put off until later."""
    return OPEN & (Q(snoozed_until=None) | Q(snoozed_until__lte=now))


def overdue(now: datetime) -> Q:
    return awake(now) & Q(due_at__lt=now)


def mine(principal: Principal, now: datetime) -> Q:
    return awake(now) & Q(assignee=principal.staff_pk)


VIEWS = (
    View("open", "Open", "No conflict is open.", lambda principal, now: awake(now)),
    View("mine", "Mine", "No conflict is assigned to you.", mine),
    View("unassigned", "Unassigned", "Every open conflict has somebody.", lambda _, now: awake(now) & Q(assignee=None)),
    View("overdue", "Overdue", "Nothing is overdue.", lambda _, now: overdue(now)),
    View(
        "critical",
        "Critical",
        "Nothing critical is open.",
        lambda _, now: awake(now) & Q(severity=Severity.CRITICAL),
    ),
    View("snoozed", "Snoozed", "Nothing is snoozed.", lambda _, now: OPEN & Q(snoozed_until__gt=now)),
    View("decided", "Decided", "Nothing has been decided yet.", lambda *_: ~OPEN),
)
BY_NAME = {view.name: view for view in VIEWS}

SEVERITY_ORDER = Case(
    *(When(severity=severity, then=Value(place)) for place, severity in enumerate(Severity.values)),
    default=Value(len(Severity.values)),
    output_field=IntegerField(),
)


def in_reach(principal: Principal) -> QuerySet[Conflict]:
    """All that staff may see; who is not limited to tenants sees conflicts about global entries, too."""
    if principal.kind == "staff" and principal.tenant_id is None and principal.staff_tenants is None:
        return Conflict.objects.all()
    return Conflict.objects.visible_to(principal)


def of_view(name: str, principal: Principal, now: datetime | None = None) -> QuerySet[Conflict]:
    """The conflicts of a saved view in the order in which they should be decided: overdue ones first."""
    now = now or timezone.now()
    rows = in_reach(principal).filter(BY_NAME[name].narrow(principal, now))
    if name == "decided":
        return rows.order_by(F("decided_at").desc(nulls_last=True), "-pk")
    late = Case(When(due_at__lt=now, then=Value(0)), default=Value(1), output_field=IntegerField())
    return rows.order_by(late, SEVERITY_ORDER, F("due_at").asc(nulls_last=True), "created_at", "pk")


def counts(principal: Principal, now: datetime | None = None) -> dict[str, int]:
    """How many open conflicts are in each view, by one pass over the index of open ones; ``decided`` is not counted."""
    now = now or timezone.now()
    counted = {view.name: Count("pk", filter=view.narrow(principal, now)) for view in VIEWS if view.name != "decided"}
    found: dict[str, int] = in_reach(principal).filter(OPEN).order_by().aggregate(**counted)
    return found


def oldest(view: str, principal: Principal) -> datetime | None:
    """When the oldest conflict of a view was found."""
    found: datetime | None = of_view(view, principal).order_by().aggregate(oldest=Min("created_at"))["oldest"]
    return found


def badge(principal: Principal) -> int:
    """Open conflicts for the sidebar, asked for once in a while per reviewer's reach."""
    key = f"conflict-badge:{principal.staff_tenants}"
    found = cache.get_or_set(key, lambda: of_view("open", principal).order_by()[:LONGEST_WALK].count(), BADGE_AGE)
    return found or 0


@dataclass(frozen=True, slots=True)
class Walk:
    """Where a conflict stands in a list: ``place`` counts from 1, None when the list does not have it (any more)."""

    place: int | None
    length: int
    before: UUID | None
    after: UUID | None

    @property
    def whole(self) -> str:
        return f"{self.length}+" if self.length >= LONGEST_WALK else str(self.length)


def walk(rows: QuerySet[Any], conflict_id: UUID) -> Walk:
    """The neighbors of a conflict (or another thing) among ``rows``; after the last one comes the first one again."""
    ids = list(rows.values_list("pk", flat=True)[:LONGEST_WALK])
    if conflict_id not in ids:
        return Walk(None, len(ids), None, ids[0] if ids else None)
    at = ids.index(conflict_id)
    alone = len(ids) == 1
    return Walk(at + 1, len(ids), ids[at - 1] if at else None, None if alone else ids[(at + 1) % len(ids)])


def last_decision(principal: Principal) -> Conflict | None:
    """What this reviewer decided last, within a day: what an undo is about."""
    since = timezone.now() - UNDO_WITHIN
    mine_decided = in_reach(principal).filter(
        decided_by=principal.actor,
        decided_at__gt=since,
        status__in=[Conflict.Status.RESOLVED, Conflict.Status.DISMISSED],
    )
    return mine_decided.only("key", "status", "tenant_id").order_by("-decided_at").first()


def decided_by_strategies(principal: Principal, since: datetime) -> QuerySet[Conflict]:
    """What strategies decided by themselves, also where somebody took it back."""
    return in_reach(principal).filter(decided_by=AUTOMATIC, decided_at__gt=since)
