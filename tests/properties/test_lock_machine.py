"""A lock against a model of it: one holder, a number that only grows, a queue in order, whatever is done when.

Time passes by moving the rows back. Its steps are so long that the time which the test itself takes decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as hub
from django.db.models import F
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import EntryLock, LockWaiter
from memoryhub.registry.services import entries, locks
from memoryhub.registry.services.drafts import Change, Draft

LAPSE, MOST = 1000, 2
JOB = system_principal("test", "acme")
AGENTS = st.sampled_from(["ada", "ben", "cleo", "dan"])
DURATIONS = st.sampled_from([500, 2000])
STEPS = st.sampled_from([100, 300, 700, 1300])
#: Which number somebody sends: none, the newest there is, or the one before it.
NUMBERS = st.sampled_from([None, 0, 1])


def acting_as(name: str, fence: int | None = None) -> Principal:
    permissions = frozenset({"read", "write", "admin"})
    return Principal(kind="key", name=name, tenant_id="acme", agent_id=name, permissions=permissions, fence=fence)


@dataclass
class Waiting:
    name: str
    asked: int


@dataclass
class Model:
    """What must be true, told in a few lines."""

    now: int = 0
    holder: str | None = None
    ends: int = 0
    fence: int = 0
    queue: list[Waiting] = field(default_factory=list)

    @property
    def held_by(self) -> str | None:
        return self.holder if self.ends > self.now else None

    @property
    def waiting(self) -> list[Waiting]:
        return [one for one in self.queue if one.asked + LAPSE > self.now]

    def settle(self) -> None:
        self.queue, self.holder = self.waiting, self.held_by
        if self.holder is None and self.queue:
            first = self.queue.pop(0)
            self.holder, self.ends, self.fence = first.name, first.asked + LAPSE, self.fence + 1

    def acquire(self, name: str, seconds: int, wait: bool) -> tuple[Any, ...]:
        self.settle()
        if self.holder in (None, name):
            self.fence += self.holder is None
            self.holder, self.ends = name, self.now + seconds
            return "granted", self.fence
        if not wait:
            return ("locked",)
        mine = next((one for one in self.queue if one.name == name), None)
        if mine is None and len(self.queue) >= MOST:
            return ("too_many_waiters",)
        if mine is None:
            self.queue.append(mine := Waiting(name, self.now))
        mine.asked = self.now
        return "queued", self.queue.index(mine) + 1

    def renew(self, name: str, seconds: int, fence: int | None) -> tuple[Any, ...]:
        self.settle()
        if self.holder != name or fence not in (None, self.fence):
            return ("stale_fence",)
        self.ends = self.now + seconds
        return "granted", self.fence

    def release(self, name: str, fence: int | None, *, force: bool = False) -> tuple[Any, ...]:
        self.settle()
        if fence is not None and fence < self.fence:
            return ("over",)
        if self.holder is not None and (force or self.holder == name):
            self.holder = None
            self.settle()
            return ("released",)
        waiting = [one for one in self.queue if one.name == name]
        self.queue = [one for one in self.queue if one.name != name]
        return ("over",) if waiting or self.holder is None else ("not_lock_holder",)

    def write(self, name: str, fence: int | None) -> tuple[Any, ...]:
        if self.held_by is None:
            return ("stale_fence",) if fence is not None else ("written",)
        if self.held_by != name or fence is None:
            return ("locked",)
        return ("written",) if fence == self.fence else ("stale_fence",)


def outcome(did: Any) -> tuple[Any, ...]:
    """What the hub answered, in the model's words."""
    try:
        answer = did()
    except HubError as error:
        return (error.code,)
    if isinstance(answer, locks.Acquired):
        return ("granted", answer.fence) if answer.granted else ("queued", answer.position)
    if isinstance(answer, locks.Released):
        return ("released",) if answer.released else ("over",)
    return ("written",)


class LockMachine(RuleBasedStateMachine):
    @initialize()
    def one_entry(self) -> None:
        self.model, self.highest = Model(), 0
        draft = Draft(key=f"k-{uuid4()}", value=0, scope="tenant")
        self.entry_id = entries.store(draft, principal=acting_as("ada")).entry_id

    def number(self, back: int | None) -> int | None:
        """A fencing number that exists, or may have existed."""
        return None if back is None else max(self.model.fence - back, 1)

    @rule(name=AGENTS, seconds=DURATIONS, wait=st.booleans())
    def acquire(self, name: str, seconds: int, wait: bool) -> None:
        got = outcome(lambda: locks.acquire(self.entry_id, principal=acting_as(name), seconds=seconds, wait=wait))
        assert got == self.model.acquire(name, seconds, wait)

    @rule(name=AGENTS, seconds=DURATIONS, back=NUMBERS)
    def renew(self, name: str, seconds: int, back: int | None) -> None:
        fence = self.number(back)
        got = outcome(lambda: locks.renew(self.entry_id, principal=acting_as(name, fence), seconds=seconds))
        assert got == self.model.renew(name, seconds, fence)

    @rule(name=AGENTS, back=NUMBERS)
    def release(self, name: str, back: int | None) -> None:
        fence = self.number(back) if self.model.fence else None
        got = outcome(lambda: locks.release(self.entry_id, principal=acting_as(name, fence)))
        assert got == self.model.release(name, fence)

    @rule()
    def take_away(self) -> None:
        got = outcome(lambda: locks.force_release(self.entry_id, principal=acting_as("boss"), reason="drill"))
        assert got == self.model.release("boss", None, force=True)

    @rule(name=AGENTS, back=NUMBERS)
    def write(self, name: str, back: int | None) -> None:
        fence = self.number(back)
        change = Change(value={"by": name}, if_present=True)
        got = outcome(lambda: entries.change(self.entry_id, change, principal=acting_as(name, fence)))
        assert got == self.model.write(name, fence)

    @rule(seconds=STEPS)
    def time_passes(self, seconds: int) -> None:
        back = timedelta(seconds=seconds)
        EntryLock.objects.filter(holder__isnull=False).update(expires_at=F("expires_at") - back)
        LockWaiter.objects.update(asked_at=F("asked_at") - back)
        self.model.now += seconds

    @rule()
    def sweep(self) -> None:
        locks.sweep(principal=replace(JOB), limit=10)
        self.model.settle()

    @invariant()
    def the_lock_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        state = locks.state(self.entry_id, principal=acting_as("ada"))
        assert state.holder == self.model.held_by
        assert state.queue == [one.name for one in self.model.waiting]
        row = EntryLock.objects.filter(pk=self.entry_id).first()
        fence = row.fence if row else 0
        assert fence == self.model.fence >= self.highest, "the number only grows"
        self.highest = fence


def run(monkeypatch: pytest.MonkeyPatch, *, examples: int, steps: int) -> None:
    monkeypatch.setattr(hub.CONFIG.agents, "waiter_lapse_seconds", LAPSE)
    monkeypatch.setattr(hub.CONFIG.agents, "lock_waiters", MOST)
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # each step asks the database: shrinking would take minutes
        suppress_health_check=list(HealthCheck),
    )
    with behind_walls(JOB):
        run_state_machine_as_test(LockMachine, settings=rules)


@pytest.mark.django_db
def test_locks_do_what_the_model_does(monkeypatch: pytest.MonkeyPatch):
    run(monkeypatch, examples=8, steps=30)


@pytest.mark.long
@pytest.mark.django_db
def test_locks_do_what_the_model_does_for_thousands_of_steps(monkeypatch: pytest.MonkeyPatch):
    run(monkeypatch, examples=120, steps=60)
