"""Every example of the published interface for several agents, run against a live hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents_app.services import defaults, syncing
from memoryhub.access.principals import system_principal
from memoryhub.access.services import keys, tenants
from memoryhub_client import (
    ConflictResolution,
    HubError,
    MemoryClient,
    MemorySyncService,
    MultiAgentCoordinator,
    create_memory_sync_service,
    create_multi_agent_coordinator,
)

pytestmark = pytest.mark.django_db(transaction=True)
TENANT, USER, SESSION = "hearth", "user_123", "sess_abc"
AGENTS = ("alden", "alice", "sentry", "mimic")
SYSTEM = system_principal("test", TENANT)
Example = Callable[[MultiAgentCoordinator], Awaitable[None]]


@pytest.fixture
def credentials(live_server, monkeypatch) -> tuple[str, str]:
    """The address of a hub with the published agents, and an administrator's key."""
    # no queue runs beside the test: a sync run is carried out by the request that asks for it
    monkeypatch.setattr(syncing, "WAIT_SECONDS", 60)
    tenants.ensure(tenant_id=TENANT, principal=SYSTEM)
    defaults.install(principal=SYSTEM, tenant_id=TENANT)
    _, key = keys.create(tenant_id=TENANT, scopes=["read", "write", "admin"], principal=SYSTEM)
    return live_server.url, key


@pytest.fixture
def run(credentials) -> Callable[[Example], None]:
    """Runs an example with a coordinator whose agents are registered."""

    async def with_coordinator(example: Example) -> None:
        async with coordinated(*credentials) as coordinator:
            await example(coordinator)

    return lambda example: asyncio.run(with_coordinator(example))


@asynccontextmanager
async def coordinated(url: str, key: str) -> AsyncIterator[MultiAgentCoordinator]:
    coordinator = await create_multi_agent_coordinator(url=url, api_key=key, sync_interval_seconds=60)
    try:
        await coordinator.register_agent("alden")
        await coordinator.register_agent("alice")
        await coordinator.register_agent("sentry")
        await coordinator.register_agent("mimic")
        yield coordinator
    finally:
        await coordinator.close()


async def store(coordinator: MultiAgentCoordinator) -> str:
    return await coordinator.store_agent_memory(
        agent_id="alden",
        user_id=USER,
        session_id=SESSION,
        content="User prefers dark mode interface",
        memory_category="preference",
        share_with_agents=["alice", "mimic"],
        importance_score=0.8,
    )


def test_sync_of_one_agent_and_of_all(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        sync_service = coordinator.sync_service
        await store(coordinator)
        sync_results = await sync_service.sync_agent_memories(
            agent_id="alden", user_id=USER, session_id=SESSION, force_sync=False
        )
        assert (sync_results["agent_id"], sync_results["status"]) == ("alden", "done")
        assert sync_results.keys() >= {"memories_synced", "memories_shared", "conflicts_detected", "conflicts_resolved"}
        all_results = await coordinator.sync_all_agents(user_id=USER, force_sync=True)
        assert set(all_results) >= set(AGENTS)
        assert {result["status"] for result in all_results.values()} == {"done"}

    run(example)


def test_locks_are_acquired_and_released(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        sync_service = coordinator.sync_service
        memory_id = await store(coordinator)
        lock_acquired = await sync_service.acquire_memory_lock(
            memory_id=memory_id, agent_id="alden", lock_duration_minutes=5, wait_for_lock=True
        )
        assert lock_acquired is True
        assert sync_service.fence(memory_id, "alden")
        released = await sync_service.release_memory_lock(memory_id=memory_id, agent_id="alden")
        assert released is True
        assert await sync_service.get_active_locks() == {}

    run(example)


def test_a_lock_that_another_holds_is_waited_for_or_not(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        service = coordinator.sync_service
        memory_id = await store(coordinator)
        await coordinator.share(memory_id, ["alice"], can_write=True, acting="alden")
        assert await service.acquire_memory_lock(memory_id, "alden")
        assert not await service.acquire_memory_lock(memory_id, "alice", wait_for_lock=False)
        assert not await service.release_memory_lock(memory_id, "alice")
        waiting = asyncio.create_task(service.acquire_memory_lock(memory_id, "alice", wait_seconds=20))
        await asyncio.sleep(0.1)
        assert await service.release_memory_lock(memory_id, "alden")
        assert await waiting is True

    run(example)


def test_conflict_strategies_decide(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        client, memory_id = coordinator.client, await store(coordinator)
        stale = {"entry_id": memory_id, "user_id": USER, "base_version": None, "strategy": "manual_review"}
        acting = {"headers": {"X-Agent-Id": "alden"}}
        opened = client.call("POST", "/memory/agents/conflicts", stale | {"value": "User prefers light mode"}, **acting)
        conflict_id = opened["conflict_id"]
        sync_service = coordinator.sync_service
        for undecided in (ConflictResolution.MANUAL_REVIEW, ConflictResolution.MERGE_CONTENT):
            assert not await sync_service.resolve_conflict(conflict_id, undecided)
        resolved = await sync_service.resolve_conflict(
            conflict_id=conflict_id, resolution_strategy=ConflictResolution.AGENT_PRIORITY
        )
        assert resolved is True
        decided = client.conflict(conflict_id)
        assert (decided["status"], decided["resolution"]) == ("resolved", "agent_priority")
        assert not await sync_service.resolve_conflict(conflict_id, ConflictResolution.LATEST_WINS)

    run(example)


def test_a_shared_memory_is_in_the_slices_of_those_it_is_shared_with(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        memory_id = await store(coordinator)
        assert memory_id
        memory_slice = await coordinator.sync_service.get_agent_memory_slice(
            agent_id="alden", user_id=USER, include_sync_metadata=True
        )
        total_memories = memory_slice["statistics"]["total_memories"]
        locked_memories = memory_slice["statistics"]["locked_memories"]
        assert (total_memories, locked_memories) == (1, 0)
        for agent_id, seen in (("alice", 1), ("mimic", 1), ("sentry", 0)):
            other = await coordinator.sync_service.get_agent_memory_slice(agent_id, USER)
            assert [(m["memory_id"], m["is_shared"], m["source_agent"]) for m in other["memories"]] == [
                (memory_id, True, "alden")
            ] * seen

    run(example)


class AldenPersona:
    """As an agent's code takes the coordinator in."""

    def __init__(self, llm_client: Callable[[str], str], coordinator: MultiAgentCoordinator | None = None) -> None:
        self.llm_client = llm_client
        self.coordinator = coordinator

    async def generate_response(self, user_message: str, session_id: str, user_id: str) -> str:
        response = self.llm_client(user_message)
        if self.coordinator:
            await self.coordinator.store_agent_memory(
                agent_id="alden",
                user_id=user_id,
                session_id=session_id,
                content=f"User: {user_message}\nAlden: {response}",
                memory_type="episodic",
                memory_category="conversation",
            )
        return response


def test_a_persona_stores_what_was_said(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        persona = AldenPersona(lambda message: "Of course.", coordinator)
        assert await persona.generate_response("Turn the lights off", SESSION, USER) == "Of course."
        kept = await coordinator.sync_service.get_agent_memory_slice("alden", USER)
        (memory,) = kept["memories"]
        assert memory["content"] == "User: Turn the lights off\nAlden: Of course."
        assert (memory["memory_type"], memory["category"]) == ("episodic", "conversation")

    run(example)


def test_an_enhanced_search_tells_own_from_shared(run, capsys):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        async def enhanced_search(query: str, user_id: str, agent_id: str) -> None:
            results = await coordinator.search_agent_memories(
                agent_id=agent_id,
                user_id=user_id,
                query=query,
                include_shared_memories=True,
                search_type="hybrid",
            )
            for result in results:
                if result["is_shared"]:
                    print(f"Shared from {result['source_agent']}: {result['memory']['content']}")
                else:
                    print(f"Own memory: {result['memory']['content']}")

        await store(coordinator)
        await enhanced_search("dark mode", USER, "alden")
        await enhanced_search("dark mode", USER, "alice")
        await enhanced_search("dark mode", USER, "sentry")

    run(example)
    assert capsys.readouterr().out.splitlines() == [
        "Own memory: User prefers dark mode interface",
        "Shared from alden: User prefers dark mode interface",
    ]


def test_monitoring_prints_figures(run, capsys):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        sync_service = coordinator.sync_service
        memory_id = await store(coordinator)
        await sync_service.acquire_memory_lock(memory_id, "alden")
        await sync_service.sync_agent_memories("alden", USER)

        stats = await sync_service.get_sync_statistics()
        print(f"Total syncs: {stats['service_stats']['total_syncs']}")
        print(f"Active locks: {stats['active_locks']['count']}")
        print(f"Pending conflicts: {stats['pending_conflicts']['count']}")

        status = await coordinator.get_coordinator_status()
        print(f"Active agents: {status['coordinator_stats']['active_agents']}")
        print(f"Cross-agent shares: {status['coordinator_stats']['cross_agent_shares']}")
        assert status["coordinator_stats"]["total_coordinated_operations"] > 0
        assert status["client"] == {"background_sync": True, "failed_syncs_in_a_row": 0}

        allocation = await coordinator.get_memory_allocation(USER)
        print(f"Total memories: {allocation.total_memories}")
        print(f"Storage: {allocation.storage_utilization_mb:.1f} MB")
        for agent_id, count in allocation.agent_breakdown.items():
            print(f"{agent_id}: {count} memories")

    run(example)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:3] == ["Total syncs: 1", "Active locks: 1", "Pending conflicts: 0"]
    assert printed[3] == "Active agents: 4"
    assert printed[4].startswith("Cross-agent shares: ")
    assert printed[5:7] == ["Total memories: 1", "Storage: 0.0 MB"]
    assert sorted(printed[7:]) == [f"{a}: {int(a == 'alden')} memories" for a in sorted(AGENTS)]


def test_debug_commands(run):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        sync_service = coordinator.sync_service
        memory_id = await store(coordinator)
        assert await sync_service.acquire_memory_lock(memory_id, "alden")

        health = await coordinator.get_coordinator_status()
        assert health["coordinator_stats"]["active_agents"] == 4
        await sync_service.sync_agent_memories("alden", USER, force_sync=True)
        assert set(sync_service.active_locks) == {memory_id}
        for held in sync_service.active_locks:
            await sync_service.release_memory_lock(held, "system", force=True)
        assert sync_service.active_locks == {}

    run(example)


def test_a_lock_is_forced_by_a_service_that_did_not_take_it(run, credentials):
    async def example(coordinator: MultiAgentCoordinator) -> None:
        memory_id = await store(coordinator)
        assert await coordinator.sync_service.acquire_memory_lock(memory_id, "alden")
        other: MemorySyncService = create_memory_sync_service(*credentials)
        assert await other.release_memory_lock(memory_id, "system", force=True)
        assert other.active_locks == {}
        other.client.close()

    run(example)


def test_the_environment_names_hub_and_key(credentials, monkeypatch):
    monkeypatch.setenv("MEMORYHUB_URL", credentials[0])
    monkeypatch.setenv("MEMORYHUB_API_KEY", credentials[1])

    async def example() -> None:
        coordinator = await create_multi_agent_coordinator()
        assert coordinator.sync_interval_seconds == 60
        assert (await coordinator.get_coordinator_status())["coordinator_stats"]["active_agents"] == 4
        await coordinator.close()

    asyncio.run(example())


def test_the_background_sync_runs_and_survives_failures(credentials):
    async def example() -> None:
        coordinator = await create_multi_agent_coordinator(*credentials, sync_interval_seconds=0.05)
        for _ in range(400):
            stats = await coordinator.sync_service.get_sync_statistics()
            if stats["service_stats"]["total_syncs"]:
                break
            await asyncio.sleep(0.05)
        assert stats["service_stats"]["total_syncs"] > 0
        coordinator.client.transport.api_key = "wrong"
        for _ in range(400):
            if coordinator.sync_failures:
                break
            await asyncio.sleep(0.05)
        assert coordinator.sync_failures > 0
        await coordinator.close()
        with pytest.raises(HubError):
            await coordinator.get_memory_allocation()
        coordinator.client.close()

    asyncio.run(example())


class BatchFails(MemoryClient):
    """A hub that cannot sync all agents at once, and one of them not at all."""

    def call(self, method: str, path: str, *given: Any, **named: Any) -> dict[str, Any]:
        if path in ("/memory/agents/sync", "/memory/agents/mimic/sync"):
            raise HubError(503, {"code": "unavailable", "detail": "No."})
        return super().call(method, path, *given, **named)


def test_when_a_batch_fails_each_agent_is_synced_by_itself(credentials):
    async def example() -> None:
        coordinator = MultiAgentCoordinator(BatchFails(*credentials, retries=0), sync_interval_seconds=0)
        results = await coordinator.sync_all_agents()
        assert {agent: result["status"] for agent, result in results.items()} == {
            "alden": "done",
            "alice": "done",
            "mimic": "failed",
            "sentry": "done",
        }
        await coordinator.close()

    asyncio.run(example())
