"""Sync runs: asked for, due, carried out. The run's row is what has to be done; the queue only rings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from agents_app.models import AgentProfile, SyncRun
from agents_app.services import profiles, sync_work
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.services import agents, audit
from memoryhub.access.walls import behind_walls, verb
from memoryhub.sync.services import job_runs

#: A web process works this long on what it is asked for; the queue does the rest.
WAIT_SECONDS = 0.25
#: Of one run before the next has its turn, and of one slice of the job. The queue kills a task after 60 s.
RUN_SECONDS, JOB_SECONDS = 4.0, 12.0
SMALL_SLICE, SLICE = 20, 500
#: The job comes by every minute: what is due a moment later is not left until the next time.
EARLY = timedelta(seconds=10)
#: So many tasks in the queue ring loud enough.
ENOUGH_BELLS = 10
RING = "agents_app.tasks.run_waiting_syncs"


def sync_agent(agent_id: str, *, principal: Principal, user_id: str | None = None, force: bool = False) -> SyncRun:
    """Brings one agent up to date; ``user_id`` limits it to what is about that user, ``force`` does everything again.

    Needs ``write``; NotFound for an agent that is unknown or switched off. Works for up to ``WAIT_SECONDS``; a run that
    is not over then (``SyncRun.is_over``) is finished by the queue. One that waits already is joined.
    """
    run = request(agent_id, principal=principal, user_id=user_id, force=force)
    return work_on([run])[0]


def sync_all(*, principal: Principal, user_id: str | None = None, force: bool = False) -> list[SyncRun]:
    """As ``sync_agent``, for every active agent of the tenant. One failure never stops the others."""
    return work_on(request_all(principal=principal, user_id=user_id, force=force))


@verb
def request(agent_id: str, *, principal: Principal, user_id: str | None = None, force: bool = False) -> SyncRun:
    """A run that waits for somebody to carry it out."""
    principal.require("write")
    tenant_id = profiles.tenant_of(principal)
    agents.known(principal=principal, agent_id=agent_id)
    return ask_for([agent_id], tenant_id, principal, user_id, force)[0]


@verb
def request_all(*, principal: Principal, user_id: str | None = None, force: bool = False) -> list[SyncRun]:
    """A waiting run for every active agent of the tenant."""
    principal.require("write")
    tenant_id = profiles.tenant_of(principal)
    found = Agent.objects.filter(tenant_id=tenant_id, active=True).order_by("agent_id")
    return ask_for(list(found.values_list("agent_id", flat=True)), tenant_id, principal, user_id, force)


def ask_for(
    agent_ids: Sequence[str], tenant_id: str, principal: Principal, user_id: str | None, force: bool
) -> list[SyncRun]:
    user = principal.naming(user_id=user_id).named_user
    profiles.ensure_rows(tenant_id, agent_ids)
    wait_in_line(agent_ids, tenant_id, user_id=user, forced=force, requested_by=principal.actor)
    audit.record(
        "agents.sync.requested",
        principal=principal,
        object_type="agent",
        object_id=agent_ids[0] if len(agent_ids) == 1 else "",
        new={"agents": list(agent_ids), "user_id": user, "forced": force},
    )
    runs = SyncRun.objects.filter(tenant_id=tenant_id, user_id=user, status=SyncRun.Status.WAITING)
    if force:
        runs.filter(agent_id__in=agent_ids, forced=False).update(forced=True)
    return list(runs.filter(agent_id__in=agent_ids).order_by("agent_id"))


def wait_in_line(
    agent_ids: Sequence[str],
    tenant_id: str,
    *,
    trigger: SyncRun.Trigger = SyncRun.Trigger.DEMAND,
    user_id: str | None = None,
    forced: bool = False,
    requested_by: str = "",
) -> None:
    """A waiting run for each; one that waits already stays the only one."""
    asked = {"tenant_id": tenant_id, "user_id": user_id, "forced": forced, "requested_by": requested_by}
    made = [SyncRun(agent_id=agent_id, trigger=trigger, **asked) for agent_id in agent_ids]
    SyncRun.objects.bulk_create(made, ignore_conflicts=True)


def work_on(runs: list[SyncRun]) -> list[SyncRun]:
    """Carries the runs on while the caller waits, and rings for what is left."""
    deadline = time.monotonic() + WAIT_SECONDS
    done = [carried(run, deadline) for run in runs]
    if not all(run.is_over for run in done):
        ring()
    return done


def carried(run: SyncRun, deadline: float) -> SyncRun:
    left = deadline - time.monotonic()
    mine = sync_work.claim(principal=sync_work.principal_of(run), run_id=run.pk) if left > 0 else None
    if mine is None:
        return run
    sync_work.carry_on(mine, seconds=left, limit=SMALL_SLICE)
    return mine


def ring() -> None:
    """Calls the queue now instead of at the next minute, unless it is called already."""
    if OrmQ.objects.count() < ENOUGH_BELLS:
        async_task(RING)


def sync_agents(*, principal: Principal, limit: int) -> dict[str, int]:
    """One slice of the job: puts the agents that are due in line, then carries out what waits; how many of each."""
    due = put_due_in_line(principal=principal, limit=limit)
    done = failed = 0
    deadline = time.monotonic() + JOB_SECONDS
    while done + failed < limit and (run := sync_work.claim(principal=principal)):
        sync_work.carry_on(run, seconds=min(RUN_SECONDS, deadline - time.monotonic()), limit=SLICE)
        done, failed = done + (run.status == SyncRun.Status.DONE), failed + (run.status == SyncRun.Status.FAILED)
        if time.monotonic() > deadline:
            job_runs.afterwards(ring)  # for what is left, which else would wait for the next minute
            break
    return {"due": due, "synced": done, "failed": failed}


def put_due_in_line(*, principal: Principal, limit: int) -> int:
    """Agents whose time has come, and those that nobody registered with a profile; how many."""
    with behind_walls(principal):
        give_profiles(principal, limit)
        active = Agent.objects.filter(tenant_id=OuterRef("tenant_id"), agent_id=OuterRef("agent_id"), active=True)
        due = AgentProfile.objects.visible_to(principal).filter(
            Exists(active), next_sync_at__lte=timezone.now() + EARLY
        )
        found = list(due.order_by("next_sync_at").select_for_update(skip_locked=True, of=("self",))[:limit])
        for profile in found:
            if not under_way(profile):
                wait_in_line([profile.agent_id], profile.tenant_id, trigger=SyncRun.Trigger.SCHEDULE)
        later = timezone.now() + timedelta(seconds=settings.CONFIG.agents.sync_interval_seconds)
        AgentProfile.objects.filter(pk__in=[profile.pk for profile in found]).update(next_sync_at=later)
    return len(found)


def under_way(profile: AgentProfile) -> bool:
    """Whether a run about everything of this agent is open already."""
    whose = {"tenant_id": profile.tenant_id, "agent_id": profile.agent_id, "user_id": None}
    return SyncRun.objects.filter(**whose, status__in=sync_work.OPEN).exists()


def give_profiles(principal: Principal, limit: int) -> None:
    known = AgentProfile.objects.filter(tenant_id=OuterRef("tenant_id"), agent_id=OuterRef("agent_id"))
    without = Agent.objects.visible_to(principal).filter(~Exists(known), active=True)
    for tenant_id, agent_id in without.order_by("pk").values_list("tenant_id", "agent_id")[:limit]:
        profiles.ensure_rows(tenant_id, [agent_id])


def purge_runs(*, principal: Principal, limit: int) -> int:
    """Removes runs that ended longer than ``sync.keep_days`` ago; how many. What they did stays in the totals."""
    cutoff = timezone.now() - timedelta(days=settings.CONFIG.sync.keep_days)
    with behind_walls(principal):
        old = SyncRun.objects.visible_to(principal).filter(finished_at__lt=cutoff)
        return int(SyncRun.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()[0])
