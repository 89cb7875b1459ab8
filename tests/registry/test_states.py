"""What stores outside of the hub are told of an entry."""

from __future__ import annotations

import pytest
from django.utils import timezone

from memoryhub.access.ids import new_id
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.states import entries as states

pytestmark = pytest.mark.django_db


def test_the_current_state_with_its_version(store, caller):
    entry_id = store("k", {"a": 1}, scope="tenant").entry_id
    store("k", {"a": 2}, scope="tenant")
    with behind_walls(caller):
        state = states([entry_id, new_id()])[entry_id]
    assert state.version == 2
    assert (state.document["key"], state.document["value"], state.document["tenant_id"]) == ("k", {"a": 2}, "acme")


def test_what_is_deleted_has_no_state(store, caller):
    entry_id = store("k", 1, scope="tenant").entry_id
    with behind_walls(caller):
        ContextEntry.objects.filter(pk=entry_id).update(deleted_at=timezone.now())
        assert states([entry_id]) == {}


def test_the_value_of_an_encrypted_entry_stays(store, caller):
    entry_id = store("k", "secret", scope="tenant").entry_id
    with behind_walls(caller):
        ContextEntry.objects.filter(pk=entry_id).update(encrypted=True)
        document = states([entry_id])[entry_id].document
    assert (document["value"], document["encrypted"]) == (None, True)
