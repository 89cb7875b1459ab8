"""Two agents edit one preference offline: the story, for flows that differ in how the reviewer decides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents_app.services import defaults
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import system_principal
from memoryhub.access.services import keys, tenants
from memoryhub_client import MemoryClient, Replica
from tests.agents_app.feeds import relay, rows

TENANT, USER, KEY = "acme", "user_123", "ui_theme"
FIRST = {"mode": "dark", "size": 12}
BY_ALDEN = {"mode": "light", "size": 12}
BY_SENTRY = {"mode": "dim", "size": 14}


@dataclass
class Device:
    """One agent with its key and its replica."""

    agent: str
    client: MemoryClient
    replica: Replica

    def value(self) -> Any:
        found = self.replica.get(KEY)
        return found and found.value

    def is_disputed(self) -> bool:
        found = self.replica.get(KEY)
        return found is not None and found.disputed


@dataclass
class Story:
    """Sentry owns the preference, and whatever is undecided about its memories goes to people. Alden may write it."""

    alden: Device
    sentry: Device
    reviewer: MemoryClient

    def begin(self) -> str:
        """Both replicas hold the preference; its id."""
        entry_id = self.sentry.replica.put(KEY, FIRST, importance=0.8)
        assert self.sentry.replica.sync().applied == 1
        grant = {"agents": [self.alden.agent], "can_write": True, "note": "keeps the screen in order"}
        self.sentry.client.call("POST", f"/memory/context/{entry_id}/grants", grant)
        self.sync_both()
        assert self.alden.value() == self.sentry.value() == FIRST
        return entry_id

    def edit_offline(self) -> str:
        """Both edit the same setting and come back online, alden first; the id of the conflict."""
        self.alden.replica.put(KEY, BY_ALDEN)
        self.sentry.replica.put(KEY, BY_SENTRY)
        assert (self.alden.value(), self.sentry.value()) == (BY_ALDEN, BY_SENTRY)
        assert self.alden.replica.sync().applied == 1
        assert self.sentry.replica.sync().conflicts == 1
        (known,) = self.sentry.replica.conflicts()
        assert known.offer is not None
        assert known.offer.value == BY_SENTRY
        return known.conflict_id

    def check_undecided(self) -> None:
        """Everybody sees the committed value, that it is disputed, and nobody's words are gone."""
        self.sync_both()
        for device in (self.alden, self.sentry):
            assert device.value() == BY_ALDEN
            assert device.is_disputed()
            found = device.replica.get(KEY)
            assert found is not None
            assert [one["value"] for one in found.alternatives] == [BY_SENTRY]

    def check_decided(self, entry_id: str, value: Any) -> None:
        """Both replicas show the decision; versions and audit trail tell how it came about."""
        self.sync_both()
        for device in (self.alden, self.sentry):
            assert device.value() == value
            assert not device.is_disputed()
            assert device.replica.conflicts() == []
            assert device.replica.pending() == device.replica.rejected() == []
        versions = self.sentry.client.call("GET", f"/memory/context/{entry_id}/versions")["results"]
        told = {one["version"]: (one["value"], one["author"]) for one in versions}
        assert told[1] == (FIRST, "sentry")
        assert told[2] == (BY_ALDEN, "alden")
        assert told[max(told)][0] == value
        actions = audit_of(entry_id)
        assert "agents.conflict.opened" in actions
        assert "agents.conflict.resolved" in actions

    def sync_both(self) -> None:
        relay()
        for device in (self.alden, self.sentry):
            device.replica.sync()


def audit_of(entry_id: str) -> list[str]:
    """The codes of what happened to the entry and its conflicts, oldest first."""
    events = rows(AuditEvent.objects.filter(tenant_id=TENANT).order_by("id"))
    told = [event for event in events if entry_id in str([event.object_id, event.old, event.new])]
    return [event.action for event in told]


@contextmanager
def story(url: str, folder: Path) -> Iterator[Story]:
    """A tenant with the published agents, of which two have a device."""
    system = system_principal("test", TENANT)
    tenants.ensure(tenant_id=TENANT, principal=system)
    defaults.install(principal=system, tenant_id=TENANT)
    alden, sentry = (device(url, folder, agent) for agent in ("alden", "sentry"))
    reviewer = MemoryClient(url, key_of(None, "admin"))
    try:
        yield Story(alden, sentry, reviewer)
    finally:
        reviewer.close()
        for one in (alden, sentry):
            one.replica.close()
            one.client.close()


def key_of(agent: str | None, *more: str) -> str:
    system = system_principal("test", TENANT)
    return keys.create(tenant_id=TENANT, agent_id=agent, scopes=["read", "write", *more], principal=system)[1]


def device(url: str, folder: Path, agent: str) -> Device:
    client = MemoryClient(url, key_of(agent))
    return Device(agent, client, Replica(folder / f"{agent}.db", client, agent_id=agent, user_id=USER))
