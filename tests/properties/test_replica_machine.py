"""Replicas of several agents against the pure model: whatever happened, quiet syncs make them equal to it."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from memoryhub_client.replica import Replica
from tests.memoryhub_client.fake_hub import FakeClient, FakeHub, State

AGENTS = ("ada", "bob")
#: (agent, user, name): two devices of one agent, one of them for one user only
HOLDERS = (("ada", None, "1"), ("ada", "u1", "2"), ("bob", None, "1"), ("bob", None, "2"))
KEYS = st.sampled_from(["theme", "plan", "size"])
WHICH = st.integers(0, len(HOLDERS) - 1)
DOORS = st.lists(st.sampled_from(["push", "changes", "get_many", "register_replica"]), max_size=2)
SOME = st.integers(0, 100)


class ReplicaMachine(RuleBasedStateMachine):
    @initialize(strategies=st.tuples(*[st.sampled_from(["latest_wins", "merge_content", "manual_review"])] * 2))
    def begin(self, strategies: tuple[str, str]) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.hub = FakeHub()
        self.hub.strategies = dict(zip(AGENTS, strategies, strict=True))
        self.numbers = count(1)
        self.backup: State | None = None
        self.restored = self.erased = False
        #: (replica, key or id as it is kept by the hub) → the last value that was put there
        self.written: dict[tuple[int, str], Any] = {}
        self.replicas = [self.open(number) for number in range(len(HOLDERS))]

    def open(self, number: int) -> Replica:
        agent, user, name = HOLDERS[number]
        path = Path(self.folder.name) / f"{agent}{name}.db"
        return Replica(path, FakeClient(self.hub), agent_id=agent, user_id=user)

    def fresh(self, shape: int) -> Any:
        number = next(self.numbers)
        return {f"part{shape % 3}": number} if shape % 2 else number

    # agents

    @rule(which=WHICH, key=KEYS, shape=SOME)
    def put(self, which: int, key: str, shape: int) -> None:
        value = self.fresh(shape)
        self.written[which, self.replicas[which].put(key, value)] = value
        assert self.replicas[which].get(key).value == value  # type: ignore[union-attr]

    @rule(which=WHICH, nth=SOME, shape=SOME)
    def change_something(self, which: int, nth: int, shape: int) -> None:
        if there := self.replicas[which].entries():
            found, value = there[nth % len(there)], self.fresh(shape)
            if isinstance(found.value, dict) and isinstance(value, dict):
                value = found.value | value
            self.written[which, self.replicas[which].put(found.entry_id, value)] = value
            assert self.replicas[which].get(found.entry_id).value == value  # type: ignore[union-attr]

    @rule(which=WHICH, nth=SOME)
    def delete_something(self, which: int, nth: int) -> None:
        if there := self.replicas[which].entries():
            found = there[nth % len(there)]
            assert self.replicas[which].delete(found.entry_id)
            assert self.replicas[which].get(found.entry_id) is None
            self.written.pop((which, found.entry_id), None)

    @rule(which=WHICH, lost=DOORS)
    def sync(self, which: int, lost: list[str]) -> None:
        client: Any = self.replicas[which].client
        client.lost = list(lost)
        with suppress(ConnectionResetError):
            self.replicas[which].sync()
        client.lost = []

    @rule(which=WHICH, key=KEYS, shape=SOME, loses=st.booleans())
    def edit_while_a_push_is_under_way(self, which: int, key: str, shape: int, loses: bool) -> None:
        client: Any = self.replicas[which].client
        self.put(which, key, shape)
        client.meanwhile = lambda: self.put(which, key, shape + 2)
        self.sync(which, ["push"] if loses else [])
        client.meanwhile = None

    @rule(which=WHICH)
    def reopen(self, which: int) -> None:
        self.replicas[which].close()
        self.replicas[which] = self.open(which)

    @rule(which=WHICH, discards=st.booleans())
    def face_refusals(self, which: int, discards: bool) -> None:
        replica = self.replicas[which]
        waiting = {change.entry_id for change in replica.pending()}
        for change in replica.rejected():
            if discards or change.entry_id in waiting or change.code == "erased":
                replica.discard(change.change_id)
                self.written.pop((which, change.entry_id), None)
            else:
                replica.retry(change.change_id)
                waiting.add(change.entry_id)

    # the hub

    @rule(agent=st.sampled_from(AGENTS), key=KEYS, user=st.sampled_from([None, "u1", "u2"]), shape=SOME)
    def store(self, agent: str, key: str, user: str | None, shape: int) -> None:
        self.hub.store(agent, key, self.fresh(shape), user_id=user)

    @rule(nth=SOME, agent=st.sampled_from(AGENTS), can_write=st.booleans())
    def grant(self, nth: int, agent: str, can_write: bool) -> None:
        entry = self.some_entry(nth)
        if entry and entry.owner != agent:
            self.hub.grant(entry.entry_id, agent, can_write=can_write)

    @rule(nth=SOME, agent=st.sampled_from(AGENTS))
    def revoke(self, nth: int, agent: str) -> None:
        if entry := self.some_entry(nth):
            self.hub.revoke(entry.entry_id, agent)

    @rule(nth=SOME)
    def delete_at_the_hub(self, nth: int) -> None:
        if entry := self.some_entry(nth):
            self.hub.delete(entry.entry_id)

    @rule(nth=SOME)
    def erase(self, nth: int) -> None:
        if entry := self.some_entry(nth):
            self.hub.erase(entry.entry_id)
            self.erased = True

    @rule(nth=SOME, shape=SOME)
    def decide(self, nth: int, shape: int) -> None:
        opened = [c for c in self.hub.state.conflicts.values() if c.status == "open"]
        if opened:
            self.hub.resolve(opened[nth % len(opened)].id, self.fresh(shape))

    @rule(at_once=st.booleans())
    def relay(self, at_once: bool) -> None:
        self.hub.relays_at_once = at_once
        self.hub.relay()

    @rule(agent=st.sampled_from(AGENTS))
    def purge(self, agent: str) -> None:
        self.hub.purge(agent)

    @rule()
    def back_up(self) -> None:
        self.backup = self.hub.backup()

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        assert self.backup is not None
        self.hub.restore(self.backup)
        self.restored = True

    def some_entry(self, nth: int) -> Any:
        alive = [e for e in self.hub.state.entries.values() if not e.deleted]
        return alive[nth % len(alive)] if alive else None

    # what must be true in the end

    def teardown(self) -> None:
        if not hasattr(self, "replicas"):
            return
        try:
            self.settle()
            for number in range(len(HOLDERS)):
                self.check_equal(number)
            if not (self.restored or self.erased):
                self.check_nothing_lost()
        finally:
            for replica in self.replicas:
                replica.close()
            self.folder.cleanup()

    def settle(self) -> None:
        """Everybody pushes, then everybody pulls."""
        self.hub.relays_at_once = True
        self.hub.relay()
        for replica in [*self.replicas, *self.replicas]:
            replica.sync()

    def check_equal(self, number: int) -> None:
        agent, user, _ = HOLDERS[number]
        replica = self.replicas[number]
        assert replica.pending() == []
        shown = {e.entry_id: (e.key, e.version, e.value, e.disputed) for e in replica.entries()}
        assert shown == self.hub.slice(agent, user)
        assert {c.conflict_id for c in replica.conflicts()} == self.hub.open_conflicts(agent)
        for entry_id, (key, _, value, _) in shown.items():
            words = key if not isinstance(value, int) else str(value)
            assert entry_id in {e.entry_id for e in replica.search(words, limit=100)}

    def check_nothing_lost(self) -> None:
        """What was written last is a version, part of a merged one, an offer, or a refusal that can be seen."""
        entries = self.hub.state.entries.values()
        versions = [value for entry in entries for value in entry.values]
        offers = [c["value"] for conflict in self.hub.state.conflicts.values() for c in conflict.candidates]
        for (number, _), value in self.written.items():
            refused = [change.value for change in self.replicas[number].rejected()]
            known = [*versions, *offers, *refused]
            parts = [v for v in known if isinstance(v, dict) and isinstance(value, dict)]
            merged = isinstance(value, dict) and all(any(p.get(k) == v for p in parts) for k, v in value.items())
            assert value in known or merged, (value, HOLDERS[number])


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        ReplicaMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_replicas_converge_whatever_the_order_of_syncs() -> None:
    run(examples=25, steps=25)


@pytest.mark.long
def test_replicas_converge_after_thousands_of_steps() -> None:
    run(examples=400, steps=60)


def test_a_push_that_is_answered_again_brings_nothing_back_that_was_deleted_since():
    state = ReplicaMachine()
    state.begin(strategies=("latest_wins", "latest_wins"))
    state.edit_while_a_push_is_under_way(key="theme", loses=True, shape=0, which=0)
    state.back_up()
    state.restore()
    state.delete_at_the_hub(nth=0)
    state.teardown()
