"""Running jobs: one run of a job at a time, each run on record before it does anything."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import system_principal
from memoryhub.sync import jobs
from memoryhub.sync.models import JobRun

logger = logging.getLogger(__name__)

#: A run starts no further slice after this long; the next run goes on. The cluster kills a task after 60 s.
RUN_SECONDS = 15.0
LONGEST_CRASH_PAUSE = timedelta(hours=1)
LOCK = "SELECT pg_try_advisory_lock(hashtext('memory_job'), hashtext(%s))"
UNLOCK = "SELECT pg_advisory_unlock(hashtext('memory_job'), hashtext(%s))"
LONGEST_ERROR = 2_000
#: What waits for the end of the run that is under way here.
_afterwards: ContextVar[list[Callable[[], None]] | None] = ContextVar("afterwards", default=None)


def run(name: str, *, now: bool = False) -> JobRun | None:
    """One run of a job; None when it runs already or is not due. ``now`` runs it whether it is due or not.

    An error of the job ends up in the run's record. Raises NotFound for an unknown job.
    """
    job = jobs.get(name)
    if job is None:
        known = ", ".join(known.name for known in jobs.every())
        raise NotFound(f"There is no job '{name}'. Known are: {known}.")
    with calls_afterwards(), only_one(name) as mine:
        if not mine:
            return None
        note_lost_runs(name)
        if not now and not due(job):
            return None
        return carry_out(job, JobRun.objects.create(job=name))


def afterwards(call: Callable[[], None]) -> None:
    """Calls it once the job that is run here has let go of its lock; at once where none is run.

    For a job that rings for itself: whoever is called while it holds its lock finds it running and does nothing.
    """
    waiting = _afterwards.get()
    if waiting is None:
        call()
    else:
        waiting.append(call)


@contextmanager
def calls_afterwards() -> Iterator[None]:
    waiting: list[Callable[[], None]] = []
    token = _afterwards.set(waiting)
    try:
        yield
    finally:
        _afterwards.reset(token)
    for call in waiting:
        call()


@contextmanager
def only_one(name: str) -> Iterator[bool]:
    """Whether no other connection runs this job. The lock ends with the connection, so a killed worker holds none."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [name])
        mine = cursor.fetchone() == (True,)
    try:
        yield mine
    finally:
        if mine and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute(UNLOCK, [name])


def note_lost_runs(name: str) -> None:
    """Nobody else runs this job now: a record that says so belongs to a process that was killed."""
    JobRun.objects.filter(job=name, outcome=JobRun.Outcome.RUNNING).update(
        outcome=JobRun.Outcome.LOST,
        finished_at=timezone.now(),
        error="The process that ran it ended before the job did.",
    )


def due(job: jobs.Job) -> bool:
    """Not if the bell rang twice, and not so soon if the last runs killed their process."""
    recent = list(JobRun.objects.filter(job=job.name)[:10])
    if not recent:
        return True
    interval = timedelta(minutes=job.every_minutes)
    crashes = next((i for i, run in enumerate(recent) if run.outcome != JobRun.Outcome.LOST), len(recent))
    pause = min(LONGEST_CRASH_PAUSE, interval * 2**crashes) if crashes > 1 else interval / 2
    return timezone.now() - recent[0].started_at >= pause


def carry_out(job: jobs.Job, record: JobRun) -> JobRun:
    did: Counter[str] = Counter()
    try:
        work_in_slices(job, did)
    except BaseException as error:
        logger.exception("The job '%s' failed.", job.name)
        conclude(record, JobRun.Outcome.FAILED, did, f"{type(error).__name__}: {error}")
        if not isinstance(error, Exception):
            raise  # the cluster's time-out and an orderly end are its business
    else:
        conclude(record, JobRun.Outcome.DONE, did)
    return record


def work_in_slices(job: jobs.Job, did: Counter[str]) -> None:
    work, principal = job.load(), system_principal(f"jobs.{job.name}")
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        found = work(principal=principal, limit=job.limit)
        counts = {"handled": found} if isinstance(found, int) else found
        did.update(counts)
        if max(counts.values(), default=0) < job.limit or time.monotonic() > deadline:
            return


def conclude(record: JobRun, outcome: JobRun.Outcome, did: Counter[str], error: str = "") -> None:
    record.outcome, record.did, record.error = outcome, dict(did), error[:LONGEST_ERROR].replace("\x00", "�")
    record.finished_at = timezone.now()
    record.save(update_fields=["outcome", "did", "error", "finished_at"])
