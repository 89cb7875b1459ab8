"""Carrying out a sync run: claimed by one process at a time, step by step, in slices that any process can go on with.

What a slice did is saved in the slice's own transaction. A process that ends without notice loses its claim after a
while, and the next one goes on after the last slice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from agents_app.models import AgentProfile, ChangeFeed, SyncRun
from agents_app.services import sync_steps
from agents_app.services.sync_steps import Step
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models.entries import ClockTimestamp

logger = logging.getLogger(__name__)

#: The queue kills a task after 60 s; whoever holds a claim for longer than this is gone.
CLAIM = timedelta(seconds=90)
MOST_ATTEMPTS = 5
LONGEST_ERROR = 500
LONGEST_PAUSE = timedelta(hours=1)
OPEN = (SyncRun.Status.WAITING, SyncRun.Status.RUNNING)


def unclaimed(principal: Principal) -> QuerySet[SyncRun]:
    """Runs that somebody should go on with, the longest left alone first; one of an agent at a time."""
    free = Q(status=SyncRun.Status.WAITING) | Q(status=SyncRun.Status.RUNNING, claimed_until__lte=ClockTimestamp())
    busy = SyncRun.objects.filter(
        tenant_id=OuterRef("tenant_id"),
        agent_id=OuterRef("agent_id"),
        status=SyncRun.Status.RUNNING,
        claimed_until__gt=ClockTimestamp(),
    )
    rows: QuerySet[SyncRun] = SyncRun.objects.visible_to(principal).filter(free).filter(~Exists(busy))
    return rows.order_by(F("claimed_until").asc(nulls_first=True), "created_at")


def claim(*, principal: Principal, run_id: UUID | None = None) -> SyncRun | None:
    """The named run, or the next one; None where there is none or somebody else works on it."""
    with behind_walls(principal):
        rows = unclaimed(principal).select_for_update(skip_locked=True, of=("self",))
        run = rows.filter(pk=run_id).first() if run_id else rows.first()
        if run is not None:
            begin(run)
        return run


def begin(run: SyncRun) -> None:
    now = timezone.now()
    run.status, run.claimed_until, run.attempts = SyncRun.Status.RUNNING, now + CLAIM, run.attempts + 1
    if run.started_at is None:
        run.started_at = now
        run.since_seq, run.through_seq = span(run)
    run.save(update_fields=["status", "claimed_until", "attempts", "started_at", "since_seq", "through_seq"])


def span(run: SyncRun) -> tuple[int, int]:
    """Numbers of the agent's feed: after which it starts, and up to which it comes."""
    whose = {"tenant_id": run.tenant_id, "agent_id": run.agent_id}
    through = ChangeFeed.objects.filter(**whose).values_list("last_seq", flat=True).first() or 0
    since = AgentProfile.objects.filter(**whose).values_list("synced_seq", flat=True).first() or 0
    return (0 if run.forced else min(since, through)), through


def carry_on(run: SyncRun, *, seconds: float, limit: int) -> bool:
    """Works on a claimed run for about so long, in slices of ``limit`` things; whether it is over.

    A step that fails is noted in ``run.errors``, and the other steps go on.
    """
    principal = principal_of(run)
    deadline = time.monotonic() + seconds
    if run.attempts > MOST_ATTEMPTS:
        run.errors = [*run.errors, {"step": "", "error": f"Its process ended {run.attempts - 1} times. Given up."}]
    else:
        for name, step in remaining(run):
            if not carry_step(run, name, step, principal=principal, deadline=deadline, limit=limit):
                give_back(run, principal)
                return False
    conclude(run, principal)
    return True


def principal_of(run: SyncRun) -> Principal:
    """Runs are carried out by the hub, whoever asked for them: so any process may go on with one."""
    return system_principal("sync", run.tenant_id)


def remaining(run: SyncRun) -> Iterator[tuple[str, Step]]:
    return ((name, step) for name, step in sync_steps.every() if name not in run.steps_done)


def carry_step(run: SyncRun, name: str, step: Step, *, principal: Principal, deadline: float, limit: int) -> bool:
    """Slices of one step until it is done or the time is up; whether there is time for the next step."""
    while slice_of(run, name, step, principal=principal, limit=limit):
        if time.monotonic() > deadline:
            return False
    return time.monotonic() <= deadline or not any(remaining(run))


def slice_of(run: SyncRun, name: str, step: Step, *, principal: Principal, limit: int) -> bool:
    """One slice, saved with what it did; whether there are more."""
    with behind_walls(principal):
        try:
            with transaction.atomic():
                did = dict(step(run, principal=principal, limit=limit))
        except Exception as error:
            logger.exception("The step '%s' of the sync of agent '%s' failed.", name, run.agent_id)
            run.errors = [*run.errors, {"step": name, "error": f"{type(error).__name__}: {error}"[:LONGEST_ERROR]}]
            did = {}
        more = bool(did.pop("more", 0))
        run.counts = {**run.counts, **{key: run.counts.get(key, 0) + n for key, n in did.items()}}
        run.steps_done = run.steps_done if more else [*run.steps_done, name]
        run.save(update_fields=["counts", "errors", "steps_done"])
    return more


def give_back(run: SyncRun, principal: Principal) -> None:
    """For the next process: at the end of the queue, so that a long run lets the others go first."""
    run.claimed_until, run.attempts = timezone.now(), 0
    with behind_walls(principal):
        run.save(update_fields=["claimed_until", "attempts"])


def conclude(run: SyncRun, principal: Principal) -> None:
    run.status = SyncRun.Status.FAILED if run.errors else SyncRun.Status.DONE
    run.finished_at, run.claimed_until = timezone.now(), None
    with behind_walls(principal):
        run.save(update_fields=["status", "finished_at", "claimed_until", "errors"])
        profile = (
            AgentProfile.objects.select_for_update().filter(tenant_id=run.tenant_id, agent_id=run.agent_id).first()
        )
        if profile is not None:
            note(run, profile)


def note(run: SyncRun, profile: AgentProfile) -> None:
    """What the run means for the agent: when the next one is due, and what all of them did."""
    profile.sync_totals = totalled(run, profile.sync_totals)
    if run.errors:
        profile.sync_failures += 1
        profile.next_sync_at = timezone.now() + pause(profile.sync_failures)
    elif run.user_id is None:
        profile.sync_failures = 0
        profile.last_synced_at, profile.synced_seq = run.started_at, run.through_seq or 0
        profile.next_sync_at = timezone.now() + pause(0)
    profile.save(update_fields=["sync_totals", "sync_failures", "next_sync_at", "last_synced_at", "synced_seq"])


def totalled(run: SyncRun, totals: dict[str, int]) -> dict[str, int]:
    failed = bool(run.errors)
    added = {
        **run.counts,
        "total_syncs": 1,
        "successful_syncs": int(not failed),
        "failed_syncs": int(failed),
        "duration_ms": run.duration_ms or 0,
    }
    return {**totals, **{key: totals.get(key, 0) + n for key, n in added.items()}}


def pause(failures: int) -> timedelta:
    """Until the next run: the interval, doubled by each failure up to an hour (or the interval, if that is longer)."""
    interval = timedelta(seconds=settings.CONFIG.agents.sync_interval_seconds)
    doubled: timedelta = interval * 2 ** min(failures, 12)
    return min(doubled, max(LONGEST_PAUSE, interval))
