"""How agents work, in figures for the dashboard: whether they ask memory, and whether what it says helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.registry.models import AccessRecord
from procedures_app.models import CapturedError, Run, WorkRecord

#: Queries are counted over so many minutes, and up to so many.
MINUTES, MOST_QUERIES = 5, 50_000
#: The other figures look back so far.
DAYS = 30
#: A figure is asked for once in so many seconds, per set of tenants.
AGE = 60
#: What a figure was counted from: a part, and the whole.
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Figure:
    """``value`` in words; ``detail`` says of what."""

    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class Kind:
    """``model`` decides who sees it; ``page`` is the name of the page that it leads to."""

    title: str
    model: str
    find: Callable[[Principal], Figure]
    page: str = ""


def remembered(name: str, principal: Principal, count: Callable[[], Pair]) -> Pair:
    found: Pair = cache.get_or_set(f"work-figures:{name}:{principal.staff_tenants}", count, AGE) or (0, 0)
    return found


def queries(principal: Principal) -> Figure:
    """Requests that read or searched memory; what one request read bears one time."""

    def count() -> Pair:
        # the table is partitioned by day and has no querysets of its own: row-level security leaves the user's tenants
        rows = AccessRecord.objects.filter(timestamp__gte=timezone.now() - timedelta(minutes=MINUTES))
        return rows.order_by().values("timestamp", "actor").distinct()[:MOST_QUERIES].count(), MINUTES

    number, minutes = remembered("queries", principal, count)
    rate = number / max(1, minutes)
    return Figure(f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}", f"in the last {MINUTES} minutes")


def accuracy(principal: Principal) -> Figure:
    """Of the errors that were matched to a known problem and about which somebody said what came of it."""

    def count() -> Pair:
        matched = CapturedError.objects.visible_to(principal).filter(
            created_at__gte=since(), solution__isnull=False, solved__isnull=False
        )
        found = matched.order_by().aggregate(helped=Count("pk", filter=Q(solved=True)), told=Count("pk"))
        return found["helped"], found["told"]

    return share(*remembered("accuracy", principal, count), "solutions that were tried helped", "no feedback yet")


def errors(principal: Principal) -> Figure:
    def count() -> Pair:
        rows = CapturedError.objects.visible_to(principal).filter(created_at__gte=since()).order_by()
        known = Count("pk", filter=~Q(matched_by=CapturedError.MatchedBy.NEW))
        found = rows.aggregate(known=known, n=Count("pk"))
        return found["known"], found["n"]

    known, number = remembered("errors", principal, count)
    return Figure(f"{number:,}", f"{known:,} of a known problem" if number else f"in {DAYS} days")


def followed(principal: Principal) -> Figure:
    def count() -> Pair:
        over = Run.objects.visible_to(principal).filter(started_at__gte=since(), compliant__isnull=False).order_by()
        found = over.aggregate(written=Count("pk", filter=Q(compliant=True)), n=Count("pk"))
        return found["written"], found["n"]

    return share(*remembered("followed", principal, count), "runs went exactly as written", "no run is over yet")


def consulted(principal: Principal) -> Figure:
    def count() -> Pair:
        rows = WorkRecord.objects.visible_to(principal).filter(created_at__gte=since()).order_by()
        found = rows.aggregate(asked=Count("operation"), n=Count("pk"))
        return found["asked"], found["n"]

    return share(*remembered("consulted", principal, count), "pieces of work asked memory first", "no work recorded")


def since() -> datetime:
    return timezone.now() - timedelta(days=DAYS)


def share(part: int, whole: int, words: str, none: str) -> Figure:
    """``87%``, ``26 of 30 …``; a dash where there is nothing to take a share of, which is not 0%."""
    if not whole:
        return Figure("—", f"{none} in {DAYS} days")
    return Figure(f"{part / whole:.0%}", f"{part:,} of {whole:,} {words}")


ERRORS = "admin:procedures_app_capturederror_changelist"
COMPLIANCE = "admin:procedures_app_operation_compliance"
KINDS = (
    Kind("Memory queries per minute", "registry.accessrecord", queries, "admin:registry_accessrecord_changelist"),
    Kind("Errors captured", "procedures_app.capturederror", errors, ERRORS),
    Kind("Known solutions that helped", "procedures_app.capturederror", accuracy, ERRORS),
    Kind("Procedures followed", "procedures_app.run", followed, COMPLIANCE),
    Kind("Work that consulted", "procedures_app.workrecord", consulted, COMPLIANCE),
)
