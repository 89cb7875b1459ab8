"""Locks with real transactions: threads in process, and processes over HTTP that are stopped past their expiry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from benchmarks.lock_drill import Plan, drill
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import EntryLock, EntryVersion
from memoryhub.registry.services import entries, locks
from memoryhub.registry.services.drafts import Change, Draft
from tests.concurrency.superuser import superuser
from tests.concurrency.test_entries import in_threads
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)
AGENTS, TURNS = 5, 4


def acting_as(number: int) -> Principal:
    name = f"agent-{number}"
    permissions = frozenset({"read", "write"})
    return Principal(kind="key", name=name, tenant_id="acme", agent_id=name, permissions=permissions)


def turn(entry_id: UUID, principal: Principal) -> int:
    """Waits for the lock, adds one to what it reads, lets go; gives the fencing number."""

    def asked() -> int | None:
        return locks.acquire(entry_id, principal=principal, wait=True).fence

    fence = until(asked, 60, "the lock")
    assert fence is not None
    holder = replace(principal, fence=fence)
    seen = entries.get(entry_id, principal=holder)
    entries.change(entry_id, Change(value=seen.value + 1, if_present=True), principal=holder)
    assert locks.release(entry_id, principal=holder).released
    return fence


def test_whoever_holds_the_lock_is_alone() -> None:
    entry_id = entries.store(Draft(key="k", value=0, scope="tenant"), principal=acting_as(0)).entry_id
    fences = in_threads(lambda number: [turn(entry_id, acting_as(number)) for _ in range(TURNS)], AGENTS)
    numbers = sorted(number for taken in fences for number in taken)
    assert numbers == list(range(1, AGENTS * TURNS + 1)), "each grant has a number of its own"
    with behind_walls(acting_as(0)):
        assert EntryVersion.objects.get(version=AGENTS * TURNS + 1).value == AGENTS * TURNS
        assert EntryLock.objects.get().holder is None


def test_a_lock_is_not_granted_between_a_writer_s_check_and_its_commit() -> None:
    """The writer holds the entry's row; whoever asks for the lock waits for its commit."""
    entry_id = entries.store(Draft(key="k", value=0, scope="tenant"), principal=acting_as(0)).entry_id
    seen: list[int] = []

    def ask(number: int) -> None:
        locks.acquire(entry_id, principal=acting_as(1))
        seen.append(entries.get(entry_id, principal=acting_as(1)).value)

    with behind_walls(acting_as(0)):
        entries.change(entry_id, Change(value=1, if_present=True), principal=acting_as(0))
        with superuser() as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(Exception, match="lock timeout"):
                other.execute("SELECT 1 FROM memory_context_registry WHERE id = %s FOR NO KEY UPDATE", [entry_id])
    in_threads(ask, 1)
    assert seen == [1]


def test_stopped_processes_never_make_two_holders(live_server: Any, make_key: Any, tmp_path: Path) -> None:
    plan = Plan(agents=4, entries=2, acquisitions=16, stop_every=0.5)
    port = int(live_server.url.rsplit(":", 1)[1])
    with superuser() as database:
        report = drill(port, make_key(scopes=("read", "write")), database, tmp_path, plan)
    assert report.acquired == 16
    assert report.clean, report
    assert report.written + report.late == report.acquired
    connection.close()
