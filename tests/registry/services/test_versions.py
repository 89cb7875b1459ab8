"""The history of an entry."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import EntryStale, EphemeralEntryError, NotGranted
from memoryhub.registry.services import deletion, entries, lifecycle, versions
from memoryhub.registry.services.drafts import Change
from memoryhub.search.models import IndexRow
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def history(entry_id, principal):
    with behind_walls(principal):
        return [(v.version, v.action, v.value) for v in versions.of_entry(entry_id, principal=principal)]


def test_every_change_is_a_version(store, caller):
    entry_id = store("k", 1).entry_id
    store("k", 2)
    entries.change(entry_id, Change(value=3, if_present=True), principal=caller)
    lifecycle.archive(entry_id, principal=caller)
    lifecycle.unarchive(entry_id, principal=caller)
    lifecycle.reinforce(entry_id, principal=caller)
    deletion.delete(entry_id, principal=caller)
    versions.restore(entry_id, principal=caller, version=1)
    assert history(entry_id, caller) == [
        (8, "restored", 1),
        (7, "deleted", 3),
        (6, "reinforced", 3),
        (5, "unarchived", 3),
        (4, "archived", 3),
        (3, "changed", 3),
        (2, "stored", 2),
        (1, "stored", 1),
    ]
    with behind_walls(caller):
        trail = AuditEvent.objects.filter(object_id=str(entry_id)).order_by("at")
        assert [(a.action.rpartition(".")[2], a.new["version"]) for a in trail] == [
            (action, version) for version, action, _ in reversed(history(entry_id, caller))
        ]


def test_restoring_brings_back_value_and_attributes(store, caller):
    entry_id = store("k", {"a": 1}, priority="critical", tags=["x"], metadata={"m": 1}).entry_id
    store("k", {"a": 2}, priority="low", tags=[], metadata={})
    restored = versions.restore(entry_id, principal=caller, version=1, reason="better", if_version=2)
    assert restored.sync_version == 3
    entry = entries.get(entry_id, principal=caller)
    assert (entry.value, entry.priority, entry.tags, entry.metadata) == ({"a": 1}, "critical", ["x"], {"m": 1})
    with pytest.raises(EntryStale):
        versions.restore(entry_id, principal=caller, version=1, if_version=2)


def test_a_deleted_entry_comes_back_as_it_was(store, caller):
    entry_id = store("k", "words", layer="short_term").entry_id
    deletion.delete(entry_id, principal=caller)
    with behind_walls(caller):
        assert not IndexRow.objects.filter(pk=entry_id).exists()
    restored = versions.restore(entry_id, principal=caller)
    assert restored.expires_at is not None
    assert entries.retrieve(key="k", principal=caller).value == "words"
    with behind_walls(caller):
        assert IndexRow.objects.get(pk=entry_id).version == 3


def test_a_version_that_never_was_is_not_found(store, caller):
    entry_id = store().entry_id
    with pytest.raises(NotFound, match="versions 1 to 1"):
        versions.restore(entry_id, principal=caller, version=2)


def test_readers_see_the_history_but_do_not_write_it(store, caller):
    entry_id = store("k", 1, scope="agent").entry_id
    alice = agent("alice")
    with pytest.raises(NotFound):
        history(entry_id, alice)
    with behind_walls(caller):
        Grant.objects.create(tenant_id="acme", entry_id=entry_id, agent_id="alice", created_by="test")
    assert history(entry_id, alice) == [(1, "stored", 1)]
    with pytest.raises(NotGranted):
        versions.restore(entry_id, principal=alice, version=1)
    with behind_walls(caller):
        assert AuditEvent.objects.filter(action="registry.read.cross_agent").count() == 1
    deletion.delete(entry_id, principal=caller)
    with pytest.raises(NotFound):
        history(entry_id, alice)
    assert len(history(entry_id, caller)) == 2


def test_ephemeral_entries_have_no_history(store, caller):
    entry_id = store("k", 1, layer="ephemeral").entry_id
    for verb in (versions.of_entry, versions.restore, lifecycle.archive, lifecycle.reinforce):
        with pytest.raises(EphemeralEntryError):
            verb(entry_id, principal=caller)
