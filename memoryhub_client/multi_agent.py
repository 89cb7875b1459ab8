"""Several agents that share one memory, kept in step in the background."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
from dataclasses import dataclass, field, fields
from typing import Any, Self
from uuid import UUID

from memoryhub_client.client import MemoryClient
from memoryhub_client.coordinator import without_none, without_success
from memoryhub_client.errors import HubError
from memoryhub_client.memory_sync import Json, MemorySyncService
from memoryhub_client.transport import segment

logger = logging.getLogger(__name__)
#: After failures the next background sync comes later, up to this many intervals.
MOST_INTERVALS = 16


@dataclass(frozen=True, slots=True)
class MemoryAllocation:
    """What the agents keep, about one user or (``user_id`` None) in total."""

    total_memories: int = 0
    storage_utilization_mb: float = 0.0
    agent_breakdown: dict[str, int] = field(default_factory=dict)
    memory_type_breakdown: dict[str, int] = field(default_factory=dict)
    layer_breakdown: dict[str, int] = field(default_factory=dict)
    shared_memories: int = 0
    user_id: str | None = None

    @classmethod
    def from_answer(cls, answer: Json) -> Self:
        return cls(**{f.name: answer[f.name] for f in fields(cls) if f.name in answer})


class MultiAgentCoordinator:
    """Stores and finds memories for any number of agents, and has the hub sync them every interval.

    Made by ``create_multi_agent_coordinator``; ``async with`` closes it. The key must be bound to no agent, and
    needs ``admin`` to register agents and to take locks away.
    """

    def __init__(self, client: MemoryClient, *, sync_interval_seconds: float = 60) -> None:
        self.client = client
        self.sync_interval_seconds = sync_interval_seconds
        self.sync_service = MemorySyncService(client)
        self.sync_failures = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *about: object) -> None:
        await self.close()

    def start(self) -> None:
        """Begins the background sync, in the running loop. An interval of 0 means none."""
        if self._task is None and self.sync_interval_seconds > 0:
            self._task = asyncio.create_task(self._keep_syncing(), name="memory-sync")

    async def close(self) -> None:
        """Ends the background sync and closes the connections."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self.client.close()

    async def register_agent(self, agent_id: str, **profile: Any) -> Json:
        """Makes the agent known; one that is known already stays as it is (HubError 409 if ``profile`` differs).

        ``profile``: name, issue_key, priority, retention_days, conflict_strategy, memory_types, specialties, …
        """
        return without_success(await self._call("POST", "/memory/agents/register", {"agent_id": agent_id, **profile}))

    async def store_agent_memory(
        self,
        agent_id: str,
        content: Any,
        *,
        user_id: str | None = None,
        session_id: str | None = None,
        memory_type: str | None = None,
        memory_category: str | None = None,
        importance_score: float | None = None,
        share_with_agents: list[str] | None = None,
        **more: Any,
    ) -> str:
        """Stores what the agent learned; answers the memory's id. ``more``: key, layer, priority, tags, metadata."""
        named = {
            "user_id": user_id,
            "session_id": session_id,
            "memory_type": memory_type,
            "memory_category": memory_category,
            "importance_score": importance_score,
            "share_with_agents": share_with_agents,
        }
        body = without_none(named | more) | {"content": content}
        answer = await self._call("POST", f"/memory/agents/{segment(agent_id)}/memories", body)
        return str(answer["memory_id"])

    async def search_agent_memories(
        self,
        agent_id: str,
        query: str,
        *,
        user_id: str | None = None,
        include_shared_memories: bool = True,
        search_type: str = "hybrid",
        limit: int = 10,
        **filters: Any,
    ) -> list[Json]:
        """What the agent may see that fits, best first: memory, is_shared, source_agent, score.

        ``search_type``: keyword, semantic, hybrid, fuzzy. ``filters``: memory_type, memory_category, importance_min.
        """
        body = without_none({"user_id": user_id, **filters}) | {
            "query": query,
            "include_shared_memories": include_shared_memories,
            "search_type": search_type,
            "limit": limit,
        }
        return list((await self._call("POST", f"/memory/agents/{segment(agent_id)}/search", body))["results"])

    async def sync_all_agents(self, user_id: str | None = None, force_sync: bool = False) -> dict[str, Json]:
        """The run of each agent. Where the hub cannot do all at once, each is asked for by itself."""
        try:
            return await self.sync_service.sync_all(user_id, force_sync)
        except HubError as problem:
            if problem.status < 500:
                raise
            logger.warning("Syncing all agents failed (%s); syncing them one by one.", problem)
        return await self._sync_one_by_one(user_id, force_sync)

    async def _sync_one_by_one(self, user_id: str | None, force_sync: bool) -> dict[str, Json]:
        done: dict[str, Json] = {}
        for agent in (await self._call("GET", "/memory/agents", limit=200))["results"]:
            if not agent.get("active", True):
                continue
            agent_id = str(agent["agent_id"])
            try:
                done[agent_id] = await self.sync_service.sync_agent_memories(agent_id, user_id, force_sync=force_sync)
            except HubError as problem:
                logger.warning("Syncing %s failed: %s", agent_id, problem)
                done[agent_id] = {"agent_id": agent_id, "status": "failed", "errors": [str(problem)]}
        return done

    async def get_memory_allocation(self, user_id: str | None = None) -> MemoryAllocation:
        """How many memories and megabytes, by agent, type and layer."""
        return MemoryAllocation.from_answer(await self._call("GET", "/memory/agents/allocation", user_id=user_id))

    async def get_coordinator_status(self) -> Json:
        """coordinator_stats, and one line per agent; ``client`` tells of the background sync here."""
        status = without_success(await self._call("GET", "/memory/agents/status"))
        running = self._task is not None and not self._task.done()
        return status | {"client": {"background_sync": running, "failed_syncs_in_a_row": self.sync_failures}}

    async def share(
        self, memory_id: UUID | str, agents: list[str], *, acting: str, can_write: bool = False, note: str = ""
    ) -> Json:
        """Opens a memory of the agent ``acting`` to further agents by hand; its grants."""
        path, body = f"/memory/context/{segment(str(memory_id))}/grants", {"can_write": can_write, "note": note}
        headers = {"X-Agent-Id": acting}
        return without_success(
            await asyncio.to_thread(lambda: self.client.call("POST", path, body | {"agents": agents}, headers=headers))
        )

    async def _keep_syncing(self) -> None:
        while True:
            await asyncio.sleep(self.sync_interval_seconds * min(MOST_INTERVALS, 2**self.sync_failures))
            try:
                await self.sync_all_agents()
                self.sync_failures = 0
            except (OSError, http.client.HTTPException, HubError) as problem:
                self.sync_failures += 1
                logger.warning("Background sync failed %d times in a row: %s", self.sync_failures, problem)

    async def _call(self, method: str, path: str, body: Any = None, **query: Any) -> Json:
        return await asyncio.to_thread(lambda: self.client.call(method, path, body, **query))


async def create_multi_agent_coordinator(
    url: str | None = None,
    api_key: str | None = None,
    *,
    sync_interval_seconds: float = 60,
    timeout: float = 30,
) -> MultiAgentCoordinator:
    """A coordinator whose background sync has begun. Close it with ``await coordinator.close()``.

    ``url`` and ``api_key`` default to ``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY``.
    """
    coordinator = MultiAgentCoordinator(
        MemoryClient(url, api_key, timeout=timeout), sync_interval_seconds=sync_interval_seconds
    )
    coordinator.start()
    return coordinator
