"""Many writers, one entry: nothing is lost, versions have no gap, and nobody waits for ever."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import DurableExists, EntryStale
from memoryhub.registry.models import ContextEntry, EntryVersion, EphemeralEntry
from memoryhub.registry.services import batches, entries
from memoryhub.registry.services.access_log import log
from memoryhub.registry.services.drafts import Change, Draft
from memoryhub.search.models import IndexRow
from memoryhub.sync.models import SyncEvent

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 32
WRITER = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))


def in_threads(work: Callable[[int], Any], threads: int = WRITERS) -> list[Any]:
    def run(number: int) -> Any:
        try:
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


def assert_contiguous(versions: int) -> ContextEntry:
    with behind_walls(system_principal("test", "acme")):
        entry = ContextEntry.objects.get()
        assert entry.sync_version == versions
        wanted = list(range(1, versions + 1))
        assert list(EntryVersion.objects.order_by("version").values_list("version", flat=True)) == wanted
        assert sorted(SyncEvent.objects.values_list("version", flat=True)) == wanted
        assert IndexRow.objects.get().version == versions
        assert EntryVersion.objects.get(version=versions).value == entry.value
        return entry


def test_upserts_of_one_key_are_versions_in_a_row():
    def work(number: int) -> list[int]:
        return [entries.store(Draft(key="k", value=[number, n]), principal=WRITER).sync_version for n in range(10)]

    answered = in_threads(work)
    assert sorted(version for versions in answered for version in versions) == list(range(1, WRITERS * 10 + 1))
    assert_contiguous(WRITERS * 10)


def increment(entry_id: Any) -> int:
    """Adds one, as often as it takes; gives the number of refusals."""
    for refusals in range(10_000):
        seen = entries.get(entry_id, principal=WRITER)
        try:
            change = Change(value=seen.value + 1, if_version=seen.sync_version)
            entries.change(entry_id, change, principal=WRITER)
        except EntryStale:
            continue
        return refusals
    raise AssertionError("never got through")


def test_compare_and_set_loses_no_increment():
    entry_id = entries.store(Draft(key="counter", value=0), principal=WRITER).entry_id
    refusals = sum(in_threads(lambda number: increment(entry_id)))
    assert assert_contiguous(WRITERS + 1).value == WRITERS
    assert refusals > 0


def test_of_many_that_create_only_one_does():
    def work(number: int) -> bool:
        try:
            entries.store(Draft(key="k", value=number, if_absent=True), principal=WRITER)
        except EntryStale:
            return False
        return True

    assert sum(in_threads(work)) == 1
    assert_contiguous(1)


def test_batches_in_any_order_never_wait_for_each_other():
    keys = [f"k{number}" for number in range(20)]

    def work(number: int) -> int:
        shuffled = random.Random(number).sample(keys, len(keys))
        outcomes = batches.store_many([Draft(key=key, value=number) for key in shuffled], principal=WRITER)
        return sum(isinstance(outcome, HubError) for outcome in outcomes)

    assert sum(in_threads(work, 8)) == 0
    with behind_walls(system_principal("test", "acme")):
        assert set(ContextEntry.objects.values_list("sync_version", flat=True)) == {8}


def test_counting_reads_neither_blocks_writers_nor_loses_a_use():
    ids = [entries.store(Draft(key=f"k{n}", value=n), principal=WRITER).entry_id for n in range(10)]

    def work(number: int) -> None:
        for n in range(10):
            if number % 2:
                entries.store(Draft(key=f"k{n}", value=number), principal=WRITER)
            else:
                entries.get(ids[n], principal=WRITER)
                log.flush()

    in_threads(work, 16)
    log.flush_for_good()
    with behind_walls(system_principal("test", "acme")):
        assert set(ContextEntry.objects.values_list("access_count", flat=True)) == {8}


def test_a_durable_and_an_ephemeral_store_at_once_leave_the_durable_one():
    def work(number: int) -> None:
        layer = "ephemeral" if number % 2 else "long_term"
        with suppress(DurableExists):
            entries.store(Draft(key="k", value=layer, layer=layer), principal=WRITER)

    in_threads(work, 16)
    assert entries.retrieve(key="k", principal=WRITER).value == "long_term"
    with behind_walls(system_principal("test", "acme")):
        assert EphemeralEntry.objects.count() <= 1
