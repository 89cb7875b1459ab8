"""The real hub, with the words of the model: what others do through its doors, and what is true by its tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents_app.models import Conflict
from agents_app.services import conflicts, profiles
from memoryhub.access.models import Grant
from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub.registry.models import ContextEntry
from memoryhub_client import MemoryClient
from tests.agents_app.feeds import relay, rows

TENANT = "acme"
SYSTEM = system_principal("test", TENANT)
ADMIN = Principal(kind="key", name="admin", tenant_id=TENANT, permissions=ALL_PERMISSIONS)
AGENTS = ("ada", "bob")


class LiveClient(MemoryClient):
    """A client whose hub numbers what was committed before each pull. ``lost``: doors whose next answer is lost."""

    def __init__(self, hub: LiveHub, url: str, api_key: str) -> None:
        super().__init__(url, api_key)
        self.hub = hub
        self.lost: list[str] = []

    def changes(self, agent_id: str, **asked: Any) -> dict[str, Any]:
        if self.hub.relays_at_once:
            relay()
        return super().changes(agent_id, **asked)

    def push(self, agent_id: str, replica_id: str, changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        results = self.hub.push(agent_id, replica_id, changes)
        if "push" in self.lost:
            self.lost.remove("push")
            raise ConnectionResetError("the answer was lost")
        return results

    def pushed(self, agent_id: str, replica_id: str, changes: Any) -> list[dict[str, Any]]:
        return super().push(agent_id, replica_id, changes)


class Strategies:
    """``strategies[agent] = strategy`` writes the agent's profile."""

    def __setitem__(self, agent: str, strategy: str) -> None:
        profiles.change(agent, principal=ADMIN, conflict_strategy=strategy)


class LiveHub:
    """Has what the shared tests use of FakeHub."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.relays_at_once = True
        self.strategies = Strategies()
        tenants.ensure(tenant_id=TENANT, principal=SYSTEM)
        for agent in AGENTS:
            agents.ensure(tenant_id=TENANT, agent_id=agent, principal=SYSTEM)
        self.made: list[LiveClient] = []
        self.clients = {agent: self.client(agent) for agent in AGENTS}
        self.admin = self.client(None, "admin")

    def client(self, agent: str | None, *more: str) -> LiveClient:
        _, key = keys.create(tenant_id=TENANT, agent_id=agent, scopes=["read", "write", *more], principal=SYSTEM)
        self.made.append(LiveClient(self, self.url, key))
        return self.made[-1]

    def close(self) -> None:
        for client in self.made:
            client.close()

    def push(self, agent: str, replica_id: str, changes: Any) -> list[dict[str, Any]]:
        return self.clients[agent].pushed(agent, replica_id, changes)

    def relay(self) -> None:
        relay()

    def store(self, owner: str, key: str, value: Any, **more: Any) -> str:
        answer = self.clients[owner].store(key, value, scope="agent", **more)
        return str(answer["entry_id"])

    def delete(self, entry_id: str) -> None:
        self.as_owner("DELETE", entry_id, "")

    def erase(self, entry_id: str) -> None:
        self.as_owner("POST", entry_id, "/erase", {"reason": "a test"})

    def grant(self, entry_id: str, agent: str, *, can_write: bool = False) -> None:
        self.as_owner("POST", entry_id, "/grants", {"agents": [agent], "can_write": can_write})

    def revoke(self, entry_id: str, agent: str) -> None:
        self.as_owner("DELETE", entry_id, f"/grants/{agent}")

    def as_owner(self, method: str, entry_id: str, door: str, body: Any = None) -> None:
        (owner,) = rows(ContextEntry.objects.filter(pk=entry_id).values_list("agent_id", flat=True))
        self.admin.call(method, f"/memory/context/{entry_id}{door}", body, headers={"X-Agent-Id": owner})

    def resolve(self, conflict_id: str, value: Any) -> None:
        seen = conflicts.preview(UUID(conflict_id), principal=ADMIN, value=value)
        conflicts.resolve(
            UUID(conflict_id),
            principal=ADMIN,
            conflict_version=seen.conflict_version,
            entry_version=seen.entry_version,
            value=value,
            reason="a test",
        )

    def slice(self, agent: str) -> dict[str, Any]:
        """entry id → (key, version, value, disputed)"""
        granted = {grant.entry_id for grant in rows(Grant.objects.filter(tenant_id=TENANT, agent_id=agent))}
        present = rows(ContextEntry.objects.filter(tenant_id=TENANT, scope="agent", deleted_at=None))
        seen = [entry for entry in present if entry.agent_id == agent or entry.pk in granted]
        return {str(e.pk): (e.key, e.sync_version, None if e.encrypted else e.value, e.disputed) for e in seen}

    def open_conflicts(self) -> set[str]:
        return {str(one.pk) for one in rows(Conflict.objects.filter(status="open"))}
