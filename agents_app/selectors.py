"""How agents and their coordination stand: read from the database, never from a process's memory."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum

from agents_app.models import AgentProfile, ChangeFeed, Conflict, Severity, SyncRun
from agents_app.services import profiles, replicas
from agents_app.services.conflicts.reach import conflicts_in_reach
from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import Agent, Grant
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.models import ContextEntry, EntryLock
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.sync.models import HubEpoch

MEGABYTE = 2**20
ALLOCATION = "SELECT agent_id, memory_type, layer, n, bytes, shared FROM agents_allocation(%s, %s)"


@dataclass(frozen=True)
class Allocation:
    """Agent-scoped memories that are there (neither deleted nor archived nor past their end), by whose they are.

    ``user_id`` None: of all users and of none. ``storage_utilization_mb``: 2^20 bytes of values, searchable texts
    and metadata as the database stores them. ``shared_memories``: those that at least one other agent may read.
    """

    user_id: str | None
    total_memories: int
    storage_utilization_mb: float
    agent_breakdown: dict[str, int]
    memory_type_breakdown: dict[str, int]
    layer_breakdown: dict[str, int]
    shared_memories: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


@verb
def allocation(user_id: str | None = None, *, principal: Principal, agent_id: str | None = None) -> Allocation:
    """What the agents of the tenant keep, about one user or in total; exact. ``agent_id``: of one agent alone.

    A key bound to a user counts that user's. Agents without a memory are counted with 0.
    """
    principal.require("read")
    profiles.tenant_of(principal)
    user = principal.naming(user_id=user_id).named_user
    with connection.cursor() as cursor:
        cursor.execute(ALLOCATION, [user, agent_id])
        rows = cursor.fetchall()
    known = [agent_id] if agent_id else agents(principal=principal).values_list("agent_id", flat=True)
    return summed(user, rows, list(known))


def summed(user_id: str | None, rows: list[tuple[Any, ...]], known: list[str]) -> Allocation:
    by_agent: Counter[str] = Counter(dict.fromkeys(known, 0))
    by_type: Counter[str] = Counter()
    by_layer: Counter[str] = Counter()
    size = shared = 0
    for agent, memory_type, layer, n, taken, opened in rows:
        by_agent[agent] += n
        by_type[memory_type] += n
        by_layer[layer] += n
        size, shared = size + taken, shared + opened
    total = sum(by_agent.values())
    megabytes = round(size / MEGABYTE, 6)
    return Allocation(user_id, total, megabytes, dict(by_agent), dict(by_type), dict(by_layer), shared)


def agents(*, principal: Principal, active: bool | None = None) -> QuerySet[Agent]:
    """The agents of the caller's tenant."""
    principal.require("read")
    rows: QuerySet[Agent] = Agent.objects.visible_to(principal)
    return rows if active is None else rows.filter(active=active)


def profiles_of(found: list[Agent]) -> dict[tuple[str, str], AgentProfile]:
    """The saved profiles of these agents, by tenant and agent; in one query."""
    wanted = Q(tenant_id__in={agent.tenant_id for agent in found}, agent_id__in=[agent.agent_id for agent in found])
    return {(profile.tenant_id, profile.agent_id): profile for profile in AgentProfile.objects.filter(wanted)}


@verb
def agent(agent_id: str, *, principal: Principal) -> Agent:
    """The agent, switched on or off, for whoever may act in its tenant. Raises NotFound."""
    found: Agent | None = Agent.objects.visible_to(principal).filter(agent_id=agent_id).first()
    if found is None:
        raise NotFound(f"There is no agent '{agent_id}' here. Register it first.")
    return found


@dataclass(frozen=True)
class AgentStatus:
    """How one agent stands. ``lag`` of a replica: numbers of the feed that it has not taken yet."""

    agent: Agent
    profile: AgentProfile
    memories: dict[str, Any]
    locks_held: int
    open_conflicts: int
    replicas: list[dict[str, Any]]
    last_run: SyncRun | None
    epoch: int
    last_seq: int


@verb
def status(agent_id: str, *, principal: Principal) -> AgentStatus:
    """Profile, memories, locks held, open conflicts, replicas, last sync and feed position. Raises NotFound."""
    principal.require("read")
    found = agent(agent_id, principal=principal)
    last_seq = feed_position(agent_id, principal)
    return AgentStatus(
        agent=found,
        profile=profiles.of_agent(agent_id, principal=principal),
        memories=memories_of(agent_id, principal),
        locks_held=held_locks(principal).filter(holder=agent_id).count(),
        open_conflicts=conflicts_of(agent_id, principal).count(),
        replicas=replicas_of(agent_id, principal, last_seq),
        last_run=runs(principal=principal, agent_id=agent_id).first(),
        epoch=HubEpoch.objects.get().epoch,
        last_seq=last_seq,
    )


def memories_of(agent_id: str, principal: Principal) -> dict[str, Any]:
    own = allocation(principal=principal, agent_id=agent_id)
    granted = Grant.objects.visible_to(principal).filter(agent_id=agent_id)
    if principal.bound_user:
        about = ContextEntry.objects.filter(tenant_id=principal.tenant_id, user_id=principal.bound_user)
        granted = granted.filter(entry_id__in=about.values("pk"))
    return {
        "own": own.total_memories,
        "shared_by_it": own.shared_memories,
        "shared_with_it": granted.count(),
        "storage_utilization_mb": own.storage_utilization_mb,
        "memory_type_breakdown": own.memory_type_breakdown,
        "layer_breakdown": own.layer_breakdown,
    }


def feed_position(agent_id: str, principal: Principal) -> int:
    feeds = ChangeFeed.objects.visible_to(principal).filter(agent_id=agent_id)
    return feeds.values_list("last_seq", flat=True).first() or 0


def held_locks(principal: Principal) -> QuerySet[EntryLock]:
    held = Q(holder__isnull=False, expires_at__gt=ClockTimestamp())
    rows: QuerySet[EntryLock] = EntryLock.objects.visible_to(principal).filter(held)
    return rows.filter(entry__user_id=principal.bound_user) if principal.bound_user else rows


def conflicts_of(agent_id: str, principal: Principal) -> QuerySet[Conflict]:
    """Open conflicts about the agent's memories, or in which it offers a value."""
    concerned = Q(agent_id=agent_id) | Q(candidates__agent_id=agent_id)
    rows: QuerySet[Conflict] = conflicts_in_reach(principal).filter(concerned, status=Conflict.Status.OPEN)
    return rows.distinct()


def replicas_of(agent_id: str, principal: Principal, last_seq: int) -> list[dict[str, Any]]:
    rows = replicas.registered(principal=principal, agent_id=agent_id)
    return [
        {
            "replica_id": replica.pk,
            "name": replica.name,
            "user_id": replica.user_id,
            "epoch": replica.epoch,
            "acked_seq": replica.acked_seq,
            "lag": max(last_seq - replica.acked_seq, 0),
            "last_pull_at": replica.last_pull_at,
            "last_push_at": replica.last_push_at,
        }
        for replica in rows
    ]


def sync_totals(principal: Principal) -> Counter[str]:
    """What all runs of the tenant's agents did together."""
    found: Counter[str] = Counter()
    for totals in AgentProfile.objects.visible_to(principal).values_list("sync_totals", flat=True):
        found.update(totals)
    return found


def runs(*, principal: Principal, agent_id: str | None = None, status: str | None = None) -> QuerySet[SyncRun]:
    """Sync runs of the caller's tenant; an agent sees its own, a key bound to a user those about that user alone."""
    principal.require("read")
    rows: QuerySet[SyncRun] = SyncRun.objects.visible_to(principal)
    if principal.bound_user:
        rows = rows.filter(user_id=principal.bound_user)
    if principal.kind == "key" and principal.agent_id and not principal.is_admin:
        rows = rows.filter(agent_id=principal.agent_id)
    if agent_id:
        rows = rows.filter(agent_id=agent_id)
    return rows.filter(status=status) if status else rows


@verb
def run(run_id: UUID, *, principal: Principal) -> SyncRun:
    """One run. Raises NotFound."""
    found: SyncRun | None = runs(principal=principal).filter(pk=run_id).first()
    if found is None:
        raise NotFound()
    return found


@verb
def statistics(*, principal: Principal) -> dict[str, Any]:
    """Totals of all sync runs, locks held now, conflicts that wait."""
    principal.require("read")
    profiles.tenant_of(principal)
    waiting = SyncRun.objects.visible_to(principal).filter(status__in=[SyncRun.Status.WAITING, SyncRun.Status.RUNNING])
    return {
        "service_stats": service_stats(principal) | {"syncs_waiting": waiting.count()},
        "active_locks": lock_stats(principal),
        "pending_conflicts": conflict_stats(principal),
        "sync_interval_seconds": settings.CONFIG.agents.sync_interval_seconds,
    }


def service_stats(principal: Principal) -> dict[str, Any]:
    totals, syncing = sync_totals(principal), AgentProfile.objects.visible_to(principal)
    names = (
        "total_syncs",
        "successful_syncs",
        "failed_syncs",
        "memories_synced",
        "memories_shared",
        "conflicts_detected",
        "conflicts_resolved",
    )
    runs = totals["total_syncs"]
    return {name: totals[name] for name in names} | {
        "average_duration_ms": round(totals["duration_ms"] / runs) if runs else 0,
        "failing_agents": sorted(syncing.filter(sync_failures__gt=0).values_list("agent_id", flat=True)),
        "last_sync": latest(list(syncing.values_list("last_synced_at", flat=True))),
    }


def latest(moments: list[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def lock_stats(principal: Principal) -> dict[str, Any]:
    held = held_locks(principal).order_by().values("holder").annotate(n=Count("pk"))
    by_agent = {row["holder"]: row["n"] for row in held}
    return {"count": sum(by_agent.values()), "by_agent": by_agent}


def conflict_stats(principal: Principal) -> dict[str, Any]:
    waiting = Conflict.objects.visible_to(principal).filter(status=Conflict.Status.OPEN).order_by()
    found = {row["severity"]: row["n"] for row in waiting.values("severity").annotate(n=Count("pk"))}
    by_severity = {severity.value: found.get(severity, 0) for severity in Severity}
    oldest = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    return {"count": sum(by_severity.values()), "by_severity": by_severity, "oldest": oldest}


@verb
def coordinator_status(*, principal: Principal) -> dict[str, Any]:
    """The published status of the coordination as a whole, with one line per agent.

    ``cross_agent_shares`` are the grants that there are now. ``total_coordinated_operations`` is what agents did
    together: changes announced to them, locks given, conflicts found, syncs.
    """
    principal.require("read")
    figures = statistics(principal=principal)
    lines = agent_lines(principal)
    shares = Grant.objects.visible_to(principal).count()
    return {
        "coordinator_stats": {
            "registered_agents": len(lines),
            "active_agents": sum(line["active"] for line in lines.values()),
            "cross_agent_shares": shares,
            "total_coordinated_operations": operations(principal, figures["service_stats"]["total_syncs"]),
            "total_syncs": figures["service_stats"]["total_syncs"],
            "conflicts_resolved": decided(principal),
        },
        "agents": lines,
        "sync_stats": figures,
    }


def decided(principal: Principal) -> int:
    return int(Conflict.objects.visible_to(principal).filter(status=Conflict.Status.RESOLVED).count())


def operations(principal: Principal, syncs: int) -> int:
    announced = ChangeFeed.objects.visible_to(principal).aggregate(n=Sum("last_seq", default=0))["n"]
    locks = EntryLock.objects.visible_to(principal).aggregate(n=Sum("fence", default=0))["n"]
    return int(announced) + int(locks) + Conflict.objects.visible_to(principal).count() + syncs


def agent_lines(principal: Principal) -> dict[str, dict[str, Any]]:
    known = list(agents(principal=principal).order_by("agent_id"))
    saved = profiles_of(known)
    return {agent.agent_id: line(agent, saved.get((agent.tenant_id, agent.agent_id))) for agent in known}


def line(agent: Agent, saved: AgentProfile | None) -> dict[str, Any]:
    profile = saved or profiles.blank(agent.tenant_id, agent.agent_id)
    return {
        "active": agent.active,
        "priority": profile.priority,
        "last_synced_at": profile.last_synced_at,
        "sync_failures": profile.sync_failures,
    }
