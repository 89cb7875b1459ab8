"""Consultations against a model: whatever is begun, ended, expired and ruled when, no strict work without one."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import EnforcementRule, Operation, WorkRecord
from procedures_app.services import enforcement, operations, work
from tests.conftest import role

JOB = system_principal("test", "acme")
KEYS: dict[str, UUID] = {name: uuid4() for name in ("ada", "ben")}
# weighed, so that in a few steps strict rules meet tokens of all sorts
AGENTS = st.sampled_from(["ada", "ada", "ben"])
KINDS = st.sampled_from(["deploy", "deploy", "mail"])
RULED = st.sampled_from(["deploy", "mail", "*", "memory_write"])
SPELLINGS = st.sampled_from([str, str.upper, " {}! ".format, "_{}".format])
MODES = st.sampled_from(["strict", "strict", "strict", "strict", "off", "advise", None])
#: Which operation somebody names: one of the newest, or none.
OPERATIONS = st.sampled_from([0, 1, 1, 1, 2, 2, 3])
FATES = st.sampled_from(["good", "good", "succeeded", "failed", "abandoned", "expired", "swept"])
DEFAULT = "advise"


def agent(name: str, token: str = "") -> Principal:
    permissions = frozenset({"read", "write"})
    return Principal(
        kind="key",
        name=name,
        tenant_id="acme",
        agent_id=name,
        permissions=permissions,
        key_id=KEYS[name],
        consultation=token,
    )


@dataclass
class Begun:
    agent: str
    kind: str
    token: str
    pk: UUID
    outcome: str = ""
    expired: bool = False

    @property
    def good(self) -> bool:
        return not (self.outcome or self.expired)


@dataclass
class Model:
    """What must be true, told in a few lines."""

    rules: dict[str, str] = field(default_factory=dict)
    begun: list[Begun] = field(default_factory=list)
    #: of each record the operation that it must name
    records: list[UUID | None] = field(default_factory=list)

    def strict(self, kind: str) -> bool:
        return self.rules.get(kind, self.rules.get("*", DEFAULT)) == "strict"

    def consulted(self, name: str, operation: Begun | None) -> bool:
        return operation is not None and operation.good and operation.agent == name

    def at(self, number: int) -> Begun | None:
        return self.begun[-number] if 0 < number <= len(self.begun) else None


class ConsultationMachine(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        tenants.ensure(principal=system_principal("test"), tenant_id="acme")
        with role("postgres"):
            for model in (WorkRecord, Operation, EnforcementRule):
                model.objects.all().delete()
        enforcement.forget_cached_rules()
        self.model = Model()
        for kind in ("deploy", "memory_write"):
            self.changes_to(kind, "strict")

    def changes_to(self, kind: str, mode: str) -> None:
        enforcement.set_rule(kind, principal=JOB, mode=mode)
        self.model.rules[kind] = mode

    @rule(kind=RULED, mode=MODES)
    def changes_a_rule(self, kind: str, mode: str | None) -> None:
        if mode is not None:
            self.changes_to(kind, mode)
        elif self.model.rules.pop(kind, None):
            enforcement.remove_rule(kind, principal=JOB)

    @rule(name=AGENTS, kind=KINDS, spelled=SPELLINGS)
    def begins(self, name: str, kind: str, spelled: Any) -> None:
        made = operations.opened(
            principal=agent(name), task="Do it", kind=enforcement.canonical_kind(spelled(kind)), context=None,
            task_id=None, advice={"primary_recommendation": None, "confidence": 0.0},
        )  # fmt: skip
        self.model.begun.append(Begun(name, kind, made.token, made.operation.pk))

    @rule(name=AGENTS, number=OPERATIONS, success=st.booleans())
    def finishes(self, name: str, number: int, success: bool) -> None:
        known = self.model.at(number)
        said = "succeeded" if success else "failed"
        token = known.token if known else "mhc_1"
        done = self.attempt(lambda: operations.finish(token, principal=agent(name), success=success))
        if known is None or known.agent != name:
            assert done == "not_found"
        elif known.good:
            assert done == "done"
            known.outcome = said
            self.model.records.append(known.pk)
        else:
            assert done == ("done" if known.outcome == said else "operation_ended")

    @rule(name=AGENTS, number=OPERATIONS)
    def abandons(self, name: str, number: int) -> None:
        known = self.model.at(number)
        if known is None:
            return
        done = self.attempt(lambda: operations.abandon(known.pk, principal=agent(name)))
        if known.agent != name:
            assert done == "not_yours"
        elif known.outcome in ("succeeded", "failed"):
            assert done == "operation_ended"
        else:
            assert done == "done"
            known.outcome = "abandoned"

    @rule(number=OPERATIONS)
    def runs_out_of_time(self, number: int) -> None:
        known = self.model.at(number)
        if known is not None:
            with behind_walls(JOB):
                Operation.objects.filter(pk=known.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
            known.expired = True

    @rule()
    def sweeps(self) -> None:
        operations.expire(principal=JOB, limit=100)
        for known in self.model.begun:
            known.outcome = known.outcome or ("abandoned" if known.expired else "")

    @rule(name=AGENTS, kind=KINDS, spelled=SPELLINGS, number=OPERATIONS)
    def works(self, name: str, kind: str, spelled: Any, number: int) -> None:
        known = self.model.at(number)
        caller = agent(name, known.token if known else "")
        done = self.attempt(lambda: work.record(principal=caller, action="Do it", kind=spelled(kind)))
        fitting = self.model.consulted(name, known) and known is not None and known.kind == kind
        assert done == ("done" if fitting or not self.model.strict(kind) else "consultation_required")
        if done == "done":
            self.model.records.append(known.pk if known and fitting else None)

    @rule(whose=AGENTS, name=AGENTS, of=KINDS, kind=KINDS, fate=FATES)
    def works_on_a_token_of_some_fate(self, whose: str, name: str, of: str, kind: str, fate: str) -> None:
        """All that can be wrong with a token, without waiting for chance to bring it about."""
        self.begins(whose, of, str)
        if fate in ("succeeded", "failed"):
            self.finishes(whose, 1, fate == "succeeded")
        elif fate == "abandoned":
            self.abandons(whose, 1)
        elif fate in ("expired", "swept"):
            self.runs_out_of_time(1)
        if fate == "swept":
            self.sweeps()
        self.works(name, kind, str, 1)
        self.writes_to_memory(name, 1)

    @rule(name=AGENTS, number=OPERATIONS)
    def works_without_naming_a_kind(self, name: str, number: int) -> None:
        known = self.model.at(number)
        caller = agent(name, known.token if known else "")
        done = self.attempt(lambda: work.record(principal=caller, action="Do it"))
        consulted = known if self.model.consulted(name, known) else None
        assert done == ("done" if consulted or not self.model.strict("general") else "consultation_required")
        if done == "done":
            self.model.records.append(consulted.pk if consulted else None)

    @rule(name=AGENTS, number=OPERATIONS)
    def writes_to_memory(self, name: str, number: int) -> None:
        known = self.model.at(number)
        caller = agent(name, known.token if known else "")
        strict = self.model.rules.get("memory_write") == "strict"
        done = self.attempt(lambda: enforcement.guard(caller))
        assert done == ("consultation_required" if strict and not self.model.consulted(name, known) else "done")

    def attempt(self, act: Any) -> str:
        try:
            act()
        except HubError as refused:
            return refused.code
        return "done"

    @invariant()
    def nothing_is_on_record_but_what_was_allowed(self) -> None:
        with behind_walls(JOB):
            kept = [*WorkRecord.objects.order_by("created_at", "id").values_list("operation_id", flat=True)]
        assert kept == self.model.records


def play(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        ConsultationMachine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_no_strict_work_is_recorded_without_a_consultation() -> None:
    play(15, 20)


@pytest.mark.long
@pytest.mark.django_db
def test_nor_in_many_more_ways() -> None:
    play(200, 50)
