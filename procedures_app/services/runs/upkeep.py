"""The job of runs: what time did to them is written down, and calls of steps are made."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from procedures_app.models import Approval, Run, StepKind, StepRun
from procedures_app.services.runs import calling, lapsing
from procedures_app.services.runs.held import OVER, Status, holding

logger = logging.getLogger(__name__)
#: A slice settles runs for so long, and begins no further calls after so long. The queue kills a task after 60 s: the
#: job's last slice begins 15 s after its start, and a call may take 30 (``procedures.http_timeout_seconds``).
SETTLING_SECONDS, SLICE_SECONDS = 4.0, 8.0
STOPPED = (*OVER, Run.Status.PAUSED)
#: Where a run stands among those that are overdue.
Place = tuple[datetime, UUID]


def work(*, principal: Principal, limit: int) -> Mapping[str, int]:
    """One slice: settles runs in which a lease, a limit, a question or a pause has ended, then makes the calls that
    are due. Each run in a transaction of its own; repeating it changes nothing.
    """
    started = time.monotonic()
    did = settle_overdue(principal, limit, deadline=started + SETTLING_SECONDS)
    called = make_calls(principal, limit, deadline=started + SLICE_SECONDS)
    return {"settled": did["settled"], "failed": did["failed"], "called": called}


def settle_overdue(principal: Principal, limit: int, *, deadline: float) -> Counter[str]:
    """What came of it, by run. Goes on past the runs that nothing changes, so that no others wait behind them."""
    did: Counter[str] = Counter()
    after: Place | None = None
    while did["settled"] + did["failed"] < limit:
        page = overdue_runs(principal=principal, limit=limit, after=after)
        for after in page:
            if time.monotonic() > deadline:
                return did
            did[settle(after[1], principal)] += 1
        if len(page) < limit:
            break
    return did


@verb
def overdue_runs(*, principal: Principal, limit: int, after: Place | None = None) -> list[Place]:
    """Runs that time has changed since anybody looked, the longest untouched first; those behind ``after``."""
    steps = open_steps(principal).filter(ended() | late() | asks_again() | late_question())
    questions = Approval.objects.visible_to(principal).filter(
        status=Approval.Status.PENDING, expires_at__lte=Now(), overdue=False, run__finished_at=None
    )
    asked = questions.exclude(run__status__in=STOPPED)
    found = Run.objects.filter(Q(pk__in=steps.values("run")) | Q(pk__in=asked.values("run")), finished_at=None)
    if after is not None:
        found = found.filter(Q(updated_at__gt=after[0]) | Q(updated_at=after[0], pk__gt=after[1]))
    return list(found.order_by("updated_at", "pk").values_list("updated_at", "pk")[:limit])


def ended() -> Q:
    return Q(lease_expires_at__lte=Now(), status__in=[Status.IN_PROGRESS, Status.ROLLING_BACK])


def late() -> Q:
    return Q(deadline_at__lte=Now(), late=False, status__in=[Status.READY, Status.IN_PROGRESS])


def asks_again() -> Q:
    """Confirmations whose pause is over; one that asks for evidence, or is done otherwise, waits for an agent."""
    paused = Q(status=Status.READY, next_attempt_at__lte=Now(), proposal="")
    return paused & Q(definition__kind=StepKind.CONFIRMATION, definition__evidence=[])


def late_question() -> Q:
    """Confirmations that nobody gave in time; time that a step waits for another word does not count."""
    asked = Approval.objects.filter(kind=Approval.Kind.CONFIRMATION, status=Approval.Status.PENDING)
    return Q(deadline_at__lte=Now(), late=False, status=Status.WAITING, pk__in=asked.values("step_run"))


def open_steps(principal: Principal) -> QuerySet[StepRun]:
    """``finished_at`` says the same of runs that are over, and has an index."""
    return StepRun.objects.visible_to(principal).filter(run__finished_at=None).exclude(run__status__in=STOPPED)


def settle(run_id: UUID, principal: Principal) -> str:
    """``settled``, ``unchanged`` or ``failed``: it is found again by the next run of the job."""
    try:
        with holding(run_id, principal=principal) as held:
            lapsing.settle(held)
            changed = any(one.changed for one in held.family)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Run %s could not be settled.", run_id)
        return "failed"
    return "settled" if changed else "unchanged"


def make_calls(principal: Principal, limit: int, *, deadline: float) -> int:
    """Makes due calls, several at a time, until there is none or the time is up; how many."""
    made, left = 0, set[UUID]()
    while made < limit and time.monotonic() < deadline:
        waiting = runs_with_calls(principal=principal, limit=calling.MOST_AT_ONCE, but=left)
        if not waiting:
            break
        done = calling.carry_out(waiting, principal=principal)
        made += len(done)
        left |= set(waiting) - done  # they would come first again
    return made


@verb
def runs_with_calls(*, principal: Principal, limit: int, but: Collection[UUID] = ()) -> list[UUID]:
    """Runs whose current step is a call that nobody makes and that is due; the longest waiting first."""
    forward = Q(status=Status.READY, definition__kind=StepKind.HTTP, output__isnull=True, proposal="")
    back = Q(status=Status.ROLLING_BACK, definition__rollback__kind=StepKind.HTTP)
    due = Q(next_attempt_at=None) | Q(next_attempt_at__lte=Now())
    steps = open_steps(principal).filter(forward | back, due, lease_expires_at=None).exclude(run__in=but)
    since = Coalesce("next_attempt_at", "run__updated_at")  # a first call waits since its run came to it
    return list(steps.order_by(since, "pk").values_list("run_id", flat=True)[:limit])
