"""Coordination of agents under the names of the published interface, for Python code inside the hub's process.

The verbs are those of the API. ``principal`` acts as the named agent: the agent's own, one of no agent, or one that
governs the tenant (``admin``, staff, the system).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from agents_app import selectors
from agents_app.selectors import Allocation
from agents_app.services import memories, profiles, slices, sync_results, syncing
from agents_app.services.conflicts import deciding
from agents_app.services.conflicts.results import Decided
from agents_app.services.profiles import Registered
from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal
from memoryhub.access.services import agents
from memoryhub.access.visibility import sees_everything
from memoryhub.registry.services import locks
from memoryhub.registry.services.locks import Acquired, Released


def acting(principal: Principal, agent_id: str) -> Principal:
    """The principal as this agent. Raises Forbidden ``agent_mismatch``, NotFound for no active agent."""
    if principal.agent_id == agent_id:
        return principal
    if principal.agent_id is not None and not principal.is_admin:
        raise Forbidden("This principal acts for another agent.", code="agent_mismatch")
    agents.known(principal=principal, agent_id=agent_id)
    return replace(principal, agent_id=agent_id)


def register_agent(agent_id: str, *, principal: Principal, **profile: Any) -> Registered:
    """As ``profiles.register``."""
    return profiles.register(principal=principal, agent_id=agent_id, **profile)


def store_agent_memory(
    agent_id: str,
    user_id: str | None,
    session_id: str | None,
    content: Any,
    *,
    principal: Principal,
    share_with_agents: Sequence[str] = (),
    **attributes: Any,
) -> UUID:
    """Stores a memory of the agent and opens it to others; its id. ``attributes`` as ``memories.store`` takes them."""
    kept = memories.store(
        content,
        principal=acting(principal, agent_id),
        user_id=user_id,
        session_id=session_id,
        share_with_agents=share_with_agents,
        **attributes,
    )
    return kept.stored.entry_id


def search_agent_memories(
    agent_id: str, user_id: str | None, query: str, *, principal: Principal, **options: Any
) -> list[dict[str, Any]]:
    """The best of the agent's slice, each ``{"memory", "is_shared", "source_agent", "grant", "score"}``.

    ``options`` as ``memories.search`` takes them: include_shared_memories, search_type, limit, …
    """
    return memories.search(query, principal=acting(principal, agent_id), user_id=user_id, **options)[1]


def get_agent_memory_slice(
    agent_id: str, user_id: str | None = None, *, principal: Principal, include_sync_metadata: bool = True
) -> dict[str, Any]:
    """What the agent sees, with figures under ``statistics``; as ``slices.of_agent``."""
    caller = acting(principal, agent_id)
    return slices.of_agent(agent_id, principal=caller, user_id=user_id, include_sync_metadata=include_sync_metadata)


def get_memory_allocation(user_id: str | None = None, *, principal: Principal) -> Allocation:
    """Which agent keeps how much about the user, or in total."""
    return selectors.allocation(user_id, principal=principal)


def sync_agent_memories(
    agent_id: str, user_id: str | None = None, *, principal: Principal, force_sync: bool = False
) -> dict[str, Any]:
    """One agent brought up to date; ``sync_results.result`` of its run."""
    run = syncing.sync_agent(agent_id, principal=acting(principal, agent_id), user_id=user_id, force=force_sync)
    return sync_results.result(run)


def sync_all_agents(
    user_id: str | None = None, *, principal: Principal, force_sync: bool = False
) -> dict[str, dict[str, Any]]:
    """Every active agent brought up to date, by agent. One failure never stops the others."""
    runs = syncing.sync_all(principal=principal, user_id=user_id, force=force_sync)
    return {run.agent_id: sync_results.result(run) for run in runs}


def get_sync_statistics(*, principal: Principal) -> dict[str, Any]:
    """``service_stats``, ``active_locks``, ``pending_conflicts``; as ``selectors.statistics``."""
    return selectors.statistics(principal=principal)


def get_coordinator_status(*, principal: Principal) -> dict[str, Any]:
    """``coordinator_stats`` and a line per agent; as ``selectors.coordinator_status``."""
    return selectors.coordinator_status(principal=principal)


def acquire_memory_lock(
    memory_id: UUID,
    agent_id: str,
    *,
    principal: Principal,
    lock_duration_minutes: float | None = None,
    wait_for_lock: bool = False,
) -> Acquired:
    """The lock (``granted``) or a place in its queue; ``fence`` goes into ``principal.fence`` of who then writes."""
    seconds = None if lock_duration_minutes is None else lock_duration_minutes * 60
    return locks.acquire(memory_id, principal=acting(principal, agent_id), seconds=seconds, wait=wait_for_lock)


def release_memory_lock(
    memory_id: UUID, agent_id: str, *, principal: Principal, force: bool = False, reason: str = ""
) -> Released:
    """Gives the lock back. ``force`` takes it from whoever holds it, with ``admin`` and a reason.

    Staff and the system see every memory, so that they need not act as an agent of the tenant to force it.
    """
    caller = principal if force and sees_everything(principal) else acting(principal, agent_id)
    if force:
        return locks.force_release(memory_id, principal=caller, reason=reason)
    return locks.release(memory_id, principal=caller)


def resolve_conflict(conflict_id: UUID, resolution_strategy: str, *, principal: Principal, reason: str = "") -> Decided:
    """Decides an open conflict, as it is at this moment, by a strategy. Raises what ``conflicts.resolve`` raises."""
    seen = deciding.preview(conflict_id, principal=principal, strategy=resolution_strategy)
    return deciding.resolve(
        conflict_id,
        principal=principal,
        conflict_version=seen.conflict_version,
        entry_version=seen.entry_version,
        strategy=resolution_strategy,
        reason=reason,
    )
