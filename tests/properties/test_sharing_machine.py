"""Sharing against a model of it: whatever is stored, ruled, given and taken by hand, in whatever order."""

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

from agents_app.models import SharingRule
from agents_app.services import regranting, sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.exceptions import NotGranted, RestrictedCategory
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services import sharing as by_hand
from memoryhub.registry.services.drafts import Change, Draft

TEAM = ("ada", "ben", "cleo", "dan")
CATEGORIES = ("notes", "plans", "secrets")
AGENTS, CATEGORY = st.sampled_from(TEAM), st.sampled_from(CATEGORIES)
JOB = system_principal("test", "acme")

Kind = tuple[str, str, str | None, bool]
Given = tuple[bool, str]


@dataclass
class Model:
    """What must be true, told in a few lines. ``grants``: (entry, agent) → (can_write, reason)."""

    entries: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    grants: dict[tuple[UUID, str], Given] = field(default_factory=dict)
    rules: dict[Kind, tuple[UUID, frozenset[str]]] = field(default_factory=dict)
    active: set[str] = field(default_factory=lambda: set(TEAM))
    touched: set[str] = field(default_factory=set)

    def speaking(self, entry: UUID) -> list[tuple[Kind, frozenset[str]]]:
        owner, category = self.entries[entry]
        return [
            (kind, receivers)
            for kind, (_, receivers) in self.rules.items()
            if kind[0] == category and kind[2] in (None, owner)
        ]

    def restricted(self, entry: UUID) -> bool:
        return any(kind[1] == "restrict" for kind, _ in self.speaking(entry))

    def wanted(self, entry: UUID) -> dict[str, Given]:
        found: dict[str, Given] = {}
        if self.restricted(entry):
            return found
        for (_, action, _, can_write), receivers in self.speaking(entry):
            for agent in receivers - {self.entries[entry][0]}:
                before = found.get(agent, (False, "rule"))
                reason = "propagation" if action == "propagate" else before[1]
                found[agent] = (before[0] or can_write, reason)
        return found

    def evaluate(self, entry: UUID) -> None:
        wanted = self.wanted(entry)
        for agent in TEAM:
            held = self.grants.get((entry, agent))
            if self.restricted(entry) or (held and held[1] != "explicit" and agent not in wanted):
                self.grants.pop((entry, agent), None)
            elif agent in wanted and ((held is None and agent in self.active) or (held and held[1] != "explicit")):
                self.grants[entry, agent] = wanted[agent]


def acting_as(agent: str) -> Principal:
    return Principal(kind="key", name="k", tenant_id="acme", agent_id=agent, permissions=frozenset({"read", "write"}))


class SharingMachine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.model = Model()
        SharingRule.objects.all().delete()
        Grant.objects.all().delete()
        ContextEntry.objects.all().delete()
        for agent in TEAM:
            agents.ensure(principal=JOB, tenant_id="acme", agent_id=agent)
            agents.change(principal=JOB, tenant_id="acme", agent_id=agent, active=True)
        self.drain()

    def drain(self) -> None:
        while regranting.work(principal=JOB, limit=2)["looked_at"]:
            pass

    def pick(self, data: Any) -> UUID:
        found: UUID = data.draw(st.sampled_from(list(self.model.entries)))
        return found

    def has_entries(self) -> bool:
        return bool(self.model.entries)

    def has_rules(self) -> bool:
        return bool(self.model.rules)

    @rule(agent=AGENTS, category=CATEGORY)
    def store(self, agent: str, category: str) -> None:
        draft = Draft(key=f"k-{uuid4()}", value=1, scope="agent", category=category)
        stored = entries.store(draft, principal=acting_as(agent))
        self.model.entries[stored.entry_id] = (agent, category)
        self.model.evaluate(stored.entry_id)

    @precondition(has_entries)
    @rule(data=st.data(), agent=AGENTS, category=st.none() | CATEGORY)
    def change(self, data: Any, agent: str, category: str | None) -> None:
        entry = self.pick(data)
        owner, before = self.model.entries[entry]
        held = self.model.grants.get((entry, agent))
        order = Change(value=2, category=category, if_present=True)
        if agent != owner and not (held and held[0]):
            with pytest.raises(NotGranted if held else NotFound):
                entries.change(entry, order, principal=acting_as(agent))
            return
        entries.change(entry, order, principal=acting_as(agent))
        self.model.entries[entry] = (owner, category or before)
        self.model.evaluate(entry)

    @precondition(has_entries)
    @rule(data=st.data(), to=AGENTS, can_write=st.booleans())
    def give(self, data: Any, to: str, can_write: bool) -> None:
        entry = self.pick(data)
        owner, _ = self.model.entries[entry]

        def share() -> None:
            by_hand.share(entry, principal=acting_as(owner), agent_ids=[to], can_write=can_write)

        if self.model.restricted(entry):
            with pytest.raises(RestrictedCategory):
                share()
        elif to != owner and to not in self.model.active:
            with pytest.raises(NotFound):
                share()
        else:
            share()
            if to != owner:
                self.model.grants[entry, to] = (can_write, "explicit")

    @precondition(has_entries)
    @rule(data=st.data(), agent=AGENTS)
    def take(self, data: Any, agent: str) -> None:
        entry = self.pick(data)
        gone = by_hand.unshare(entry, principal=acting_as(self.model.entries[entry][0]), agent_ids=[agent])
        assert bool(gone) == (self.model.grants.pop((entry, agent), None) is not None)

    @rule(
        category=CATEGORY,
        action=st.sampled_from(["share", "propagate", "restrict"]),
        source=st.none() | AGENTS,
        to=st.frozensets(AGENTS, min_size=1),
        can_write=st.booleans(),
    )
    def make_rule(self, category: str, action: str, source: str | None, to: frozenset[str], can_write: bool) -> None:
        receivers = frozenset() if action == "restrict" else to - {source}
        kind = (category, action, source, can_write and action != "restrict")
        if kind in self.model.rules or (action != "restrict" and not receivers):
            return
        change = RuleChange(
            category=category, action=action, from_agent=source, to_agents=sorted(receivers), can_write=kind[3]
        )
        [made] = sharing.save_rules([change], principal=JOB).rules
        self.model.rules[kind] = (made.pk, receivers)
        self.model.touched.add(category)

    @precondition(has_rules)
    @rule(data=st.data())
    def remove_rule(self, data: Any) -> None:
        kind = data.draw(st.sampled_from(sorted(self.model.rules, key=str)))
        rule_id, _ = self.model.rules.pop(kind)
        sharing.save_rules([RuleChange(rule_id=rule_id, delete=True)], principal=JOB)
        self.model.touched.add(kind[0])

    @rule(agent=AGENTS)
    def switch(self, agent: str) -> None:
        on = agent not in self.model.active
        agents.change(principal=JOB, tenant_id="acme", agent_id=agent, active=on)
        self.model.active ^= {agent}
        if on:
            self.model.touched |= {kind[0] for kind, (_, to) in self.model.rules.items() if agent in to}

    @rule()
    def regrant(self) -> None:
        self.drain()
        for entry, (_, category) in self.model.entries.items():
            if category in self.model.touched:
                self.model.evaluate(entry)
        self.model.touched = set()

    @invariant()
    def the_grants_are_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        rows = Grant.objects.values_list("entry_id", "agent_id", "can_write", "reason")
        assert {(entry, agent): (write, reason) for entry, agent, write, reason in rows} == self.model.grants

    @invariant()
    def each_agent_sees_its_own_and_what_is_granted(self) -> None:
        if not hasattr(self, "model"):
            return
        for agent in TEAM:
            seen = set(ContextEntry.objects.visible_to(acting_as(agent)).values_list("pk", flat=True))
            own = {entry for entry, (owner, _) in self.model.entries.items() if owner == agent}
            assert seen == own | {entry for entry, receiver in self.model.grants if receiver == agent}


def run(examples: int, steps: int) -> None:
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
        run_state_machine_as_test(SharingMachine, settings=rules)


@pytest.mark.django_db
def test_sharing_does_what_the_model_does():
    run(examples=6, steps=30)


@pytest.mark.long
@pytest.mark.django_db
def test_sharing_does_what_the_model_does_for_thousands_of_steps():
    run(examples=100, steps=60)
