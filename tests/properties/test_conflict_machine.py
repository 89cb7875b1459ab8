"""Conflicts against a model of them: an entry's history, what is offered, what was decided, in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents_app.exceptions import ResultMoved
from agents_app.models import Candidate, Conflict
from agents_app.services import conflicts
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services import deletion, entries
from memoryhub.registry.services.drafts import Draft

JOB = system_principal("test", "acme")
REVIEWER = Principal(kind="staff", name="rita", permissions=frozenset({"read", "write", "admin"}))
AGENTS = st.sampled_from(["ada", "ben"])
VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), max_size=3)
OFFERS = VALUES | st.just(MISSING)
STRATEGIES = st.sampled_from(["latest_wins", "merge_content", "manual_review"])
CLASH: Any = object()


def agent(name: str) -> Principal:
    held = frozenset({"read", "write"})
    return Principal(kind="key", name=name, tenant_id="acme", agent_id=name, permissions=held)


def merged(base: Any, current: Any, offer: Any) -> Any:
    """The merge of flat objects, in a few lines; CLASH where there is one."""
    if offer in (base, current):
        return current
    if current == base:
        return offer
    if MISSING in (current, offer):
        return CLASH
    base = {} if base is MISSING else base
    result = {}
    for name in [*current, *offer]:
        sides = [side.get(name, MISSING) for side in (base, current, offer)]
        found = sides[1] if sides[2] == sides[0] else sides[2]
        if sides[1] not in sides[::2] and sides[2] != sides[0]:
            return CLASH
        if found is not MISSING:
            result[name] = found
    return result


@dataclass
class Decided:
    conflict_id: UUID
    before: int
    after: int | None
    offers: list[Any]


@dataclass
class Model:
    """What must be true."""

    history: list[Any] = field(default_factory=list)
    open: list[Any] | None = None
    decided: list[Decided] = field(default_factory=list)

    @property
    def version(self) -> int:
        return len(self.history)

    @property
    def value(self) -> Any:
        return self.history[-1]

    def write(self, value: Any) -> int | None:
        """The new version; None where there is nothing to write."""
        if value == self.value:
            return None
        self.history.append(value)
        return self.version

    def wait(self, offers: list[Any]) -> None:
        self.open = (self.open or []) + offers


class ConflictMachine(RuleBasedStateMachine):
    @initialize(value=VALUES)
    def begin(self, value: dict[str, int]) -> None:
        self.key = f"k-{uuid4()}"
        self.model = Model([value])
        self.open_id: UUID | None = None
        self.entry_id = entries.store(Draft(key=self.key, value=value, scope="tenant"), principal=agent("ada")).entry_id

    @rule(who=AGENTS, value=VALUES)
    def write(self, who: str, value: dict[str, int]) -> None:
        stored = entries.store(Draft(key=self.key, value=value, scope="tenant"), principal=agent(who))
        self.model.history.append(value)
        assert stored.sync_version == self.model.version

    @rule(who=AGENTS, offer=OFFERS, strategy=STRATEGIES, back=st.integers(0, 3))
    def submit(self, who: str, offer: Any, strategy: str, back: int) -> None:
        base = max(1, self.model.version - back)
        done = conflicts.submit(
            self.entry_id,
            principal=agent(who),
            base_version=base,
            value=None if offer is MISSING else offer,
            deletes=offer is MISSING,
            strategy=strategy,
        )
        if base == self.model.version:
            self.plainly(done, offer)
        elif self.model.open is not None:
            assert (done.outcome, done.conflict_id) == ("conflict", self.open_id)
            self.model.wait([offer])
        else:
            self.decide(done, offer, strategy, base)

    def plainly(self, done: Any, offer: Any) -> None:
        assert done.outcome == "applied"
        if offer is not MISSING or self.model.value is not MISSING:
            self.model.history.append(offer)
        assert done.version == self.model.version

    def decide(self, done: Any, offer: Any, strategy: str, base: int) -> None:
        before, found = self.model.version, offer
        if strategy == "merge_content":
            found = merged(self.model.history[base - 1], self.model.value, offer)
        if strategy == "manual_review" or found is CLASH:
            assert done.outcome == "conflict"
            self.model.wait([offer])
            self.open_id = done.conflict_id
            return
        assert done.outcome == ("merged" if strategy == "merge_content" else "applied")
        after = self.model.write(found)
        assert done.version == self.model.version
        self.model.decided.append(Decided(done.conflict_id, before, after, [offer]))

    def is_open(self) -> bool:
        return self.model.open is not None

    @precondition(is_open)
    @rule(data=st.data())
    def resolve(self, data: st.DataObject) -> None:
        assert self.model.open is not None
        assert self.open_id is not None
        sides = {f"candidate:{n}": offer for n, offer in enumerate(self.model.open, 1)}
        sides["current"] = self.model.value
        picked = data.draw(st.sampled_from(sorted(sides)))
        seen = conflicts.preview(self.open_id, principal=REVIEWER, choices={"": picked})
        assert seen.valid
        assert seen.value == sides[picked]
        conflicts.resolve(
            self.open_id,
            principal=REVIEWER,
            conflict_version=seen.conflict_version,
            entry_version=seen.entry_version,
            choices={"": picked},
        )
        self.closed(self.model.write(sides[picked]), self.model.version)

    @precondition(is_open)
    @rule()
    def dismiss(self) -> None:
        assert self.open_id is not None
        conflicts.dismiss(self.open_id, principal=REVIEWER)
        self.closed(None, self.model.version)

    def closed(self, after: int | None, version: int) -> None:
        assert self.model.open is not None
        assert self.open_id is not None
        before = version - 1 if after else version
        self.model.decided.append(Decided(self.open_id, before, after, self.model.open))
        self.model.open, self.open_id = None, None

    @precondition(lambda self: bool(self.model.decided))
    @rule(again=st.booleans(), over=st.booleans())
    def undo(self, again: bool, over: bool) -> None:
        last = self.model.decided[-1]
        ask: dict[str, Any] = {"principal": REVIEWER, "reopen": again, "as_new": over}
        if last.after not in (None, self.model.version) and not over:
            with pytest.raises(ResultMoved):
                conflicts.undo(last.conflict_id, **ask)
            return
        undone = conflicts.undo(last.conflict_id, **ask)
        self.model.decided.pop()
        if last.after is not None:
            former = self.model.history[last.before - 1]
            if former is not MISSING or self.model.value is not MISSING:
                self.model.history.append(former)
        assert undone.version == self.model.version
        if again or last.after is None:
            assert undone.reopened is not None
            assert self.open_id in (None, undone.reopened)
            self.model.wait(last.offers)
            self.open_id = undone.reopened

    @rule()
    def erase(self) -> None:
        deletion.erase(self.entry_id, principal=REVIEWER, reason="asked to")
        with behind_walls(JOB):
            assert not Conflict.objects.filter(key=self.key).exists()
        self.begin_again()

    def begin_again(self) -> None:
        self.model, self.open_id = Model([{}]), None
        self.entry_id = entries.store(Draft(key=self.key, value={}, scope="tenant"), principal=agent("ada")).entry_id

    @invariant()
    def entry_and_conflicts_are_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        with behind_walls(JOB):
            entry = ContextEntry.objects.get(pk=self.entry_id)
            assert (MISSING if entry.deleted_at else entry.value) == self.model.value
            assert (entry.sync_version, entry.disputed) == (self.model.version, self.is_open())
            versions = EntryVersion.objects.filter(entry=entry).order_by("version")
            assert list(versions.values_list("version", flat=True)) == list(range(1, self.model.version + 1))
            offers = Candidate.objects.filter(conflict__entry=entry, conflict__status="open").order_by("position")
            found = [MISSING if offer.deletes else offer.value for offer in offers]
            assert found == (self.model.open or [])


def run(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        ConflictMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_conflicts_are_as_the_model_says():
    run(6, 15)


@pytest.mark.long
@pytest.mark.django_db
def test_conflicts_are_as_the_model_says_over_thousands_of_steps():
    run(60, 80)
