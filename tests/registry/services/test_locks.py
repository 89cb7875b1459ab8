"""Locks: one holder, a number that only grows, a queue in order. Time passes by moving the rows back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db.models import F
from django.utils import timezone

from memoryhub.access.exceptions import Invalid, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import (
    EntryLocked,
    EphemeralEntryError,
    NotGranted,
    NotLockHolder,
    StaleFence,
    TooManyWaiters,
)
from memoryhub.registry.models import ContextEntry, EntryLock, LockWaiter
from memoryhub.registry.services import deletion, entries, lifecycle, locks, sharing, versions
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.registry.services.entries import Stored
from tests.registry.conftest import agent

Store = Callable[..., Stored]
AsRole = Callable[[str], AbstractContextManager[None]]
ALICE, BOB = agent("alice"), agent("bob")
ADMIN = replace(agent("boss"), permissions=frozenset({"read", "write", "admin"}))


def pass_time(seconds: float, entry_id: UUID) -> None:
    """As if that much time had gone by for this entry's lock and queue."""
    back = timedelta(seconds=seconds)
    with behind_walls(ALICE):
        EntryLock.objects.filter(pk=entry_id, holder__isnull=False).update(expires_at=F("expires_at") - back)
        LockWaiter.objects.filter(entry_id=entry_id).update(asked_at=F("asked_at") - back)


@pytest.fixture
def entry_id(store: Store) -> UUID:
    return store("shared", {"n": 1}, scope="tenant").entry_id


def test_one_holds_and_the_others_queue_in_order(entry_id: UUID, caller: Principal) -> None:
    first = locks.acquire(entry_id, principal=caller, reason="counting")
    assert (first.granted, first.fence, first.holder, first.waiters) == (True, 1, "alden", 0)
    second = locks.acquire(entry_id, principal=ALICE, wait=True)
    third = locks.acquire(entry_id, principal=BOB, wait=True)
    assert [second.position, third.position] == [1, 2]
    assert not second.granted
    assert second.holder == "alden"
    assert second.fence is None
    assert second.retry_after
    assert locks.acquire(entry_id, principal=ALICE, wait=True).position == 1, "asking again keeps the place"

    assert locks.release(entry_id, principal=caller).released
    assert locks.state(entry_id, principal=caller).holder == "alice", "the first that waits has it at once"
    assert not locks.acquire(entry_id, principal=BOB, wait=True).granted
    mine = locks.acquire(entry_id, principal=ALICE, wait=True)
    assert (mine.granted, mine.fence, mine.waiters) == (True, 2, 1)


def test_without_waiting_it_is_refused_with_the_holder(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller, seconds=60)
    with pytest.raises(EntryLocked) as refused:
        locks.acquire(entry_id, principal=ALICE)
    assert refused.value.extra["holder"] == "alden"
    assert 55 < refused.value.retry_after <= 60


def test_the_holder_that_asks_again_keeps_its_number(entry_id: UUID, caller: Principal) -> None:
    first = locks.acquire(entry_id, principal=caller, seconds=10)
    again = locks.acquire(entry_id, principal=caller, seconds=100)
    assert again.fence == first.fence
    assert (again.expires_at - first.expires_at).total_seconds() > 80


def test_expiry_grants_the_next_and_the_number_grows(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller, seconds=5)
    locks.acquire(entry_id, principal=ALICE, wait=True)
    pass_time(6, entry_id)
    taken = locks.acquire(entry_id, principal=ALICE, wait=True)
    assert (taken.granted, taken.fence) == (True, 2)
    with pytest.raises(StaleFence):
        locks.renew(entry_id, principal=replace(caller, fence=1))
    with pytest.raises(NotLockHolder):
        locks.release(entry_id, principal=caller)
    assert not locks.release(entry_id, principal=replace(caller, fence=1)).released, "that lock is over"
    assert locks.state(entry_id, principal=ALICE).holder == "alice"


def test_an_ended_lock_gets_a_new_number_even_for_its_holder(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller, seconds=5)
    pass_time(6, entry_id)
    with pytest.raises(StaleFence):
        locks.renew(entry_id, principal=caller)
    assert locks.acquire(entry_id, principal=caller).fence == 2


def test_waiters_that_do_not_ask_again_lapse(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller)
    locks.acquire(entry_id, principal=ALICE, wait=True)
    pass_time(settings.CONFIG.agents.waiter_lapse_seconds - 1, entry_id)
    assert locks.acquire(entry_id, principal=BOB, wait=True).position == 2
    pass_time(2, entry_id)
    assert locks.state(entry_id, principal=BOB).queue == ["bob"]
    assert locks.acquire(entry_id, principal=BOB, wait=True).position == 1
    assert locks.acquire(entry_id, principal=ALICE, wait=True).position == 2, "at the end again"


def test_a_granted_waiter_that_never_comes_loses_its_turn(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller)
    locks.acquire(entry_id, principal=ALICE, wait=True, seconds=3000)
    locks.acquire(entry_id, principal=BOB, wait=True)
    locks.release(entry_id, principal=caller)
    lapse = settings.CONFIG.agents.waiter_lapse_seconds
    pass_time(lapse - 1, entry_id)
    assert not locks.acquire(entry_id, principal=BOB, wait=True).granted
    pass_time(2, entry_id)
    assert locks.acquire(entry_id, principal=BOB, wait=True).fence == 3


def test_leaving_the_queue(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller)
    locks.acquire(entry_id, principal=ALICE, wait=True)
    assert not locks.release(entry_id, principal=ALICE).released
    assert locks.state(entry_id, principal=ALICE).queue == []


def test_releasing_twice_is_harmless(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller)
    assert [locks.release(entry_id, principal=caller).released for _ in range(2)] == [True, False]
    assert not locks.release(entry_id, principal=ALICE).released, "nobody holds it"


def test_renewing_starts_the_time_anew(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller, seconds=5)
    renewed = locks.renew(entry_id, principal=replace(caller, fence=1), seconds=500)
    pass_time(400, entry_id)
    assert renewed.granted
    assert locks.state(entry_id, principal=caller).holder == "alden"


@pytest.mark.parametrize("seconds", [0, -5, 0.4, 3601])
def test_times_out_of_range(entry_id: UUID, caller: Principal, seconds: float) -> None:
    with pytest.raises(Invalid):
        locks.acquire(entry_id, principal=caller, seconds=seconds)


def test_too_many_waiters(entry_id: UUID, caller: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings.CONFIG.agents, "lock_waiters", 1)
    locks.acquire(entry_id, principal=caller)
    locks.acquire(entry_id, principal=ALICE, wait=True)
    with pytest.raises(TooManyWaiters):
        locks.acquire(entry_id, principal=BOB, wait=True)
    assert locks.acquire(entry_id, principal=ALICE, wait=True).position == 1, "who has a place keeps it"


def test_only_what_one_may_write_can_be_locked(store: Store, caller: Principal) -> None:
    mine = store("mine", 1, scope="agent").entry_id
    with pytest.raises(NotFound):
        locks.acquire(mine, principal=ALICE)
    agents_known(ALICE)
    sharing.share(mine, principal=caller, agent_ids=["alice"])
    with pytest.raises(NotGranted):
        locks.acquire(mine, principal=ALICE)
    assert locks.state(mine, principal=ALICE).holder is None
    with pytest.raises(NotFound):
        locks.acquire(mine, principal=agent("alden", tenant="other"))
    nobody = replace(caller, tenant_id=None)
    with pytest.raises(NotFound):
        locks.acquire(mine, principal=nobody)


def agents_known(principal: Principal) -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    agents.ensure(principal=system_principal("test"), tenant_id="acme", agent_id=principal.actor)


def test_ephemeral_and_deleted_entries_have_no_lock(store: Store, caller: Principal) -> None:
    fleeting = store("fleeting", 1, layer="ephemeral").entry_id
    with pytest.raises(EphemeralEntryError):
        locks.acquire(fleeting, principal=caller)
    with pytest.raises(EphemeralEntryError):
        locks.state(fleeting, principal=caller)


def test_writers_but_the_holder_are_refused(entry_id: UUID, caller: Principal) -> None:
    fence = locks.acquire(entry_id, principal=caller, seconds=60).fence
    change = Change(value=2)
    with pytest.raises(EntryLocked) as refused:
        entries.change(entry_id, change, principal=ALICE)
    assert refused.value.extra["holder"] == "alden"
    assert 50 < refused.value.retry_after <= 60
    with pytest.raises(EntryLocked):
        entries.store(Draft(key="shared", value=2, scope="tenant"), principal=caller)
    with pytest.raises(StaleFence):
        entries.change(entry_id, change, principal=replace(caller, fence=2))
    assert entries.change(entry_id, change, principal=replace(caller, fence=fence)).sync_version == 2
    locks.release(entry_id, principal=caller)
    with pytest.raises(StaleFence):
        entries.change(entry_id, change, principal=replace(caller, fence=fence))
    assert entries.change(entry_id, change, principal=ALICE).sync_version == 3


def test_force_releasing_needs_a_permission_and_a_reason(entry_id: UUID, caller: Principal) -> None:
    locks.acquire(entry_id, principal=caller)
    locks.acquire(entry_id, principal=ALICE, wait=True)
    with pytest.raises(ScopeMissing):
        locks.force_release(entry_id, principal=ALICE, reason="mine")
    with pytest.raises(Invalid):
        locks.force_release(entry_id, principal=ADMIN, reason=" ")
    assert locks.force_release(entry_id, principal=ADMIN, reason="gone").holder == "alden"
    assert locks.acquire(entry_id, principal=ALICE, wait=True).fence == 2
    with behind_walls(ADMIN):
        line = AuditEvent.objects.get(action="registry.lock.force_released")
    assert (line.tenant_id, line.object_id, line.reason) == ("acme", str(entry_id), "gone")
    assert line.old is not None
    assert line.old["holder"] == "alden"
    assert line.old["fence"] == 1


def test_force_releasing_a_free_lock_changes_nothing(entry_id: UUID) -> None:
    assert not locks.force_release(entry_id, principal=ADMIN, reason="tidy").released
    with behind_walls(ADMIN):
        assert not AuditEvent.objects.filter(action="registry.lock.force_released").exists()


def test_held_locks_are_listed_for_those_who_see_the_entry(store: Store, caller: Principal) -> None:
    private, shared = store("p", 1, scope="agent").entry_id, store("s", 1, scope="tenant").entry_id
    for one in (private, shared):
        locks.acquire(one, principal=caller)
    for reader, count in ((caller, 2), (ALICE, 1), (agent("alden", tenant="other"), 0)):
        with behind_walls(reader):
            assert locks.held(principal=reader).count() == count
    pass_time(4000, shared)
    with behind_walls(ALICE):
        assert not locks.held(principal=ALICE).exists()


def test_the_sweep_passes_ended_locks_on(store: Store, caller: Principal, as_role: AsRole) -> None:
    one, two = store("one", 1).entry_id, store("two", 1).entry_id
    for entry in (one, two):
        locks.acquire(entry, principal=caller, seconds=5)
    locks.acquire(two, principal=ALICE, wait=True)
    for entry in (one, two):
        pass_time(6, entry)
    with as_role("memoryhub_system"):
        assert [locks.sweep(principal=system_principal("job"), limit=10) for _ in range(2)] == [2, 0]
    assert locks.state(one, principal=caller).holder is None
    assert locks.state(two, principal=caller).holder == "alice"


def test_amendments_obey(store: Store, caller: Principal) -> None:
    entry_id = store("amended", 1, scope="tenant").entry_id
    fence = locks.acquire(entry_id, principal=caller).fence
    by_admin: dict[str, Any] = {"principal": ADMIN, "reason": "because"}
    for amend in (
        lambda: deletion.delete(entry_id, principal=ALICE),
        lambda: versions.restore(entry_id, principal=ALICE, version=1),
        lambda: lifecycle.archive(entry_id, principal=ALICE),
        lambda: lifecycle.unarchive(entry_id, principal=ALICE),
        lambda: lifecycle.reinforce(entry_id, principal=ALICE),
        lambda: lifecycle.hold(entry_id, on=True, **by_admin),
        lambda: deletion.erase(entry_id, **by_admin),
        lambda: deletion.delete(entry_id, principal=caller),
    ):
        with pytest.raises(EntryLocked):
            amend()
    with pytest.raises(StaleFence):
        lifecycle.archive(entry_id, principal=replace(caller, fence=99))
    holder = replace(caller, fence=fence)
    assert lifecycle.reinforce(entry_id, principal=holder).sync_version == 2
    assert deletion.delete(entry_id, principal=holder).sync_version == 3
    with pytest.raises(EntryLocked):
        versions.restore(entry_id, principal=ALICE)
    assert versions.restore(entry_id, principal=holder).sync_version == 4


def test_grants_are_no_writes_of_the_entry(store: Store, caller: Principal) -> None:
    agents_known(ALICE)
    entry_id = store("granted", 1, scope="agent").entry_id
    locks.acquire(entry_id, principal=caller)
    assert sharing.share(entry_id, principal=caller, agent_ids=["alice"])


def test_sweeps_skip_what_is_locked(store: Store, caller: Principal, as_role: AsRole) -> None:
    ended = {"scope": "tenant", "layer": "short_term"}
    free, locked = (store(key, 1, **ended).entry_id for key in ("free", "locked"))
    locks.acquire(locked, principal=caller)
    past = timezone.now() - timedelta(days=1)
    with behind_walls(caller):
        ContextEntry.objects.filter(pk__in=[free, locked]).update(expires_at=past)
    with as_role("memoryhub_system"):
        assert lifecycle.expire_due(principal=system_principal("job"), limit=10) == 1
    with behind_walls(caller):
        assert ContextEntry.objects.get(archived_at=None).pk == locked
