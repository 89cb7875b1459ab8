"""The change feed against a pure model of slices: whoever applies it, from wherever it stands, holds its slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from agents_app.services.feeds import compare_all
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.registry.services import deletion, entries, lifecycle, sharing, versions
from memoryhub.registry.services.drafts import Draft
from tests.agents_app.feeds import Copy, relay
from tests.conftest import role

NAMES = ("ada", "ben", "cleo")
AGENTS, KEYS, USERS = st.sampled_from(NAMES), st.sampled_from(["k", "l"]), st.sampled_from([None, "pat"])
PICK = st.integers(min_value=0, max_value=20)


@dataclass
class Kept:
    """What the registry holds under one id."""

    owner: str
    key: str
    user: str | None
    version: int
    value: int
    state: str = "there"
    grants: dict[str, bool] = field(default_factory=dict)

    def seen_by(self, agent: str) -> tuple[int, bool, int] | None:
        if self.state != "there":
            return None
        if agent == self.owner:
            return self.version, True, self.value
        return (self.version, self.grants[agent], self.value) if agent in self.grants else None


class FeedMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.tenant = f"t-{uuid4().hex[:12]}"
        self.job = system_principal("test", self.tenant)
        tenants.ensure(principal=self.job, tenant_id=self.tenant)
        for name in NAMES:
            agents.ensure(principal=self.job, tenant_id=self.tenant, agent_id=name)
        self.kept: dict[UUID, Kept] = {}
        self.next_value = 0
        self.copies = [
            Copy(self.acting(name), user_id=user, limit=2) for name in NAMES for user in (None, "pat", "nobody")
        ]

    def acting(self, agent: str) -> Principal:
        allowed = frozenset({"read", "write"})
        return Principal(kind="key", name="k", tenant_id=self.tenant, agent_id=agent, permissions=allowed)

    def pick(self, number: int, *states: str) -> tuple[UUID, Kept] | None:
        found = [(entry, kept) for entry, kept in self.kept.items() if kept.state in states]
        return found[number % len(found)] if found else None

    @rule(agent=AGENTS, key=KEYS, user=USERS)
    def store(self, agent: str, key: str, user: str | None) -> None:
        self.next_value += 1
        draft = Draft(key=key, value=self.next_value, scope="agent", user_id=user)
        stored = entries.store(draft, principal=self.acting(agent))
        kept = self.kept.setdefault(stored.entry_id, Kept(agent, key, user, 0, 0))
        kept.version, kept.value, kept.state = stored.sync_version, self.next_value, "there"

    @rule(number=PICK, agent=AGENTS, can_write=st.booleans())
    def grant(self, number: int, agent: str, can_write: bool) -> None:
        picked = self.pick(number, "there")
        if picked and agent != picked[1].owner:
            entry, kept = picked
            owner = self.acting(kept.owner)
            sharing.share(entry, principal=owner, agent_ids=[agent], can_write=can_write)
            kept.grants[agent] = can_write

    @rule(number=PICK, agent=AGENTS)
    def revoke(self, number: int, agent: str) -> None:
        picked = self.pick(number, "there")
        if picked:
            entry, kept = picked
            sharing.unshare(entry, principal=self.acting(kept.owner), agent_ids=[agent])
            kept.grants.pop(agent, None)

    @rule(number=PICK)
    def delete(self, number: int) -> None:
        self.change(number, deletion.delete, "deleted", "there")

    @rule(number=PICK)
    def archive(self, number: int) -> None:
        self.change(number, lifecycle.archive, "archived", "there")

    @rule(number=PICK)
    def unarchive(self, number: int) -> None:
        self.change(number, lifecycle.unarchive, "there", "archived")

    @rule(number=PICK)
    def restore(self, number: int) -> None:
        self.change(number, versions.restore, "there", "deleted", "archived")

    def change(self, number: int, verb: Any, state: str, *states: str) -> None:
        picked = self.pick(number, *states)
        if picked:
            entry, kept = picked
            done = verb(entry, principal=self.acting(kept.owner))
            kept.version, kept.state = done.sync_version, state

    @rule(number=PICK)
    def erase(self, number: int) -> None:
        picked = self.pick(number, "there", "deleted", "archived")
        if picked:
            deletion.erase(picked[0], principal=self.job, reason="asked for")
            del self.kept[picked[0]]

    @rule(agent=AGENTS, active=st.booleans())
    def switch(self, agent: str, active: bool) -> None:
        agents.change(principal=self.job, tenant_id=self.tenant, agent_id=agent, active=active)
        if active is False:  # or nobody could be granted anything soon
            agents.change(principal=self.job, tenant_id=self.tenant, agent_id=agent, active=True)

    @rule()
    def deliver(self) -> None:
        relay()

    @rule(number=PICK)
    def pull(self, number: int) -> None:
        """At any moment, also before the relay has looked."""
        self.copies[number % len(self.copies)].pull()

    @precondition(lambda self: self.kept)
    @rule()
    def settle(self) -> None:
        relay()
        for copy in [*self.copies, Copy(self.acting("ada")), Copy(self.acting("ben"), limit=1)]:
            copy.pull()
            assert copy.entries == self.slice_of(copy), copy.seen
            numbers = [number for number, *_ in copy.seen]
            assert numbers == sorted(set(numbers))
            assert not copy.resets
        with role("memoryhub_system"):
            assert not any(compare_all()), "the feeds said something else than the registry"

    def slice_of(self, copy: Copy) -> dict[str, tuple[int, bool, int]]:
        agent = copy.principal.agent_id or ""
        return {
            str(entry): seen
            for entry, kept in self.kept.items()
            if (seen := kept.seen_by(agent)) and (copy.user_id is None or kept.user in (None, copy.user_id))
        }

    def teardown(self) -> None:
        if hasattr(self, "kept"):
            self.settle()


def run(examples: int, steps: int) -> None:
    rules = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # each step asks the database: shrinking would take minutes
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(FeedMachine, settings=rules)


@pytest.mark.django_db
def test_the_feed_says_what_the_slices_are():
    run(4, 25)


@pytest.mark.long
@pytest.mark.django_db
def test_the_feed_says_what_the_slices_are_for_thousands_of_steps():
    run(60, 60)
