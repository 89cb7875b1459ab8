"""Numbers and lists of the dashboard, none of which scans the registry."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.cache import cache
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from agents_app import selectors_queue
from agents_app.models import Conflict
from memoryhub.access.models import AuditEvent, Tenant
from memoryhub.access.principals import Principal
from memoryhub.registry.models import AccessTotal, EntryCount, EntryVersion, Layer
from memoryhub.sync.models import JobRun
from sessions_app.models import Handoff, Session

#: Counting stops here.
MOST_COUNTED = 10_000
#: Lines of the audit trail looked through for what people did.
TRAIL_LOOKED_THROUGH = 5_000
ACTS_LOOKED_AT = 60
DAYS = 14
COMING_AND_GOING = ("access.staff.signed_in", "access.staff.signed_out")
#: How old the figures of a chart may be, in seconds.
CHART_AGE = 120
PAST_DAY_AGE = 24 * 3600


def first_id_of(moment: datetime) -> UUID:
    """The smallest UUIDv7 of a moment: rows with ids made by the server can be cut off by their primary key."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something counted since the last visit; ``model`` decides who sees it, and where it leads.

    ``taken_back`` narrows the rows to those that somebody undid, which are told beside the count.
    """

    title: str
    model: str
    rows: Callable[[Principal, datetime], QuerySet[Any]]
    taken_back: Q | None = None
    filters: tuple[tuple[str, str], ...] = ()

    def count(self, principal: Principal, since: datetime) -> int:
        return self.rows(principal, since)[:MOST_COUNTED].count()

    def said(self, principal: Principal, since: datetime) -> str:
        """The title, with how many were taken back."""
        if self.taken_back is None:
            return self.title
        undone = self.rows(principal, since).filter(self.taken_back)[:MOST_COUNTED].count()
        return f"{self.title} ({undone} undone)" if undone else self.title


HAPPENED = (
    Happened(
        "memories written",
        "registry.contextentry",
        lambda principal, since: EntryVersion.objects.visible_to(principal).filter(pk__gte=first_id_of(since)),
    ),
    Happened(
        "conflicts auto-resolved",
        "agents_app.conflict",
        selectors_queue.decided_by_strategies,
        Q(status=Conflict.Status.UNDONE),
        (("view", "decided"),),
    ),
    Happened(
        "sessions started",
        "sessions_app.session",
        lambda principal, since: Session.objects.visible_to(principal).filter(pk__gte=first_id_of(since)),
    ),
    Happened(
        "hand-offs",
        "sessions_app.handoff",
        lambda principal, since: Handoff.objects.visible_to(principal).filter(pk__gte=first_id_of(since)),
    ),
    Happened(
        "requests refused",
        "access.auditevent",
        lambda principal, since: AuditEvent.objects.filter(pk__gte=first_id_of(since), outcome="refused"),
    ),
    Happened(
        "failed job runs",
        "sync.jobrun",
        lambda principal, since: JobRun.objects.filter(
            started_at__gt=since, outcome__in=[JobRun.Outcome.FAILED, JobRun.Outcome.LOST]
        ),
    ),
)


def active_sessions(principal: Principal) -> list[Session]:
    """Those with the latest activity."""
    rows = Session.objects.visible_to(principal).filter(status=Session.Status.ACTIVE)
    fields = ["session_id", "tenant_id", "user_id", "current_agent", "message_count", "last_activity", "status"]
    return list(rows.only(*fields).order_by("-last_activity")[:6])


def done_by_people(principal: Principal) -> list[AuditEvent]:
    """The latest acts of staff, among the newest lines of the trail."""
    newest = AuditEvent.objects.order_by("-pk").values("pk")[:TRAIL_LOOKED_THROUGH]
    acts = AuditEvent.objects.filter(pk__in=newest, actor_kind="staff").exclude(action__in=COMING_AND_GOING)
    found: dict[object, AuditEvent] = {}
    for act in acts.order_by("-at", "-pk")[:ACTS_LOOKED_AT]:
        # what one press of a button did is several lines of the trail; the last one says what was meant
        found.setdefault(act.request_id or act.pk, act)
    return list(found.values())[:6]


def totals(principal: Principal) -> list[dict[str, Any]]:
    """Memories by state, tenants, reads of the last days."""
    states = dict(live_counts(principal).values_list("state").annotate(n=Sum("n")))
    reads = AccessTotal.objects.filter(day__gt=today() - timedelta(days=7)).aggregate(n=Sum("accesses"))["n"]
    return [
        {"title": "Memories", "count": states.get("live", 0)},
        {"title": "Archived", "count": states.get("archived", 0)},
        {"title": "Deleted, restorable", "count": states.get("deleted", 0)},
        {"title": "Reads in 7 days", "count": reads or 0},
        {"title": "Tenants", "count": Tenant.objects.visible_to(principal).filter(active=True).count()},
    ]


def live_counts(principal: Principal) -> QuerySet[Any]:
    """The rows of the count table; row-level security leaves those of the user's tenants."""
    return EntryCount.objects.order_by()


def today() -> date:
    return timezone.now().astimezone(UTC).date()


def last_days() -> list[date]:
    return [today() - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


@dataclass(frozen=True, slots=True)
class Chart:
    """``data`` and ``options`` are JSON for Chart.js; ``rows`` the same figures for the table beside it."""

    kind: str
    data: str
    options: str
    rows: list[tuple[str, int]]
    note: str = ""

    @property
    def empty(self) -> bool:
        return not any(count for _, count in self.rows)


def chart(kind: str, rows: list[tuple[str, int]], label: str, *, note: str = "", all_labels: bool = False) -> Chart:
    dataset: dict[str, Any] = {
        "label": label,
        "data": [count for _, count in rows],
        "backgroundColor": "var(--color-primary-600)",
    }
    if kind == "line":
        dataset |= {"borderColor": "var(--color-primary-600)", "borderWidth": 2, "tension": 0.25, "pointRadius": 2}
    across = {"maxRotation": 0, "autoSkip": not all_labels, "autoSkipPadding": 12}
    options = {
        "responsive": True,
        "maintainAspectRatio": False,
        "animation": False,
        "plugins": {"legend": {"display": False}},
        "scales": {
            "x": {"grid": {"display": False}, "ticks": across},
            "y": {"beginAtZero": True, "ticks": {"precision": 0, "maxTicksLimit": 5}},
        },
    }
    data = {"labels": [name for name, _ in rows], "datasets": [dataset]}
    return Chart(kind, json.dumps(data), json.dumps(options), rows, note)


def day_name(day: date) -> str:
    return f"{day:%-d %b}"


def entries_by_layer(principal: Principal) -> Chart:
    found = dict(live_counts(principal).filter(state="live").values_list("layer").annotate(n=Sum("n")))
    rows = [(str(layer.label), int(found.get(layer.value) or 0)) for layer in Layer if layer != Layer.EPHEMERAL]
    return chart("bar", rows, "Memories", note="Durable, now", all_labels=True)


def writes_per_day(principal: Principal) -> Chart:
    rows = [(day_name(day), written_on(day, principal)) for day in last_days()]
    return chart("bar", rows, "Versions", note="Versions")


def written_on(day: date, principal: Principal) -> int:
    """Versions of one day, by the range of their ids. Days that are over are counted once a day."""
    age = CHART_AGE if day == today() else PAST_DAY_AGE

    def count() -> int:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        ids = (first_id_of(start), first_id_of(start + timedelta(days=1)))
        return EntryVersion.objects.visible_to(principal).filter(pk__gte=ids[0], pk__lt=ids[1]).count()

    return remembered(f"written:{day}", principal, age, count)


def accesses_per_day(principal: Principal) -> Chart:
    totals = AccessTotal.objects.filter(day__gte=last_days()[0]).order_by()
    found = dict(totals.values_list("day").annotate(n=Sum("accesses")))
    rows = [(day_name(day), int(found.get(day) or 0)) for day in last_days()]
    return chart("line", rows, "Reads", note="UTC")


def remembered(name: str, principal: Principal, age: int, count: Callable[[], int]) -> int:
    """Dear figures are asked for once in ``age`` seconds, per set of tenants."""
    return cache.get_or_set(f"figures:{name}:{principal.staff_tenants}", count, age) or 0


CHARTS: dict[str, Callable[[Principal], Chart]] = {
    "Memories by layer": entries_by_layer,
    "Written per day": writes_per_day,
    "Reads per day": accesses_per_day,
}
