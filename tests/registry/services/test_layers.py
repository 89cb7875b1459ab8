"""How long an entry lives: ephemeral and durable layers, ends, holds, archives."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import (
    DurableExists,
    PermanentEntry,
)
from memoryhub.registry.models import ContextEntry, EntryVersion, EphemeralEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change
from memoryhub.search.models import IndexRow
from memoryhub.sync.models import SyncEvent
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def test_ephemeral_entries_have_no_history_and_no_outbox(store, caller):
    stored = store("k", 1, layer="ephemeral", tags=["t"], importance=0.7)
    entry = entries.retrieve(key="k", principal=caller)
    assert (entry.value, entry.layer, entry.tags, entry.importance) == (1, "ephemeral", ["t"], 0.7)
    assert entries.get(stored.entry_id, principal=caller).value == 1
    with behind_walls(caller):
        assert EntryVersion.objects.count() == SyncEvent.objects.count() == IndexRow.objects.count() == 0
    assert store("k", 2).layer == "ephemeral", "a store that names no layer leaves the entry where it is"
    assert entries.change(stored.entry_id, Change(value=3, if_version=2), principal=caller).sync_version == 3


def test_durable_over_ephemeral_replaces_it(store, caller):
    store("k", 1, layer="ephemeral")
    store("k", 2, layer="long_term")
    with behind_walls(caller):
        assert not EphemeralEntry.objects.exists()
    assert entries.retrieve(key="k", principal=caller).value == 2


def test_ephemeral_over_durable_is_refused(store):
    store("k", 1)
    with pytest.raises(DurableExists):
        store("k", 2, layer="ephemeral")


def test_storing_with_another_layer_moves_the_entry(store, caller):
    first = store("k", 1, layer="short")
    assert first.layer == "short_term"
    assert first.expires_at is not None
    moved = store("k", 1, layer="permanent")
    assert (moved.entry_id, moved.layer, moved.expires_at) == (first.entry_id, "permanent", None)


def test_only_an_admin_takes_an_entry_out_of_the_permanent_layer(store):
    stored = store("k", 1, layer="permanent")
    admin = agent(scopes=("read", "write", "admin"))
    with pytest.raises(PermanentEntry):
        store("k", 2, layer="short_term")
    with pytest.raises(PermanentEntry):
        entries.change(stored.entry_id, Change(layer="long_term", if_present=True), principal=agent())
    assert store("k", 2).layer == "permanent"
    assert store("k", 3, layer="long_term", by=admin).layer == "long_term"


@pytest.mark.parametrize(
    ("layer", "life"),
    [
        ("ephemeral", timedelta(minutes=5)),
        ("session", timedelta(hours=24)),
        ("short_term", timedelta(days=30)),
        ("long_term", None),
        ("permanent", None),
    ],
)
def test_each_layer_has_its_end(store, layer, life):
    stored = store(layer=layer, session_id="s")
    assert (stored.expires_at and stored.expires_at - stored.updated_at) == life


def test_an_explicit_end_wins(store):
    end = datetime.now(UTC) + timedelta(hours=1)
    assert store("a", layer="short_term", expires_at=end).expires_at == end
    assert store("b", layer="short_term", expires_at=None).expires_at is None


def let_expire() -> None:
    with behind_walls(system_principal("test", "acme")):
        ContextEntry.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))


def test_expired_entries_are_gone_and_their_key_is_free_again(store, caller):
    stored = store("k", 1, priority="critical", layer="short_term")
    let_expire()
    with pytest.raises(NotFound):
        entries.retrieve(key="k", principal=caller)
    with pytest.raises(NotFound):
        entries.get(stored.entry_id, principal=caller)
    again = store("k", 2, if_absent=True)
    assert (again.created, again.entry_id, again.sync_version) == (True, stored.entry_id, 2)
    assert entries.retrieve(key="k", principal=caller).priority == "medium"


def test_a_legal_hold_outlasts_the_end(store, caller):
    store("k", 1, layer="short_term")
    let_expire()
    with behind_walls(caller):
        ContextEntry.objects.update(legal_hold=True)
    assert entries.retrieve(key="k", principal=caller).value == 1


def test_archived_entries_are_found_when_asked_for(store, caller):
    stored = store("k", 1)
    with behind_walls(caller):
        ContextEntry.objects.update(archived_at=datetime.now(UTC))
    with pytest.raises(NotFound):
        entries.retrieve(key="k", principal=caller)
    assert entries.retrieve(key="k", principal=caller, include_archived=True).archived_at is not None
    assert entries.get(stored.entry_id, principal=caller, include_archived=True).value == 1
    store("k", 2)
    assert entries.retrieve(key="k", principal=caller).value == 2
