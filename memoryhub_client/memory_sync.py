"""Slices, locks, conflicts and syncs of several agents, as coroutines."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from memoryhub_client.client import MemoryClient
from memoryhub_client.coordinator import without_none, without_success
from memoryhub_client.errors import HubError
from memoryhub_client.locks import Lock
from memoryhub_client.transport import segment

logger = logging.getLogger(__name__)
Json = dict[str, Any]
#: A run that the hub could not finish at once is asked for again.
RUN_SECONDS = 60.0
RUN_PAUSE_SECONDS = 0.5
OVER = frozenset({"done", "failed"})


class ConflictResolution(StrEnum):
    """How a conflict is decided."""

    LATEST_WINS = "latest_wins"
    HIGHEST_IMPORTANCE = "highest_importance"
    AGENT_PRIORITY = "agent_priority"
    MANUAL_REVIEW = "manual_review"
    MERGE_CONTENT = "merge_content"


class MemorySyncService:
    """For a key that is bound to no agent, or to the one that is named. Refusals are HubErrors.

    Locks that were acquired here are remembered with their fencing numbers: ``fence`` gives the one to write with.
    """

    def __init__(self, client: MemoryClient) -> None:
        self.client = client
        self._locks: dict[tuple[str, str], Lock] = {}

    # syncs

    async def sync_agent_memories(
        self, agent_id: str, user_id: str | None = None, session_id: str | None = None, force_sync: bool = False
    ) -> Json:
        """Brings one agent up to date; the run, with its counts. ``session_id`` is for the caller's own records."""
        wanted = without_none({"user_id": user_id, "force_sync": force_sync})
        run = await self._call("POST", f"/memory/agents/{segment(agent_id)}/sync", wanted)
        logger.debug("Synced %s (session %s)", agent_id, session_id)
        return await self._finished(run)

    async def sync_all(self, user_id: str | None = None, force_sync: bool = False) -> dict[str, Json]:
        """Brings all agents up to date, one failure never stops the others; the runs by agent."""
        wanted = without_none({"user_id": user_id, "force_sync": force_sync})
        answer = await self._call("POST", "/memory/agents/sync", wanted)
        return {agent: await self._finished(run) for agent, run in answer["results"].items()}

    async def get_sync_statistics(self) -> Json:
        """service_stats, active_locks and pending_conflicts, each with its counts."""
        return without_success(await self._call("GET", "/memory/agents/sync/statistics"))

    async def _finished(self, run: Json) -> Json:
        deadline = time.monotonic() + RUN_SECONDS
        while run["status"] not in OVER and time.monotonic() < deadline:
            await asyncio.sleep(RUN_PAUSE_SECONDS)
            run = await self._call("GET", f"/memory/agents/sync/runs/{segment(str(run['run_id']))}")
        return without_success(run)

    # slices

    async def get_agent_memory_slice(
        self,
        agent_id: str,
        user_id: str | None = None,
        session_id: str | None = None,
        include_sync_metadata: bool = True,
    ) -> Json:
        """memories (own and granted, newest first, all pages) and statistics."""
        path = f"/memory/agents/{segment(agent_id)}/slice"
        # booleans of a query string are words
        asked = {"user_id": user_id, "session_id": session_id, "include_sync_metadata": str(include_sync_metadata)}
        found = await self._call("GET", path, **asked)
        memories, following = found["memories"], found.pop("next", None)
        while following:
            page = await self._call("GET", f"{path}?{following.partition('?')[2]}")
            memories += page["memories"]
            following = page.get("next")
        return without_success(found)

    # locks

    async def acquire_memory_lock(
        self,
        memory_id: UUID | str,
        agent_id: str,
        lock_duration_minutes: float = 5,
        wait_for_lock: bool = True,
        *,
        wait_seconds: float = 30,
    ) -> bool:
        """Whether the agent has the lock now. Waiting takes up to ``wait_seconds`` and holds no thread of the hub."""
        lock = self._lock(str(memory_id), agent_id)
        lock.seconds = round(lock_duration_minutes * 60)
        lock.wait = wait_seconds if wait_for_lock else 0
        granted = await asyncio.to_thread(lock.acquire)
        if granted:
            self._locks[str(memory_id), agent_id] = lock
        return granted

    async def release_memory_lock(self, memory_id: UUID | str, agent_id: str, force: bool = False) -> bool:
        """Gives the lock back; False where this agent does not hold it any more.

        ``force`` takes it from whoever has it, which needs a key with ``admin``.
        """
        if force:
            return await self._force(str(memory_id), agent_id)
        lock = self._locks.pop((str(memory_id), agent_id), None) or self._lock(str(memory_id), agent_id)
        try:
            return await asyncio.to_thread(lock.release)
        except HubError as problem:
            if problem.code != "not_lock_holder":
                raise
            return False

    @property
    def active_locks(self) -> dict[str, Json]:
        """Locks that are held now, by memory id: key, holder, acquired_at, expires_at, reason, seen_by.

        Asks the hub as the key and as each agent, and so blocks for some requests; in a coroutine
        ``get_active_locks`` is better. ``seen_by``: an agent that may see the memory, None for memories of all.
        """
        agents = [str(agent["agent_id"]) for agent in self._pages("/memory/agents", active="true")]
        held: dict[str, Json] = {}
        for agent in (None, *agents):
            for lock in self._pages("/memory/locks", acting=agent):
                held.setdefault(str(lock["entry_id"]), lock | {"seen_by": agent})
        return held

    def _pages(self, path: str, *, acting: str | None = None, **query: Any) -> Iterator[Json]:
        headers = {"X-Agent-Id": acting} if acting else None
        following: str | None = f"{path}?{urlencode({'limit': 100, **query})}"
        while following:
            page = self.client.call("GET", following, headers=headers)
            yield from page["results"]
            onward = page.get("next")
            following = f"{path}?{onward.partition('?')[2]}" if onward else None

    async def get_active_locks(self) -> dict[str, Json]:
        """As ``active_locks``, without blocking."""
        return await asyncio.to_thread(lambda: self.active_locks)

    def fence(self, memory_id: UUID | str, agent_id: str) -> int | None:
        """The fencing number to write with, for a lock that was acquired here."""
        lock = self._locks.get((str(memory_id), agent_id))
        return lock.fence if lock else None

    def _lock(self, memory_id: str, agent_id: str) -> Lock:
        return self._locks.get((memory_id, agent_id)) or Lock(self.client, memory_id, agent_id=agent_id)

    async def _force(self, memory_id: str, agent_id: str) -> bool:
        known = [key for key in self._locks if key[0] == memory_id]
        acting = known[0][1] if known else (await self.get_active_locks()).get(memory_id, {}).get("seen_by")
        path = f"/memory/context/{segment(memory_id)}/lock/force-release"
        body = {"reason": f"Released for maintenance, asked for by {agent_id}."}
        headers = {"X-Agent-Id": acting} if acting else None
        answer = await asyncio.to_thread(lambda: self.client.call("POST", path, body, headers=headers))
        for key in known:
            del self._locks[key]
        return bool(answer.get("released"))

    # conflicts

    async def resolve_conflict(
        self,
        conflict_id: UUID | str,
        resolution_strategy: ConflictResolution | str = ConflictResolution.LATEST_WINS,
        *,
        reason: str = "",
    ) -> bool:
        """Whether the strategy decided it. MANUAL_REVIEW leaves it to people, as does one that cannot decide."""
        strategy = ConflictResolution(resolution_strategy)
        if strategy is ConflictResolution.MANUAL_REVIEW:
            return False
        client, why = self.client, reason or f"Decided by {strategy.value}."
        try:
            seen = await asyncio.to_thread(client.preview_conflict, conflict_id, strategy=strategy.value)
            if not (seen["valid"] and seen["strategies"][strategy.value]["available"]):
                return False
            versions = {name: seen[name] for name in ("conflict_version", "entry_version")}
            await asyncio.to_thread(
                lambda: client.resolve_conflict(conflict_id, strategy=strategy.value, reason=why, **versions)
            )
        except HubError as problem:
            if problem.status != 409:
                raise
            return False
        return True

    async def _call(self, method: str, path: str, body: Any = None, **query: Any) -> Json:
        return await asyncio.to_thread(lambda: self.client.call(method, path, body, **query))


def create_memory_sync_service(
    url: str | None = None, api_key: str | None = None, *, timeout: float = 30
) -> MemorySyncService:
    """``url`` and ``api_key`` default to ``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY``."""
    return MemorySyncService(MemoryClient(url, api_key, timeout=timeout))
