"""What the relay numbers for whom, and what a reader of the feed gets."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents_app.models import ChangeFeed, FeedItem, Replica
from agents_app.selectors_feed import Asked, changes
from agents_app.services import replicas
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import deletion, entries, lifecycle, sharing, versions
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.sync.models import Delivery, HubEpoch, SyncEvent
from tests.agents_app.feeds import Copy, relay, rows
from tests.conftest import role


@pytest.fixture
def alden(as_agent: Callable[..., Principal]) -> Principal:
    return as_agent("alden")


@pytest.fixture
def alice(as_agent: Callable[..., Principal]) -> Principal:
    return as_agent("alice")


def keep(by: Principal, key: str = "k", value: Any = 1, **fields: Any) -> Any:
    return entries.store(Draft(key=key, value=value, scope="agent", **fields), principal=by).entry_id


def test_an_agents_own_memory_is_in_its_feed_and_in_no_other(alden, alice):
    entry = keep(alden, value={"a": 1})
    relay()
    copy, other = Copy(alden), Copy(alice)
    assert copy.pull() == [(1, "put", "")]
    assert other.pull() == []
    assert copy.entries == {str(entry): (1, True, {"a": 1})}


def test_what_is_no_agents_is_in_no_feed(alden):
    entries.store(Draft(key="t", value=1, scope="tenant"), principal=alden)
    relay()
    assert Copy(alden).pull() == []


def test_a_newer_version_takes_the_place_of_the_older_item(alden):
    entry = keep(alden, value=1)
    relay()
    copy = Copy(alden)
    copy.pull()
    keep(alden, value=2)
    keep(alden, value=3)
    relay()
    assert copy.pull() == [(2, "put", "")]
    assert copy.entries[str(entry)] == (3, True, 3)
    assert Copy(alden).pull() == [(2, "put", "")]


def test_delivered_twice_is_no_news(alden):
    keep(alden)
    relay()
    with role("memoryhub_system"):
        Delivery.objects.filter(store="feed").update(status="pending", next_at=timezone.now() - timedelta(minutes=1))
    assert relay() == 1
    assert Copy(alden).pull() == [(1, "put", "")]


def test_a_grant_opens_and_a_revocation_closes(alden, alice):
    entry = keep(alden, value="shared")
    relay()
    sharing.share(entry, principal=alden, agent_ids=["alice"])
    relay()
    copy = Copy(alice)
    assert copy.pull() == [(1, "put", "")]
    assert copy.entries[str(entry)] == (1, False, "shared")
    sharing.share(entry, principal=alden, agent_ids=["alice"], can_write=True)
    relay()
    assert copy.pull() == [(2, "put", "")]
    assert copy.entries[str(entry)][1] is True
    sharing.unshare(entry, principal=alden, agent_ids=["alice"])
    relay()
    assert copy.pull() == [(3, "gone", "revoked")]
    assert copy.entries == {}
    assert Copy(alden).pull() == [(1, "put", "")]


def test_revoked_and_granted_again_before_the_relay_looked_is_news(alden, alice):
    """Who read in between was told that it is gone."""
    entry = keep(alden)
    sharing.share(entry, principal=alden, agent_ids=["alice"])
    relay()
    late = Copy(alice)
    sharing.unshare(entry, principal=alden)
    assert late.pull() == [(1, "gone", "revoked")]
    sharing.share(entry, principal=alden, agent_ids=["alice"])
    relay()
    assert late.pull() == [(2, "put", "")]
    assert str(entry) in late.entries


@pytest.mark.parametrize("reason", ["deleted", "archived", "erased"])
def test_what_leaves_the_slice_says_why(alden, alice, admin, reason):
    entry = keep(alden)
    sharing.share(entry, principal=alden, agent_ids=["alice"])
    relay()
    copies = [Copy(alden), Copy(alice)]
    for copy in copies:
        copy.pull()
    if reason == "erased":
        deletion.erase(entry, principal=system_principal("test", "acme"), reason="asked for")
    else:
        {"deleted": deletion.delete, "archived": lifecycle.archive}[reason](entry, principal=alden)
    relay()
    for copy in copies:
        assert [item[1:] for item in copy.pull()] == [("gone", reason)]
        assert copy.entries == {}


def test_what_comes_back_is_put_again(alden):
    entry = keep(alden)
    deletion.delete(entry, principal=alden)
    relay()
    assert Copy(alden).pull() == []
    versions.restore(entry, principal=alden)
    relay()
    assert Copy(alden).pull() == [(1, "put", "")]


def test_an_ended_entry_is_gone_before_a_job_has_archived_it(alden):
    entry = keep(alden, expires_at=datetime.now(UTC) + timedelta(days=1))
    relay()
    with role("postgres"):
        ContextEntry.objects.filter(pk=entry).update(expires_at=timezone.now() - timedelta(seconds=1))
    copy = Copy(alden)
    assert copy.pull() == [(1, "gone", "revoked")]
    lifecycle.expire_due(principal=system_principal("test", "acme"), limit=10)
    relay()
    assert [item[1:] for item in copy.pull()] == [("gone", "archived")]


def test_an_agent_that_is_switched_off_keeps_its_feed(alden, admin):
    agents.change(principal=admin, tenant_id="acme", agent_id="alden", active=False)
    keep(alden)
    relay()
    assert len(rows(FeedItem.objects.filter(agent_id="alden"))) == 1


def test_who_is_no_agent_has_no_feed_until_it_is_one(alden):
    staff = system_principal("test", "acme")
    entry = entries.store(Draft(key="k", value=1, scope="agent", agent_id="stranger"), principal=staff).entry_id
    relay()
    assert not rows(ChangeFeed.objects.all())
    agents.ensure(principal=staff, tenant_id="acme", agent_id="stranger")
    stranger = Principal(kind="key", name="k", tenant_id="acme", agent_id="stranger", permissions=frozenset({"read"}))
    copy = Copy(stranger)
    copy.pull()
    assert copy.entries == {str(entry): (1, True, 1)}


def test_a_feed_begins_with_all_that_was_there_before(alden, alice):
    old, granted = keep(alden, "old"), keep(alice, "granted")
    sharing.share(granted, principal=alice, agent_ids=["alden"], can_write=True)
    with role("memoryhub_system"):
        SyncEvent.objects.all().delete()
    keep(alden, "new")
    relay()
    copy = Copy(alden)
    copy.pull()
    assert set(copy.entries) >= {str(old), str(granted)}
    assert copy.entries[str(granted)][1] is True
    assert [number for number, *_ in copy.seen] == [1, 2, 3]
    assert [feed.last_seq for feed in rows(ChangeFeed.objects.filter(agent_id="alden"))] == [3]


def test_pages_follow_each_other(alden):
    for number in range(7):
        keep(alden, f"k{number}")
    relay()
    copy = Copy(alden, limit=3)
    first = copy.page()
    assert (len(first.items), first.next, first.more, first.last_seq) == (3, 3, True, 7)
    assert [item[0] for item in copy.pull()] == list(range(1, 8))


def test_a_page_of_big_values_ends_early(alden, monkeypatch):
    monkeypatch.setattr("agents_app.selectors_feed.PAGE_BYTES", 5_000)
    noise = random.Random(1)
    for number in range(4):
        keep(alden, f"k{number}", value="".join(chr(noise.randrange(0x4E00, 0x9FFF)) for _ in range(800)))
    relay()
    found = changes(Asked(), principal=alden)
    assert 1 <= len(found.items) < 4
    assert found.more
    copy = Copy(alden)
    copy.pull()
    assert len(copy.entries) == 4


def test_only_what_is_about_a_user_or_nobody(alden):
    for user in ("pat", "kim"):
        keep(alden.naming(user_id=user), f"about-{user}", user_id=user)
    keep(alden, "about-nobody")
    relay()
    copy = Copy(alden, user_id="pat")
    assert [item[0] for item in copy.pull()] == [1, 3]
    assert copy.cursor == 3
    bound = Principal(**{**{f: getattr(alden, f) for f in alden.__slots__}, "bound_user": "kim", "named_user": "kim"})
    assert [item[0] for item in Copy(bound).pull()] == [2, 3]


def test_a_restored_hub_makes_readers_begin_anew(alden):
    keep(alden)
    relay()
    copy = Copy(alden)
    copy.pull()
    with role("postgres"):
        HubEpoch.objects.update(epoch=7)
    try:
        assert copy.page().reset
        copy.pull()
        assert (copy.resets, copy.epoch) == (1, 7)
        assert len(copy.entries) == 1
    finally:
        with role("postgres"):
            HubEpoch.objects.update(epoch=1)


def test_a_reader_ahead_of_the_feed_begins_anew(alden):
    assert changes(Asked(after=5, epoch=1), principal=alden).reset


def test_a_number_without_its_epoch_is_refused(alden):
    with pytest.raises(Invalid):
        changes(Asked(after=5), principal=alden)


def purged_at(seq: int) -> None:
    """As if everything up to that number was numbered a year ago; then the job runs."""
    with role("memoryhub_system"):
        FeedItem.objects.filter(seq__lte=seq).update(at=timezone.now() - timedelta(days=365))
        replicas.purge(principal=system_principal("test"), limit=100)


def test_who_missed_tombstones_that_are_purged_begins_anew(alden):
    entry = keep(alden, "a")
    relay()
    copy = Copy(alden)
    copy.pull()
    keep(alden, "b")
    deletion.delete(entry, principal=alden)
    relay()
    purged_at(3)
    assert [feed.purged_through for feed in rows(ChangeFeed.objects.all())] == [3]
    copy.pull()
    assert copy.resets == 1
    assert len(copy.entries) == 1


def test_a_fresh_replica_gets_through_a_purged_feed_page_by_page(alden):
    """What stands below the last purged tombstone takes several pages, and that is no reason to begin again."""
    for number in range(4):
        keep(alden, f"k{number}")
    gone = keep(alden, "gone")
    relay()
    deletion.delete(gone, principal=alden)
    relay()
    purged_at(6)
    replica = replicas.register(principal=alden)
    copy = Copy(alden, limit=1, replica_id=replica.pk)
    copy.pull()
    assert (copy.resets, len(copy.entries)) == (0, 4)
    assert [row.fill_floor for row in rows(Replica.objects.all())] == [6]


def test_a_replica_says_by_asking_what_it_has_applied(alden):
    keep(alden)
    relay()
    replica = replicas.register(principal=alden, name="laptop")
    copy = Copy(alden, replica_id=replica.pk)
    copy.pull()
    copy.pull()
    [noted] = rows(Replica.objects.all())
    assert noted.acked_seq == 1
    assert noted.last_pull_at is not None


def test_another_agents_replica_is_none(alden, alice):
    replica = replicas.register(principal=alden)
    with pytest.raises(NotFound):
        changes(Asked(replica_id=replica.pk), principal=alice)


def test_many_grants_in_one_statement_are_announced_once_each(alden, alice):
    kept = [keep(alden, f"k{number}") for number in range(5)]
    relay()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('memoryhub.tenant', 'acme', true)")
        cursor.execute(
            "INSERT INTO memory_grants (id, tenant_id, entry_id, agent_id, can_write, reason, note, created_at, "
            "created_by) SELECT gen_random_uuid(), 'acme', id, 'alice', false, 'rule', '', now(), 'rules' "
            "FROM memory_context_registry"
        )
    assert len(rows(SyncEvent.objects.filter(event_type="grant.made"))) == 5
    assert relay() == 5
    copy = Copy(alice)
    copy.pull()
    assert set(copy.entries) == {str(entry) for entry in kept}


def test_a_grant_in_the_transaction_of_its_entry_needs_no_event_of_its_own(transactional_db, as_agent):
    alden = as_agent("alden")
    as_agent("alice")
    with behind_walls(alden):
        entry = keep(alden)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO memory_grants (id, tenant_id, entry_id, agent_id, can_write, reason, note, created_at, "
                "created_by) VALUES (gen_random_uuid(), 'acme', %s, 'alice', false, 'rule', '', now(), 'rules')",
                [entry],
            )
    assert [event.event_type for event in rows(SyncEvent.objects.all())] == ["entry.stored"]
    relay()
    assert len(Copy(as_agent("alice")).pull()) == 1


def test_a_change_of_the_value_reaches_those_with_a_grant(alden, alice):
    entry = keep(alden)
    sharing.share(entry, principal=alden, agent_ids=["alice"])
    relay()
    copy = Copy(alice)
    copy.pull()
    entries.change(entry, Change(value="new", if_version=1), principal=alden)
    relay()
    copy.pull()
    assert copy.entries[str(entry)] == (2, False, "new")
