from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F

from agents_app.services import profiles, retention, syncing
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, EntryVersion, EphemeralEntry
from memoryhub.registry.services import entries, lifecycle, locks
from memoryhub.registry.services.drafts import Draft

SYSTEM = system_principal("test", "acme")


@pytest.fixture
def alden(as_agent: Callable[..., Principal]) -> Principal:
    found = as_agent("alden")
    profiles.change("alden", principal=SYSTEM, retention_days=90)
    return found


def stored(principal: Principal, key: str, **fields: Any) -> UUID:
    draft = Draft(**{"key": key, "value": key, "scope": "agent", "layer": "short_term"} | fields)
    return entries.store(draft, principal=principal).entry_id


def older(entry_id: UUID, days: float) -> None:
    """As if so much time had gone by since it was stored."""
    by = timedelta(days=days)
    with behind_walls(SYSTEM):
        ContextEntry.objects.filter(pk=entry_id).update(
            expires_at=F("expires_at") - by, updated_at=F("updated_at") - by, created_at=F("created_at") - by
        )
        EntryVersion.objects.filter(entry_id=entry_id).update(created_at=F("created_at") - by)


def entry(entry_id: UUID) -> ContextEntry:
    with behind_walls(SYSTEM):
        return ContextEntry.objects.get(pk=entry_id)


def days_left(entry_id: UUID) -> float:
    end = entry(entry_id).expires_at
    assert end is not None
    return round((end - datetime.now(UTC)).total_seconds() / retention.DAY, 2)


def synced(principal: Principal, **asked: Any) -> dict[str, int]:
    run = syncing.sync_agent("alden", principal=principal, **asked)
    assert run.errors == []
    return dict(run.counts)


def test_a_shorter_retention_ends_what_is_past_it_and_moves_the_rest(alden: Principal) -> None:
    old, new = stored(alden, "old"), stored(alden, "new")
    older(old, 50)
    synced(alden)
    profiles.change("alden", principal=SYSTEM, retention_days=30)
    did = synced(alden)
    assert (did["memories_archived"], did["retention_changed"]) == (1, 1)
    assert entry(old).archived_at is not None
    assert days_left(new) == 30
    assert "retention" in reason_of(old)
    assert synced(alden).get("retention_changed", 0) == 0


def reason_of(entry_id: UUID) -> str:
    with behind_walls(SYSTEM):
        return str(EntryVersion.objects.filter(entry_id=entry_id).latest("version").reason)


def test_a_longer_retention_moves_ends_away_and_back_to_the_hubs_own(alden: Principal) -> None:
    kept = stored(alden, "kept")
    older(kept, 10)
    for days, left in ((120, 110), (None, 20)):
        profiles.change("alden", principal=SYSTEM, retention_days=days)
        synced(alden)
        assert days_left(kept) == left


def test_ends_that_a_caller_named_stay(alden: Principal) -> None:
    end = datetime.now(UTC) + timedelta(days=400)
    named = stored(alden, "named", expires_at=end)
    lasting = stored(alden, "lasting", layer="long_term")
    profiles.change("alden", principal=SYSTEM, retention_days=1)
    synced(alden)
    assert entry(named).expires_at == end
    assert entry(lasting).expires_at is None


def test_legal_holds_and_locks_are_left_alone(alden: Principal) -> None:
    held, locked = stored(alden, "held"), stored(alden, "locked")
    lifecycle.hold(held, principal=SYSTEM, on=True, reason="court")
    fence = locks.acquire(locked, principal=alden, seconds=60).fence
    profiles.change("alden", principal=SYSTEM, retention_days=30)
    synced(alden)
    assert (days_left(held), days_left(locked)) == (90, 90)
    locks.release(locked, principal=replace(alden, fence=fence))
    synced(alden)
    assert (days_left(held), days_left(locked)) == (90, 30)


def test_what_somebody_is_writing_is_left_for_a_later_run(alden: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = stored(alden, "busy")
    profiles.change("alden", principal=SYSTEM, retention_days=30)
    with monkeypatch.context() as writing:
        writing.setattr(retention, "HELD", "OFFSET 1 " + retention.HELD)  # as a locked row: passed over
        synced(alden)
    assert days_left(busy) == 90
    synced(alden)
    assert days_left(busy) == 30


def test_another_agents_memories_keep_their_ends(alden: Principal, as_agent: Callable[..., Principal]) -> None:
    other = stored(as_agent("alice"), "k")
    profiles.change("alden", principal=SYSTEM, retention_days=1)
    synced(alden)
    assert days_left(other) == 30


def test_slices_and_users(alden: Principal) -> None:
    ids = [stored(alden, f"k{n}", user_id="pat" if n else "sam") for n in range(5)]
    profiles.change("alden", principal=SYSTEM, retention_days=30)
    synced(alden, user_id="pat")
    assert [days_left(entry_id) for entry_id in ids] == [90, 30, 30, 30, 30]
    assert synced(alden)["retention_changed"] == 1


def test_working_memories_that_came_to_their_end_are_cleaned_up(alden: Principal) -> None:
    working, other = stored(alden, "w", memory_type="working"), stored(alden, "o")
    passing = stored(alden, "e", layer="ephemeral", memory_type="working")
    for entry_id in (working, other):
        older(entry_id, 90)
    with behind_walls(SYSTEM):
        EphemeralEntry.objects.filter(pk=passing).update(expires_at=datetime.now(UTC))
    did = synced(alden)
    assert (did["working_memories_removed"], did["memories_archived"]) == (2, 1)
    assert entry(working).archived_at is not None
    with behind_walls(SYSTEM):
        assert not EphemeralEntry.objects.exists()
