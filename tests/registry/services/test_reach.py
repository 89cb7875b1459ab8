"""Who finds and writes which entry: scopes, the order of looking, grants."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Forbidden, NotFound, TenantMismatch
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import (
    NotGranted,
)
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def test_global_entries_need_a_platform_admin_key(store, caller):
    with pytest.raises(Forbidden):
        store(scope="global")
    platform = Principal(kind="key", name="p", platform=True, permissions=frozenset({"read", "write", "admin"}))
    store("motd", "hello", scope="global", by=platform)
    assert entries.retrieve(key="motd", principal=caller).value == "hello"


def test_a_foreign_tenant_is_refused_whether_or_not_it_exists(store):
    with pytest.raises(TenantMismatch):
        store(tenant_id="other")


def test_without_a_scope_the_nearest_entry_is_found(store, caller):
    platform = system_principal("test", "acme")
    store("k", "global", scope="global", by=platform)
    found = []
    for fields in (
        {},
        {"scope": "tenant"},
        {"scope": "user", "user_id": "u"},
        {"scope": "session", "session_id": "s"},
        {"scope": "agent"},
        {"scope": "agent", "user_id": "u"},
    ):
        if fields:
            store("k", str(fields), **fields)
        found.append(entries.retrieve(key="k", user_id="u", session_id="s", principal=caller).value)
    assert found[0] == "global"
    assert found[1:] == [
        "{'scope': 'tenant'}",
        "{'scope': 'user', 'user_id': 'u'}",
        "{'scope': 'session', 'session_id': 's'}",
        "{'scope': 'agent'}",
        "{'scope': 'agent', 'user_id': 'u'}",
    ]


def test_users_and_sessions_not_named_are_out_of_reach(store, caller):
    store("k", 1, scope="user", user_id="u")
    store("k", 2, scope="session", session_id="s")
    with pytest.raises(NotFound):
        entries.retrieve(key="k", principal=caller)
    with pytest.raises(NotFound):
        entries.retrieve(key="k", scope="user", user_id="other", principal=caller)


def test_another_tenant_finds_nothing(store, caller):
    stored = store("k", 1)
    stranger = agent("alden", tenant="other")
    with pytest.raises(NotFound):
        entries.retrieve(key="k", principal=stranger)
    with pytest.raises(NotFound):
        entries.get(stored.entry_id, principal=stranger)
    with pytest.raises(NotFound):
        entries.change(stored.entry_id, Change(value=2, if_present=True), principal=stranger)


def grant(stored, to: str, *, can_write: bool = False) -> None:
    with behind_walls(system_principal("test", "acme")):
        Grant.objects.create(
            tenant_id="acme", entry_id=stored.entry_id, agent_id=to, can_write=can_write, created_by="test"
        )


def test_another_agents_entry_is_found_once_granted_and_the_read_is_audited(store):
    stored = store("plan", "secret", scope="agent")
    alice = agent("alice")
    with pytest.raises(NotFound):
        entries.retrieve(key="plan", principal=alice)
    grant(stored, "alice")
    assert entries.retrieve(key="plan", principal=alice).value == "secret"
    assert entries.retrieve(key="plan", scope="agent", agent_id="alden", principal=alice).value == "secret"
    with pytest.raises(NotFound):
        entries.retrieve(key="plan", scope="agent", agent_id="mimic", principal=alice)
    assert entries.get(stored.entry_id, principal=alice).value == "secret"
    with behind_walls(alice):
        reads = AuditEvent.objects.filter(action="registry.read.cross_agent")
        assert [r.new["entries"][0]["entry_id"] for r in reads] == [str(stored.entry_id)] * 3


def test_only_a_grant_to_write_opens_another_agents_entry(store, caller):
    stored = store("plan", 1, scope="agent")
    alice = agent("alice")
    for attempt in range(2):
        with pytest.raises(NotGranted):
            store("plan", 2, scope="agent", agent_id="alden", by=alice)
        with pytest.raises(NotGranted if attempt else NotFound):
            entries.change(stored.entry_id, Change(value=2, if_present=True), principal=alice)
        if not attempt:
            grant(stored, "alice")
    with behind_walls(caller):
        Grant.objects.update(can_write=True)
    assert store("plan", 2, scope="agent", agent_id="alden", by=alice).sync_version == 2
    changed = entries.change(stored.entry_id, Change(value=3, if_present=True), principal=alice)
    assert changed.sync_version == 3
    entry = entries.get(stored.entry_id, principal=caller)
    assert (entry.value, entry.author, entry.agent_id, entry.owner) == (3, "alice", "alden", "alden")
    with pytest.raises(NotGranted):
        store("new plan", 2, scope="agent", agent_id="alden", by=alice)
