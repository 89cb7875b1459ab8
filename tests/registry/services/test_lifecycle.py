"""How entries age."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, EntryCount, EntryVersion, EphemeralEntry
from memoryhub.registry.services import counts, deletion, entries, lifecycle
from memoryhub.registry.services.access_log import log
from memoryhub.registry.strength import strength
from memoryhub.search.models import IndexRow
from memoryhub.sync import jobs
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db
ADMIN = agent(scopes=("read", "write", "admin"))
JOB = system_principal("test")


@pytest.fixture
def sweep(as_role):
    """Runs a sweep as jobs do: in the system's role, over all tenants."""

    def run(verb, limit=100):
        with as_role("memoryhub_system"):
            return verb(principal=JOB, limit=limit)

    return run


def age(days: float, **columns) -> None:
    """Makes all entries look that old."""
    past = datetime.now(UTC) - timedelta(days=days)
    with behind_walls(system_principal("test", "acme")):
        ContextEntry.objects.update(**dict.fromkeys(("updated_at", "last_accessed_at"), past), **columns)


def state(entry_id):
    with behind_walls(ADMIN):
        return ContextEntry.objects.get(pk=entry_id)


def test_archived_entries_are_out_of_sight_until_unarchived(store, caller):
    entry_id = store("k", 1).entry_id
    lifecycle.archive(entry_id, principal=caller, reason="old")
    with pytest.raises(NotFound):
        entries.get(entry_id, principal=caller)
    with behind_walls(caller):
        assert IndexRow.objects.get(pk=entry_id).archived
    assert lifecycle.archive(entry_id, principal=caller).sync_version == 2, "a second time changes nothing"
    lifecycle.unarchive(entry_id, principal=caller)
    assert entries.get(entry_id, principal=caller).sync_version == 3
    assert lifecycle.unarchive(entry_id, principal=caller).sync_version == 3


def test_an_entry_whose_end_has_come_is_archived_and_gets_a_new_end_when_brought_back(store, caller, sweep):
    entry_id = store("k", 1, layer="short_term").entry_id
    with behind_walls(caller):
        ContextEntry.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert sweep(lifecycle.expire_due) == 1
    assert sweep(lifecycle.expire_due) == 0
    assert entries.get(entry_id, principal=caller, include_archived=True).archived_at is not None
    with behind_walls(caller):
        assert EntryVersion.objects.get(entry=entry_id, version=2).action == "expired"
        assert EntryVersion.objects.get(entry=entry_id, version=2).author == "system:test"
    end = lifecycle.unarchive(entry_id, principal=caller).expires_at
    assert end is not None
    assert end > datetime.now(UTC) + timedelta(days=29)
    assert entries.get(entry_id, principal=caller).value == 1


def test_sweeps_work_in_slices_over_all_tenants_and_skip_holds(store, sweep):
    for number in range(5):
        store(f"k{number}", layer="short_term", by=agent(tenant=f"t{number % 2}"))
    held = store("held", layer="short_term").entry_id
    lifecycle.hold(held, principal=ADMIN, on=True, reason="case")
    for tenant in ("t0", "t1", "acme"):
        with behind_walls(system_principal("test", tenant)):
            ContextEntry.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert [sweep(lifecycle.expire_due, 3) for _ in range(3)] == [3, 2, 0]
    assert state(held).archived_at is None


def test_ephemeral_entries_end_five_minutes_after_their_last_use(store, caller, sweep):
    used, unused = store("used", layer="ephemeral").entry_id, store("unused", layer="ephemeral").entry_id
    soon = datetime.now(UTC) + timedelta(seconds=30)
    with behind_walls(caller):
        EphemeralEntry.objects.update(expires_at=soon)
    entries.retrieve(key="used", principal=caller)
    log.flush()
    with behind_walls(caller):
        assert EphemeralEntry.objects.filter(pk=used, expires_at__gt=soon + timedelta(minutes=4)).exists()
        assert EphemeralEntry.objects.get(pk=unused).expires_at == soon
        EphemeralEntry.objects.filter(pk=unused).update(expires_at=datetime.now(UTC))
    with pytest.raises(NotFound):
        entries.retrieve(key="unused", principal=caller)
    assert sweep(lifecycle.expire_due) == 1
    assert entries.get(used, principal=caller).access_count == 1


def test_session_entries_slide_too_unless_their_end_was_named(store, caller):
    fixed = datetime.now(UTC) + timedelta(hours=1)
    sliding = store("sliding", layer="session", session_id="s").entry_id
    named = store("named", layer="session", session_id="s", expires_at=fixed).entry_id
    with behind_walls(caller):
        ContextEntry.objects.filter(pk=sliding).update(expires_at=fixed)
    for entry_id in (sliding, named):
        entries.get(entry_id, principal=caller)
    log.flush()
    assert state(sliding).expires_at > fixed + timedelta(hours=22)
    assert state(named).expires_at == fixed


def test_a_session_takes_its_entries_with_it(store, caller):
    mine = store("mine", layer="session", session_id="s", scope="tenant").entry_id
    lasting = store("lasting", layer="long_term", session_id="s", scope="tenant").entry_id
    other = store("other", layer="session", session_id="t", scope="tenant").entry_id
    store("cache", layer="ephemeral", session_id="s")
    assert lifecycle.archive_session("s", principal=caller) == 1
    assert state(mine).archived_at is not None
    assert state(lasting).archived_at is None
    assert state(other).archived_at is None
    with behind_walls(caller):
        assert not EphemeralEntry.objects.exists()


@pytest.mark.parametrize(
    ("days", "importance", "stability", "uses"), [(0, 1, 1, 0), (30, 1, 1, 0), (60, 0.5, 2, 0), (90, 0.8, 1, 20)]
)
def test_strength_is_the_published_formula(store, *, days, importance, stability, uses):
    entry_id = store("k", importance=importance).entry_id
    age(days, stability=stability, access_count=uses)
    with behind_walls(ADMIN):
        found = ContextEntry.objects.annotate(strength=strength()).get(pk=entry_id).strength
    half_life = 30 * stability * (1 + 0.1 * math.log(1 + uses))
    assert found == pytest.approx(importance * 2 ** (-days / half_life), rel=1e-3)


def test_strength_of_the_very_old_is_a_number(store, caller):
    entry_id = store("k").entry_id
    age(365_000)
    with behind_walls(caller):
        assert ContextEntry.objects.annotate(strength=strength()).get(pk=entry_id).strength < 1e-300


def test_faded_memories_are_archived_and_only_those(store, sweep):
    layers = ("session", "short_term", "long_term", "permanent")
    ids = {layer: store(layer, layer=layer, session_id="s", expires_at=None).entry_id for layer in layers}
    fresh = store("trifle", importance=0.0).entry_id
    assert sweep(lifecycle.archive_weak) == 0, "what is unimportant is seen for one half-life at least"
    age(170)
    with behind_walls(ADMIN):
        ContextEntry.objects.filter(pk=fresh).update(updated_at=datetime.now(UTC))
    assert sweep(lifecycle.archive_weak) == 2
    assert {layer for layer, entry_id in ids.items() if state(entry_id).archived_at} == {"short_term", "long_term"}


def test_use_and_reinforcement_keep_memories_from_fading(store, caller, sweep):
    entry_id = store("k").entry_id
    lifecycle.reinforce(entry_id, principal=caller, factor=2)
    age(170)
    assert sweep(lifecycle.archive_weak) == 0
    assert state(entry_id).stability == 2


def test_three_reinforcements_make_a_memory_long_term(store, caller):
    entry_id = store("k", layer="short_term").entry_id
    layers = [lifecycle.reinforce(entry_id, principal=caller).layer for _ in range(3)]
    assert layers == ["short_term", "short_term", "long_term"]
    assert state(entry_id).expires_at is None
    for factor in (0.5, 11):
        with pytest.raises(Invalid):
            lifecycle.reinforce(entry_id, principal=caller, factor=factor)


def test_purging_removes_old_tombstones_and_short_term_archives(store, caller, sweep):
    kept = store("kept", layer="long_term").entry_id
    young = store("young", layer="short_term").entry_id
    deleted, archived, held = (store(k, layer="short_term").entry_id for k in ("deleted", "archived", "held"))
    for entry_id in (kept, young, archived):
        lifecycle.archive(entry_id, principal=caller)
    for entry_id in (deleted, held):
        deletion.delete(entry_id, principal=caller)
    lifecycle.hold(held, principal=ADMIN, on=True, reason="case")
    past = datetime.now(UTC) - timedelta(days=31)
    with behind_walls(caller):
        ContextEntry.objects.filter(pk__in=[deleted, held]).update(deleted_at=past)
        ContextEntry.objects.filter(pk__in=[kept, archived]).update(archived_at=past)
    assert sweep(lifecycle.purge) == 2
    with behind_walls(caller):
        assert set(ContextEntry.objects.values_list("pk", flat=True)) == {kept, young, held}
        assert not EntryVersion.objects.filter(entry__in=[deleted, archived]).exists()


def test_counts_fold_without_changing_the_sum(store, caller, sweep):
    for number in range(5):
        store(f"k{number}")
    with behind_walls(caller):
        assert EntryCount.objects.count() == 5
    assert sweep(counts.fold) == 4
    assert sweep(counts.fold) == 0
    with behind_walls(caller):
        assert list(EntryCount.objects.values_list("layer", "n")) == [("long_term", 5)]


def test_the_jobs_are_registered():
    assert {"expire_entries", "archive_weak", "purge_entries", "fold_counts"} <= {job.name for job in jobs.every()}
