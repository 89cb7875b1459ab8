"""Storing, finding and changing entries through the verbs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from memoryhub.access.exceptions import Invalid, TooLarge
from memoryhub.access.models import AuditEvent
from memoryhub.access.services.audit import digest
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import (
    DurableExists,
    EntryExists,
    EntryStale,
    ParentNotFound,
)
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change
from memoryhub.search.models import IndexRow
from memoryhub.sync import stores
from memoryhub.sync.models import Delivery, SyncEvent
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def test_a_store_writes_entry_version_audit_event_and_index_row_together(store, caller):
    stored = store("theme_preference", {"theme": "dark"}, scope="tenant", reason="asked for")
    with behind_walls(caller):
        entry = ContextEntry.objects.get(pk=stored.entry_id)
        assert (entry.value, entry.content, entry.author, entry.owner) == (
            {"theme": "dark"}, "theme: dark", "alden", "alden"
        )  # fmt: skip
        version = EntryVersion.objects.get(entry=entry)
        assert (version.version, version.action, version.value, version.author, version.reason) == (
            1, "stored", {"theme": "dark"}, "alden", "asked for"
        )  # fmt: skip
        audit = AuditEvent.objects.get(object_id=str(stored.entry_id))
        assert (audit.action, audit.actor, audit.old) == ("registry.entry.stored", "alden", None)
        assert audit.new == {"version": 1, "digest": digest({"theme": "dark"})}
        event = SyncEvent.objects.get(object_id=stored.entry_id)
        assert (event.event_type, event.version, event.context_key) == ("entry.stored", 1, "theme_preference")
        assert "dark" not in str(event.payload)
        assert IndexRow.objects.get(pk=stored.entry_id).content == "theme preference\ntheme: dark"


def test_a_store_makes_a_delivery_for_each_store_that_hears_of_entries(store, caller):
    scoped = stores.scoped()
    wanted = [name for name in stores.targets("entry") if "tenant" in scoped.get(name, ["tenant"])]
    stored = store()
    with behind_walls(caller):
        assert sorted(Delivery.objects.filter(object_id=stored.entry_id).values_list("store", flat=True)) == wanted


def test_storing_again_makes_a_new_version_and_keeps_what_is_not_named(store, caller):
    first = store("k", 1, priority="critical", tags=["a"], metadata={"x": 1}, importance=0.9)
    second = store("k", 2)
    assert (first.created, second.created) == (True, False)
    assert (second.entry_id, second.sync_version) == (first.entry_id, 2)
    entry = entries.get(first.entry_id, principal=caller)
    assert (entry.value, entry.priority, entry.tags, entry.metadata, entry.importance) == (
        2, "critical", ["a"], {"x": 1}, 0.9
    )  # fmt: skip
    with behind_walls(caller):
        assert list(EntryVersion.objects.order_by("version").values_list("version", "value")) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        ({"scope": "tenant", "user_id": "u"}, ("acme", None, None, None)),
        ({"scope": "user", "user_id": "u", "session_id": "s"}, ("acme", "u", None, None)),
        ({"scope": "session", "session_id": "s", "user_id": "u"}, ("acme", None, "s", None)),
        ({"scope": "agent"}, ("acme", None, None, "alden")),
        ({"scope": "agent", "user_id": "u"}, ("acme", "u", None, "alden")),
        ({"user_id": "u"}, ("acme", "u", None, None)),
        ({}, ("acme", None, None, None)),
    ],
)
def test_columns_outside_the_scope_stay_empty(store, caller, fields, columns):
    stored = store(**fields)
    with behind_walls(caller):
        entry = ContextEntry.objects.get(pk=stored.entry_id)
    assert (entry.tenant_id, entry.user_id, entry.session_id, entry.agent_id) == columns
    assert entry.origin_session == fields.get("session_id")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scope": "user"}, "user_id"),
        ({"scope": "session"}, "session_id"),
        ({"layer": "session"}, "session_id"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"layer": "ephemeral", "expires_at": None}, "expires_at"),
        ({"value": float("nan")}, "value"),
        ({"value": {"a": object()}}, "value"),
        ({"value": {"a": "\x00"}}, "a"),
        ({"value": ["\ud800"]}, "[0]"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_field(store, fields, field):
    with pytest.raises(Invalid) as refused:
        store(**fields)
    assert refused.value.field == field


def test_a_value_beyond_the_limit_is_too_large(store, settings):
    store("k", "x" * (settings.CONFIG.limits.value_kb * 1024 - 2))
    with pytest.raises(TooLarge):
        store("k", "x" * (settings.CONFIG.limits.value_kb * 1024 - 1))


def test_a_conditional_store_names_the_current_version_when_it_does_not_hold(store):
    store("k", 1)
    with pytest.raises(EntryStale) as stale:
        store("k", 2, if_version=7)
    assert stale.value.extra["current_version"] == 1
    with pytest.raises(EntryStale) as stale:
        store("missing", 2, if_present=True)
    assert stale.value.extra["current_version"] is None
    assert store("k", 2, if_version=1).sync_version == 2
    assert store("k", 3, if_present=True).sync_version == 3


def test_what_an_existing_entry_does_to_a_store_is_chosen(store, caller):
    store("k", 1)
    with pytest.raises(EntryExists) as refused:
        store("k", 2, on_conflict="fail")
    assert refused.value.extra["current_version"] == 1
    kept = store("k", 2, on_conflict="keep")
    assert (kept.kept, kept.sync_version, kept.created) == (True, 1, False)
    assert store("fresh", 2, on_conflict="keep").created
    assert entries.retrieve(key="k", principal=caller).value == 1


def test_refused_stores_leave_nothing_behind(store, caller):
    store("k", 1)
    for fields in ({"if_version": 9}, {"on_conflict": "fail"}, {"layer": "ephemeral"}):
        with pytest.raises((EntryStale, EntryExists, DurableExists)):
            store("k", 2, **fields)
    with behind_walls(caller):
        assert EntryVersion.objects.count() == SyncEvent.objects.count() == 1


def test_a_change_names_the_version_it_saw(store, caller):
    stored = store("k", {"a": 1}, category="c")
    changed = entries.change(stored.entry_id, Change(value={"a": 2}, if_version=1, reason="why"), principal=caller)
    assert (changed.sync_version, changed.created) == (2, False)
    with pytest.raises(EntryStale) as stale:
        entries.change(stored.entry_id, Change(value=3, if_version=1), principal=caller)
    assert stale.value.extra["current_version"] == 2
    with behind_walls(caller):
        version = EntryVersion.objects.get(version=2)
    assert (version.action, version.value, version.reason) == ("changed", {"a": 2}, "why")
    assert version.attributes["category"] == "c"


def test_a_change_of_attributes_leaves_value_and_end_alone(store, caller):
    end = datetime.now(UTC) + timedelta(hours=1)
    stored = store("k", {"a": 1}, layer="short_term", expires_at=end)
    change = Change(priority="low", tags=["x"], metadata={"m": 1}, if_present=True)
    assert entries.change(stored.entry_id, change, principal=caller).expires_at == end
    entry = entries.get(stored.entry_id, principal=caller)
    assert (entry.value, entry.priority, entry.tags, entry.metadata) == ({"a": 1}, "low", ["x"], {"m": 1})


def test_a_parent_must_be_visible(store, caller):
    parent = store("parent")
    child = store("child", parent_id=parent.entry_id)
    assert entries.get(child.entry_id, principal=caller).parent_id == parent.entry_id
    foreign = store("foreign", by=agent("x", tenant="other"))
    private = store("private", scope="agent", by=agent("alice"))
    for hidden in (foreign, private):
        with pytest.raises(ParentNotFound):
            store("child", parent_id=hidden.entry_id)
        with pytest.raises(ParentNotFound):
            entries.change(child.entry_id, Change(parent_id=hidden.entry_id, if_present=True), principal=caller)
    entries.change(child.entry_id, Change(parent_id=None, if_present=True), principal=caller)
    assert entries.get(child.entry_id, principal=caller).parent_id is None


def test_an_encrypted_value_is_not_indexed(store, caller):
    stored = store("api_token", "c2VjcmV0", encrypted=True)
    with behind_walls(caller):
        assert IndexRow.objects.get(pk=stored.entry_id).content == "api token"
        assert ContextEntry.objects.get(pk=stored.entry_id).content == ""
    store("api_token", "c2VjcmV0Mg")
    with behind_walls(caller):
        assert ContextEntry.objects.get(pk=stored.entry_id).content == "", "it stays encrypted until told otherwise"


def test_a_store_is_one_round_trip(store, caller, django_assert_num_queries):
    store("k", 1)
    with behind_walls(caller), django_assert_num_queries(1):
        store("k", 2)
    with behind_walls(caller), django_assert_num_queries(1):
        entries.retrieve(key="k", principal=caller)
