"""Many at one conflict: nothing offered is lost, and of two decisions one holds."""

from __future__ import annotations

from collections import Counter
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from agents_app.exceptions import ConflictMoved
from agents_app.models import Candidate, Conflict
from agents_app.services import conflicts
from agents_app.services.conflicts import Place, Submitted
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from tests.concurrency.test_entries import WRITER, in_threads

pytestmark = pytest.mark.django_db(transaction=True)

SUBMITTERS = 8
JOB = system_principal("test", "acme")


def reviewer(number: int) -> Principal:
    return Principal(kind="staff", name=f"r{number}", permissions=frozenset({"read", "write"}))


def agent(number: int) -> Principal:
    held = frozenset({"read", "write"})
    return Principal(kind="key", name=f"a{number}", tenant_id="acme", agent_id=f"a{number}", permissions=held)


def stored(value: Any) -> UUID:
    return entries.store(Draft(key="k", value=value, scope="tenant"), principal=WRITER).entry_id


def moved_entry() -> UUID:
    stored({"a": 0})
    return stored({"a": 1})


def waiting() -> tuple[UUID, UUID]:
    entry_id = moved_entry()
    done = submit(entry_id, 1, "manual_review")
    assert done.conflict_id
    return entry_id, done.conflict_id


def submit(entry_id: UUID, number: int, strategy: str) -> Submitted:
    return conflicts.submit(
        entry_id, principal=agent(number), base_version=1, value={"a": number + 10}, strategy=strategy
    )


def assert_versions(entry_id: UUID) -> ContextEntry:
    with behind_walls(JOB):
        entry: ContextEntry = ContextEntry.objects.get(pk=entry_id)
        found = EntryVersion.objects.filter(entry=entry).order_by("version").values_list("version", flat=True)
        assert list(found) == list(range(1, entry.sync_version + 1))
        return entry


def test_eight_submitters_share_one_conflict():
    entry_id = moved_entry()
    done = in_threads(lambda number: submit(entry_id, number, "manual_review"), SUBMITTERS)
    assert {one.outcome for one in done} == {"conflict"}
    assert len({one.conflict_id for one in done}) == 1
    with behind_walls(JOB):
        offers = list(Candidate.objects.order_by("position").values_list("position", "agent_id"))
        assert [position for position, _ in offers] == list(range(1, SUBMITTERS + 1))
        assert {name for _, name in offers} == {f"a{number}" for number in range(SUBMITTERS)}
        assert Conflict.objects.get().version == SUBMITTERS
    assert assert_versions(entry_id).disputed


def test_eight_submitters_to_a_strategy_each_leave_a_record():
    entry_id = moved_entry()
    done = in_threads(lambda number: submit(entry_id, number, "latest_wins"), SUBMITTERS)
    outcomes = Counter(one.outcome for one in done)
    assert set(outcomes) <= {"applied", "kept"}
    with behind_walls(JOB):
        assert Conflict.objects.filter(status="resolved").count() == SUBMITTERS
        latest = Candidate.objects.order_by("-written_at").first()
        assert latest is not None
    entry = assert_versions(entry_id)
    assert entry.sync_version == 2 + outcomes["applied"]
    assert entry.value == latest.value


def test_eight_offline_creations_of_one_key_are_merged():
    place = Place(key="new", scope="tenant")

    def create(number: int) -> Submitted:
        return conflicts.submit(
            place, principal=agent(number), base_version=None, value={str(number): number}, strategy="merge_content"
        )

    done = in_threads(create, SUBMITTERS)
    assert Counter(one.outcome for one in done) == {"applied": 1, "merged": SUBMITTERS - 1}
    assert done[0].entry_id
    assert assert_versions(done[0].entry_id).value == {str(number): number for number in range(SUBMITTERS)}


def test_of_two_reviewers_at_once_one_decides():
    entry_id, conflict_id = waiting()
    ready = Barrier(2, timeout=30)

    def decide(number: int) -> str:
        choices = {"": {"value": f"by {number}"}}
        seen = conflicts.preview(conflict_id, principal=reviewer(number), choices=choices)
        ready.wait()
        try:
            conflicts.resolve(
                conflict_id,
                principal=reviewer(number),
                conflict_version=seen.conflict_version,
                entry_version=seen.entry_version,
                choices=choices,
            )
        except ConflictMoved as refused:
            return str(refused.extra["decided_by"])
        return ""

    told = in_threads(decide, 2)
    assert "" in told
    winner = told.index("")
    assert told[1 - winner] == f"r{winner}"
    entry = assert_versions(entry_id)
    assert (entry.value, entry.sync_version, entry.disputed) == (f"by {winner}", 3, False)


def test_a_decision_stands_on_what_the_reviewer_saw():
    entry_id, conflict_id = waiting()
    refusals: list[int] = []

    def work(number: int) -> None:
        if number:
            for turn in range(10):
                stored({"a": number * 100 + turn})
            return
        while not decided():
            pass

    def decided() -> bool:
        seen = conflicts.preview(conflict_id, principal=reviewer(1), choices={"": "candidate:1"})
        try:
            made = conflicts.resolve(
                conflict_id,
                principal=reviewer(1),
                conflict_version=seen.conflict_version,
                entry_version=seen.entry_version,
                choices={"": "candidate:1"},
            )
        except ConflictMoved:
            refusals.append(1)
            return False
        assert made.conflict.version_before == seen.entry_version
        assert made.conflict.version_after == seen.entry_version + 1
        return True

    in_threads(work, 4)
    entry = assert_versions(entry_id)
    assert (entry.sync_version, entry.disputed) == (2 + 30 + 1, False)
    with behind_walls(JOB):
        after = Conflict.objects.get().version_after
        assert after is not None
        assert EntryVersion.objects.get(entry=entry, version=after).value == {"a": 11}
