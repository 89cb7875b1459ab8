"""Many entries at a time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memoryhub.access.exceptions import HubError, Invalid, NotFound, TenantMismatch
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import DurableExists, EntryExists, ParentNotFound
from memoryhub.registry.models import AccessRecord, ContextEntry
from memoryhub.registry.services import batches, entries
from memoryhub.registry.services.access_log import log
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.entries import Stored
from memoryhub.registry.services.records import Entry
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


def test_each_entry_has_a_result_and_refusals_harm_no_other(store, caller, django_assert_num_queries):
    store("taken", 1)
    drafts: list[Draft | HubError] = [
        Draft(key="b", value=2, scope="user", user_id="u"),
        Draft(key="taken", value=2, on_conflict="fail"),
        Invalid("value", "unreadable"),
        Draft(key="taken", value=2, layer="ephemeral"),
        Draft(key="x", value=1, tenant_id="other"),
        Draft(key="a", value=float("nan")),
        Draft(key="a", value=1),
        Draft(key="a", value=2),
    ]
    with behind_walls(caller), django_assert_num_queries(1):
        outcomes = batches.store_many(drafts, principal=caller)
    kinds = [Stored, EntryExists, Invalid, DurableExists, TenantMismatch, Invalid, Stored, Stored]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert [outcome.sync_version for outcome in outcomes[-2:] if isinstance(outcome, Stored)] == [1, 2]
    assert entries.retrieve(key="b", user_id="u", principal=caller).value == 2
    with behind_walls(caller):
        assert ContextEntry.objects.count() == 3


def test_a_parent_of_another_agent_refuses_one_entry_only(store, caller):
    hidden = store("hidden", scope="agent", by=agent("alice")).entry_id
    drafts = [Draft(key="a", value=1, parent_id=hidden), Draft(key="b", value=1)]
    assert [type(outcome) for outcome in batches.store_many(drafts, principal=caller)] == [ParentNotFound, Stored]


def test_entries_are_read_by_ids_in_the_order_asked(store, caller):
    first, second = store("a", 1).entry_id, store("b", 2, layer="ephemeral").entry_id
    hidden = store("c", 3, scope="agent", by=agent("alice")).entry_id
    found = batches.get_many([second, uuid4(), first, hidden, second], principal=caller)
    assert [entry.value if isinstance(entry, Entry) else None for entry in found] == [2, None, 1, None, 2]
    assert isinstance(found[1], NotFound)


def test_entries_are_found_by_keys_in_one_round_trip(store, caller, django_assert_num_queries):
    store("a", 1)
    store("b", 2, scope="agent")
    with behind_walls(caller), django_assert_num_queries(1):
        found = batches.retrieve_many(["b", "missing", "a", "a"], principal=caller)
    assert [entry.value if isinstance(entry, Entry) else None for entry in found] == [2, None, 1, 1]


def test_one_request_is_one_line_in_the_audit_trail(store, caller):
    ids = [store(key, scope="agent").entry_id for key in ("a", "b")]
    with behind_walls(caller):
        for entry_id in ids:
            Grant.objects.create(tenant_id="acme", entry_id=entry_id, agent_id="alice", created_by="t")
    batches.get_many(ids, principal=agent("alice"))
    log.flush()
    with behind_walls(caller):
        [line] = AuditEvent.objects.filter(action="registry.read.cross_agent")
        assert [read["entry_id"] for read in line.new["entries"]] == [str(entry_id) for entry_id in ids]
        assert AccessRecord.objects.filter(operation="batch").count() == 2
