"""What the feed says of conflicts: to whom, and with the entry's new document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from agents_app.models import Conflict, FeedItem, PushedChange
from agents_app.selectors_feed import Asked, changes
from agents_app.services import conflicts, pushing, replicas
from agents_app.services.pushing import Edit
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import deletion, entries, sharing
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.models import Delivery
from tests.agents_app.feeds import Copy, relay, rows
from tests.conftest import role


@pytest.fixture
def alden(as_agent: Callable[..., Principal]) -> Principal:
    return as_agent("alden")


@pytest.fixture
def alice(as_agent: Callable[..., Principal]) -> Principal:
    return as_agent("alice")


@pytest.fixture
def disputed(alden, alice):
    """An entry of alden's, shared with alice for writing; both changed version 1. Gives its id and the conflict's."""
    entry = entries.store(Draft(key="k", value="base", scope="agent"), principal=alden).entry_id
    sharing.share(entry, principal=alden, agent_ids=["alice"], can_write=True)
    entries.store(Draft(key="k", value="alden's", scope="agent"), principal=alden)
    relay()
    made = conflicts.submit(entry, principal=alice, base_version=1, value="alice's", strategy="manual_review")
    assert made.outcome == "conflict"
    return entry, made.conflict_id


def test_all_concerned_hear_of_it_and_get_the_disputed_entry_again(alden, alice, disputed, as_agent):
    entry, conflict = disputed
    copies = [Copy(alden), Copy(alice)]
    for copy in copies:
        copy.pull()
    relay()
    for copy in copies:
        assert [kind for _, kind, _ in copy.pull()] == ["conflict", "put"]
        page = changes(Asked(after=copy.cursor - 2, epoch=1), principal=copy.principal)
        told, put = page.items
        assert told.conflict == {
            "id": conflict,
            "status": "open",
            "kind": "edit",
            "entry_id": entry,
            "version": 1,
            "resolution": "",
        }
        assert put.entry is not None
        assert put.entry.disputed is True
        assert [offer["value"] for offer in put.entry.alternatives] == ["alice's"]
    assert Copy(as_agent("sentry")).pull() == []


def test_a_decision_reaches_them_too_and_twice_delivered_is_no_news(alden, alice, disputed, job):
    entry, conflict = disputed
    relay()
    copies = [Copy(alden), Copy(alice)]
    for copy in copies:
        copy.pull()
    shown = conflicts.preview(conflict, principal=job)
    conflicts.resolve(
        conflict,
        principal=job,
        conflict_version=shown.conflict_version,
        entry_version=shown.entry_version,
        strategy="latest_wins",
        reason="the newer one",
    )
    relay()
    for copy in copies:
        kinds = [kind for _, kind, _ in copy.pull()]
        assert "conflict" in kinds
        assert copy.entries[str(entry)][2] == "alice's"
        document = changes(Asked(), principal=copy.principal).items[-1]
        assert document.kind == "put"
        assert document.entry is not None
        assert document.entry.disputed is False
    before = [(row.agent_id, row.seq) for row in rows(FeedItem.objects.all())]
    with role("memoryhub_system"):
        past = timezone.now() - timedelta(minutes=1)
        Delivery.objects.filter(store="feed").update(status="pending", next_at=past)
    relay()
    assert [(row.agent_id, row.seq) for row in rows(FeedItem.objects.all())] == before


def test_a_conflict_that_falls_with_its_entry_is_left_out(alden, disputed, job):
    entry, _ = disputed
    relay()
    deletion.erase(entry, principal=job, reason="asked for")
    relay()
    copy = Copy(alden)
    assert [kind for _, kind, _ in copy.pull()] == ["gone"]
    assert not rows(Conflict.objects.all())
    assert copy.cursor == max(row.seq for row in rows(FeedItem.objects.filter(agent_id="alden")))


def test_the_purge_reads_the_index_of_what_it_removes(alden):
    with behind_walls(system_principal("test")), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + replicas.PURGE, {"days": 30, "limit": 100})
        assert "feed_tombstones_age" in str(cursor.fetchall())


def test_old_news_is_purged_and_open_conflicts_stay(alden, disputed):
    relay()
    replica = replicas.register(principal=alden)
    pushing.push(replica.pk, [Edit(change_id=new_id(), op="put", key="offline", value=1)], principal=alden)
    with role("memoryhub_system"):
        old = timezone.now() - timedelta(days=365)
        FeedItem.objects.update(at=old)
        PushedChange.objects.update(at=old)
        done = replicas.purge(principal=system_principal("test"), limit=100)
        assert done == {"feed_items": 0, "pushed_changes": 1}
        Conflict.objects.update(status="dismissed")
        done = replicas.purge(principal=system_principal("test"), limit=100)
    assert done == {"feed_items": 2, "pushed_changes": 0}
