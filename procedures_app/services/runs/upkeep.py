"""The job of runs: what time did to them is written down, and calls of steps are made."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
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
#: No further calls are begun after so long: the queue kills a task after 60 s, and one call may take 30.
CALLING_SECONDS = 12.0
STOPPED = (*OVER, Run.Status.PAUSED)


def work(*, principal: Principal, limit: int) -> Mapping[str, int]:
    """One slice: settles runs in which a lease, a limit, a question or a pause has ended, then makes the calls that
    are due. Each run in a transaction of its own; repeating it changes nothing.
    """
    settled = [settle(run_id, principal) for run_id in overdue_runs(principal=principal, limit=limit)]
    called = make_calls(principal, limit)
    return {"settled": settled.count(True), "failed": settled.count(False), "called": called}


@verb
def overdue_runs(*, principal: Principal, limit: int) -> list[UUID]:
    """Runs that time has changed since anybody looked, the longest untouched first."""
    ended = Q(lease_expires_at__lte=Now(), status__in=[Status.IN_PROGRESS, Status.ROLLING_BACK])
    late = Q(deadline_at__lte=Now(), late=False, status__in=[Status.READY, Status.IN_PROGRESS])
    asks_again = Q(definition__kind=StepKind.CONFIRMATION, status=Status.READY, next_attempt_at__lte=Now(), proposal="")
    late_questions = Q(
        definition__kind=StepKind.CONFIRMATION, deadline_at__lte=Now(), late=False, status=Status.WAITING
    )
    steps = open_steps(principal).filter(ended | late | asks_again | late_questions)
    questions = Approval.objects.visible_to(principal).filter(
        status=Approval.Status.PENDING, expires_at__lte=Now(), overdue=False
    )
    asked = questions.exclude(run__status__in=STOPPED)
    found = Run.objects.filter(Q(pk__in=steps.values("run")) | Q(pk__in=asked.values("run")))
    return list(found.order_by("updated_at", "pk").values_list("pk", flat=True)[:limit])


def open_steps(principal: Principal) -> QuerySet[StepRun]:
    return StepRun.objects.visible_to(principal).exclude(run__status__in=STOPPED)


def settle(run_id: UUID, principal: Principal) -> bool:
    """False where it failed; it is found again by the next run of the job."""
    try:
        with holding(run_id, principal=principal) as held:
            lapsing.settle(held)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("Run %s could not be settled.", run_id)
        return False
    return True


def make_calls(principal: Principal, limit: int) -> int:
    """Makes due calls, several at a time, until there is none or the time is up; how many."""
    deadline, made = time.monotonic() + CALLING_SECONDS, 0
    left: set[UUID] = set()
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
