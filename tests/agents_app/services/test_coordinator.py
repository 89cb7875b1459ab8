from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from agents_app.services import coordinator
from agents_app.services.conflicts import submitting
from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.principals import ALL_PERMISSIONS, Principal
from memoryhub.registry.services import entries


@pytest.fixture
def boss(admin: Principal) -> Principal:
    """An administrator who registered the agents of the published examples."""
    for agent_id in ("alden", "alice", "mimic"):
        coordinator.register_agent(agent_id, principal=admin)
    return replace(admin, permissions=ALL_PERMISSIONS)


def test_the_published_examples_in_process(boss: Principal) -> None:
    memory_id = coordinator.store_agent_memory(
        "alden",
        "user_123",
        "sess_abc",
        "User prefers dark mode interface",
        principal=boss,
        memory_category="preference",
        share_with_agents=["alice", "mimic"],
        importance_score=0.8,
    )
    [found] = coordinator.search_agent_memories(
        "alice", "user_123", "dark mode", principal=boss, include_shared_memories=True, search_type="hybrid"
    )
    assert (found["is_shared"], found["source_agent"]) == (True, "alden")
    assert found["memory"]["content"] == "User prefers dark mode interface"
    memory_slice = coordinator.get_agent_memory_slice("alden", "user_123", principal=boss)
    assert memory_slice["statistics"]["total_memories"] == 1
    allocation = coordinator.get_memory_allocation("user_123", principal=boss)
    assert (allocation.total_memories, allocation.agent_breakdown["alden"]) == (1, 1)
    results = coordinator.sync_all_agents("user_123", principal=boss, force_sync=True)
    assert {name: result["success"] for name, result in results.items()} == dict.fromkeys(
        ("alden", "alice", "mimic"), True
    )
    assert coordinator.sync_agent_memories("alden", principal=boss)["memories_synced"] == 1
    assert coordinator.get_sync_statistics(principal=boss)["service_stats"]["total_syncs"] == 4
    status = coordinator.get_coordinator_status(principal=boss)["coordinator_stats"]
    assert (status["active_agents"], status["cross_agent_shares"]) == (3, 2)
    assert entries.get(memory_id, principal=replace(boss, agent_id="mimic")).key


def test_locks_under_their_published_names(boss: Principal, job: Principal) -> None:
    memory_id = coordinator.store_agent_memory("alden", None, None, "v", principal=boss)
    got = coordinator.acquire_memory_lock(memory_id, "alden", principal=boss, lock_duration_minutes=5)
    assert got.granted
    with pytest.raises(NotFound):
        coordinator.release_memory_lock(memory_id, "system", principal=boss, force=True, reason="maintenance")
    released = coordinator.release_memory_lock(memory_id, "system", principal=job, force=True, reason="maintenance")
    assert released.released


def test_a_conflict_is_resolved_by_a_strategy(boss: Principal) -> None:
    alden = replace(boss, agent_id="alden")
    memory_id = coordinator.store_agent_memory("alden", None, None, {"theme": "dark"}, principal=boss, key="k")
    for theme in ("light", "blue"):
        found = submitting.submit(
            memory_id, principal=alden, base_version=1, value={"theme": theme}, strategy="manual_review"
        )
    assert found.conflict_id is not None
    decided = coordinator.resolve_conflict(found.conflict_id, "latest_wins", principal=boss, reason="the newest counts")
    assert decided.version == 3


def test_who_may_act_for_whom(boss: Principal, as_agent: Callable[..., Principal]) -> None:
    with pytest.raises(Forbidden):
        coordinator.store_agent_memory("alden", None, None, "v", principal=as_agent("alice"))
    with pytest.raises(NotFound):
        coordinator.store_agent_memory("nobody", None, None, "v", principal=boss)
