"""Deleting, and erasing every trace."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from django.db import connection

from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.services.audit import digest
from memoryhub.access.walls import behind_walls
from memoryhub.registry import hooks
from memoryhub.registry.exceptions import EntryStale, LegalHold, NotGranted, PermanentEntry
from memoryhub.registry.models import ContextEntry, EphemeralEntry
from memoryhub.registry.services import deletion, entries, lifecycle
from memoryhub.registry.services.access_log import log
from memoryhub.sync.models import SyncEvent
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db
ADMIN = agent(scopes=("read", "write", "admin"))


def test_a_deleted_entry_is_gone_for_readers(store, caller):
    stored = store("k", 1)
    gone = deletion.delete(stored.entry_id, principal=caller, if_version=1, reason="wrong")
    assert gone.sync_version == 2
    assert gone.restorable_until is not None
    for find in (
        lambda: entries.retrieve(key="k", principal=caller, include_archived=True),
        lambda: entries.get(stored.entry_id, principal=caller, include_archived=True),
        lambda: deletion.delete(stored.entry_id, principal=caller),
    ):
        with pytest.raises(NotFound):
            find()
    assert store("k", 2).created


def test_deleting_takes_the_version_when_it_is_named(store, caller):
    stored = store("k", 1)
    with pytest.raises(EntryStale):
        deletion.delete(stored.entry_id, principal=caller, if_version=9)


def test_permanent_entries_are_deleted_by_admins_with_a_reason(store, caller):
    entry_id = store(layer="permanent").entry_id
    for principal, reason in ((caller, "because"), (ADMIN, ""), (ADMIN, "  ")):
        with pytest.raises(PermanentEntry):
            deletion.delete(entry_id, principal=principal, reason=reason)
    deletion.delete(entry_id, principal=ADMIN, reason="because")


def test_a_legal_hold_beats_deleting_and_erasing(store, caller):
    entry_id = store().entry_id
    lifecycle.hold(entry_id, principal=ADMIN, on=True, reason="case")
    with pytest.raises(LegalHold):
        deletion.delete(entry_id, principal=caller)
    with pytest.raises(LegalHold):
        deletion.erase(entry_id, principal=ADMIN, reason="asked")
    lifecycle.hold(entry_id, principal=ADMIN, on=False, reason="closed")
    deletion.erase(entry_id, principal=ADMIN, reason="asked")


def test_holding_and_erasing_need_admin_and_a_reason(store, caller):
    entry_id = store().entry_id
    with pytest.raises(ScopeMissing):
        lifecycle.hold(entry_id, principal=caller, on=True, reason="case")
    with pytest.raises(ScopeMissing):
        deletion.erase(entry_id, principal=caller, reason="asked")
    with pytest.raises(Invalid):
        lifecycle.hold(entry_id, principal=ADMIN, on=True, reason=" ")
    with pytest.raises(Invalid):
        deletion.erase(entry_id, principal=ADMIN, reason="")


def everything_as_text() -> str:
    """All rows of all tables, as the superuser sees them."""
    with connection.cursor() as cursor:
        tables = [t for t in connection.introspection.table_names(cursor) if not t.startswith(("django_", "auth_"))]
        found = []
        for table in tables:
            cursor.execute(f"SELECT coalesce(json_agg(t)::text, '') FROM \"{table}\" t")
            found.append(cursor.fetchone()[0])
    return json.dumps(found)


def test_erasing_leaves_no_trace_but_the_audit_trail(store, caller, api, as_role):
    client = api(agent="alden", scopes=["read", "write", "admin"])
    body = {"key": "the-secret-key", "value": {"x": "unforgettable"}, "scope": "agent"}
    answer = client.post("/memory/context/store", body, headers={"Idempotency-Key": "once"}).json()
    client.post("/memory/context/store", {**body, "value": {"x": "unforgettable again"}})
    client.post("/memory/context/retrieve", {"key": "the-secret-key"})
    log.flush()
    with behind_walls(caller):
        Grant.objects.create(tenant_id="acme", entry_id=answer["entry_id"], agent_id="alice", created_by="t")
    erased: list[UUID] = []
    hooks.erasing(lambda ids, principal: erased.extend(ids))
    try:
        address = f"/memory/context/{answer['entry_id']}/erase"
        assert client.post(address, {"reason": "right to be forgotten"}).status_code == 200
    finally:
        hooks._erasing.clear()
    assert [str(entry_id) for entry_id in erased] == [answer["entry_id"]]
    with as_role("postgres"):
        text = everything_as_text()
    assert "unforgettable" not in text
    assert "the-secret-key" not in text
    with behind_walls(caller):
        trail = AuditEvent.objects.filter(object_id=answer["entry_id"]).order_by("at")
        assert [a.action for a in trail][-1] == "registry.entry.erased"
        assert list(trail)[-1].old["digest"] == digest({"x": "unforgettable again"})
        [event] = SyncEvent.objects.filter(object_id=answer["entry_id"])
        assert (event.event_type, event.version) == ("entry.erased", 3)
    assert client.post("/memory/context/store", body).json()["sync_version"] == 1


def test_a_read_that_is_written_after_the_erasure_leaves_no_trace(store, caller, as_role):
    entry_id = store("the-secret-key").entry_id
    entries.get(entry_id, principal=caller)
    deletion.erase(entry_id, principal=ADMIN, reason="asked")
    assert log.flush() == 1
    with as_role("postgres"):
        assert "the-secret-key" not in everything_as_text()


def test_tombstones_and_archived_entries_can_be_erased(store, caller):
    deleted, archived = store("a").entry_id, store("b").entry_id
    deletion.delete(deleted, principal=caller)
    lifecycle.archive(archived, principal=caller)
    for entry_id in (deleted, archived):
        deletion.erase(entry_id, principal=ADMIN, reason="asked")
    with behind_walls(caller):
        assert not ContextEntry.objects.exists()


def test_ephemeral_entries_vanish_at_once(store, caller):
    first, second = store("a", layer="ephemeral").entry_id, store("b", layer="ephemeral").entry_id
    assert deletion.delete(first, principal=caller).restorable_until is None
    deletion.erase(second, principal=ADMIN, reason="asked")
    with behind_walls(caller):
        assert not EphemeralEntry.objects.exists()


def test_readers_delete_nothing(store, caller):
    entry_id = store(scope="agent").entry_id
    with behind_walls(caller):
        Grant.objects.create(tenant_id="acme", entry_id=entry_id, agent_id="alice", created_by="t")
    with pytest.raises(NotGranted):
        deletion.delete(entry_id, principal=agent("alice"))
    with pytest.raises(NotFound):
        deletion.delete(entry_id, principal=agent("mimic"))
