"""Context entries: store, retrieve, search, statistics."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from memoryhub_client.errors import HubError
from memoryhub_client.shapes import ContextEntry, ContextScope
from memoryhub_client.transport import Transport


class MemoryCoordinator:
    """The memory of one tenant, as one API key sees it."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    async def store_context(self, entry: ContextEntry) -> str:
        """Stores or replaces the entry under its key; answers its id."""
        answer = await self.transport.call("POST", "/memory/context/store", entry.to_request())
        return str(answer["entry_id"])

    async def retrieve_context(
        self,
        key: str,
        scope: ContextScope | None = None,
        *,
        tenant_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        agent_id: str | None = None,
    ) -> ContextEntry | None:
        """The entry, or None. Without a scope: agent, session, user, tenant, global; the first hit."""
        wanted = {
            "key": key,
            "scope": scope,
            "tenant_id": tenant_id,
            "user_id": user_id,
            "session_id": session_id,
            "agent_id": agent_id,
        }
        try:
            answer = await self.transport.call("POST", "/memory/context/retrieve", without_none(wanted))
        except HubError as error:
            if error.status == 404:
                return None
            raise
        return ContextEntry.from_answer(answer)

    async def search_context(self, query: str, *, limit: int = 20, **filters: Any) -> list[ContextEntry]:
        """Entries that fit the query, best first. ``filters``: layer, scope, user_id, category, mode, …"""
        wanted = {"query": query, "limit": limit, "kinds": ["entry"], **filters}
        answer = await self.transport.call("POST", "/memory/context/search", without_none(wanted))
        return [ContextEntry.from_answer(result) for result in answer["results"]]

    def close(self) -> None:
        """Closes the connections to the hub; the next call opens new ones."""
        self.transport.close()

    async def get_stats(self) -> dict[str, Any]:
        """Counts of entries by layer, accesses, active sessions, pending synchronization."""
        answer = await self.transport.call("GET", "/memory/stats")
        answer.pop("success", None)
        return answer


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def without_success(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "success"}


@lru_cache(maxsize=8)
def get_memory_coordinator(
    url: str | None = None, api_key: str | None = None, agent_id: str | None = None
) -> MemoryCoordinator:
    """The coordinator of a hub; the same one for the same arguments."""
    return MemoryCoordinator(Transport(url, api_key, agent_id=agent_id))
