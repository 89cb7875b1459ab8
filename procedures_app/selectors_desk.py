"""Runs as people look for them: which views there are, what is stuck, and which approvals wait in which order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from memoryhub.access.principals import Principal
from procedures_app.models import Approval, Run, StepRun

#: A run in which nothing happened for this long is stuck, unless an agent holds a step or a pause is to be waited for.
NO_PROGRESS = timedelta(hours=1)
#: An ended lease is taken over by the next agent; after this long nobody came.
LEASE_GRACE = timedelta(minutes=5)
#: Failed runs need a look for this long.
FAILED_WITHIN = timedelta(days=1)
#: Counting stops here.
MOST_COUNTED = 1000
#: How long the figure beside the sidebar's item is remembered, in seconds.
BADGE_AGE = 20

OVER = Q(finished_at__isnull=False)
MOVING = Q(status__in=[Run.Status.RUNNING, Run.Status.ROLLING_BACK])
NOT_WELL = Q(status__in=[Run.Status.FAILED, Run.Status.ROLLED_BACK])
PENDING = Q(status=Approval.Status.PENDING)


@dataclass(frozen=True, slots=True)
class View:
    """A saved view. ``narrow`` gives its condition for a person at a moment."""

    name: str
    title: str
    empty: str
    narrow: Callable[[Principal, datetime], Q]


def stuck(now: datetime) -> Q:
    """Its step's lease ended and nobody took over, or nothing has happened for long."""
    steps = StepRun.objects.filter(run=OuterRef("pk"))
    held = [StepRun.Status.IN_PROGRESS, StepRun.Status.ROLLING_BACK]
    lapsed = steps.filter(status__in=held, lease_expires_at__lt=now - LEASE_GRACE)
    busy = steps.filter(Q(status__in=held, lease_expires_at__gte=now) | Q(next_attempt_at__gt=now))
    below = Run.objects.filter(parent__run=OuterRef("pk"), finished_at=None)
    quiet = Q(updated_at__lt=now - NO_PROGRESS) & ~Exists(busy) & ~Exists(below)
    return MOVING & (Q(Exists(lapsed)) | quiet)


RUN_VIEWS = (
    View("open", "Open", "No run is open.", lambda *_: ~OVER),
    View("waiting", "Waits for a person", "No run waits for a person.", lambda *_: Q(status=Run.Status.WAITING)),
    View("stuck", "Stuck", "No run is stuck.", lambda _, now: stuck(now)),
    View("failed", "Failed", "No run has failed.", lambda *_: NOT_WELL),
    View("over", "Over", "No run is over yet.", lambda *_: OVER),
    View("all", "All", "There are no runs yet.", lambda *_: Q()),
)
RUN_VIEW = {view.name: view for view in RUN_VIEWS}
#: Those that are counted beside their names: short ones, found by the index of open runs.
COUNTED = ("open", "waiting", "stuck")


def runs_of(view: str, principal: Principal, now: datetime | None = None) -> QuerySet[Run]:
    """The newest first; stuck ones and those that wait, the longest first."""
    rows = Run.objects.visible_to(principal).filter(RUN_VIEW[view].narrow(principal, now or timezone.now()))
    return rows.order_by("updated_at", "pk") if view in ("stuck", "waiting") else rows.order_by("-started_at", "-pk")


def run_counts(principal: Principal, now: datetime | None = None) -> dict[str, int]:
    now = now or timezone.now()
    counted = {name: Count("pk", filter=RUN_VIEW[name].narrow(principal, now)) for name in COUNTED}
    found: dict[str, int] = Run.objects.visible_to(principal).filter(~OVER).order_by().aggregate(**counted)
    return found


def failed_lately(principal: Principal, now: datetime | None = None) -> QuerySet[Run]:
    """Runs that did not end well within a day; those of a step of another run are told with that one."""
    since = (now or timezone.now()) - FAILED_WITHIN
    return Run.objects.visible_to(principal).filter(NOT_WELL, finished_at__gt=since, parent=None)


# -- approvals -----------------------------------------------------------------------------------------


def overdue(now: datetime) -> Q:
    return PENDING & Q(expires_at__lt=now)


APPROVAL_VIEWS = (
    View("waiting", "Waiting", "Nothing waits for a decision.", lambda *_: PENDING),
    View("mine", "Mine", "Nothing is assigned to you.", lambda who, _: PENDING & Q(assignee=who.staff_pk)),
    View("unassigned", "Unassigned", "Everything that waits has somebody.", lambda *_: PENDING & Q(assignee=None)),
    View("overdue", "Overdue", "Nothing is overdue.", lambda _, now: overdue(now)),
    View("decided", "Decided", "Nothing has been decided yet.", lambda *_: ~PENDING),
)
APPROVAL_VIEW = {view.name: view for view in APPROVAL_VIEWS}


def approvals_of(view: str, principal: Principal, now: datetime | None = None) -> QuerySet[Approval]:
    """In the order in which they should be decided: the oldest first; of decided ones the latest first."""
    rows = Approval.objects.visible_to(principal).filter(APPROVAL_VIEW[view].narrow(principal, now or timezone.now()))
    if view == "decided":
        return rows.order_by(F("decided_at").desc(nulls_last=True), "-created_at", "-pk")
    return rows.order_by("created_at", "pk")


def approval_counts(principal: Principal, now: datetime | None = None) -> dict[str, int]:
    now = now or timezone.now()
    counted = {
        view.name: Count("pk", filter=view.narrow(principal, now)) for view in APPROVAL_VIEWS if view.name != "decided"
    }
    found: dict[str, int] = Approval.objects.visible_to(principal).filter(PENDING).order_by().aggregate(**counted)
    return found


def oldest_approval(principal: Principal) -> tuple[int, datetime | None]:
    """How many wait, and since when the oldest of them."""
    pending = Approval.objects.visible_to(principal).filter(PENDING).order_by()
    found = pending.aggregate(count=Count("pk"), oldest=Min("created_at"))
    return found["count"], found["oldest"]


def badge(principal: Principal) -> int:
    """Approvals that wait, for the sidebar; asked for once in a while per reader's reach."""
    key = f"approval-badge:{principal.staff_tenants}"
    found = cache.get_or_set(
        key, lambda: approvals_of("waiting", principal).order_by()[:MOST_COUNTED].count(), BADGE_AGE
    )
    return found or 0
