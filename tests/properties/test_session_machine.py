"""Sessions against a model of them: numbers, agents and hand-offs under whatever order of actions."""

from __future__ import annotations

from dataclasses import dataclass, field
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

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from sessions_app.models import Handoff, Message, Session
from sessions_app.services import endings, handoffs, messages, sessions
from sessions_app.services.messages import NewMessage

AGENTS = st.sampled_from(["ada", "ben", "cleo"])
JOB = system_principal("test", "acme")


@dataclass
class Pending:
    handoff_id: UUID
    giver: str
    receiver: str
    previous: str | None
    joined: bool


@dataclass
class Model:
    """What must be true, told in a few lines."""

    status: str = "active"
    said: int = 0
    current: str | None = None
    previous: str | None = None
    active: list[str] = field(default_factory=list)
    pending: Pending | None = None

    def enter(self, agent: str) -> None:
        if self.pending and self.pending.receiver == agent:
            self.pending = None
        if agent not in self.active:
            self.active.append(agent)
        self.current = self.current or agent

    def turn_back(self) -> None:
        assert self.pending
        self.current, self.previous = self.pending.giver, self.pending.previous
        if self.pending.joined:
            self.active.remove(self.pending.receiver)
        self.pending = None


def acting_as(agent: str) -> Principal:
    return Principal(kind="key", name="k", tenant_id="acme", agent_id=agent, permissions=frozenset({"read", "write"}))


class SessionMachine(RuleBasedStateMachine):
    @initialize(agent=AGENTS)
    def begin(self, agent: str) -> None:
        self.name = f"s-{uuid4()}"
        self.model = Model()
        sessions.start(session_id=self.name, principal=acting_as(agent))
        self.model.enter(agent)

    def row(self) -> Session:
        found: Session = Session.objects.get(session_id=self.name)
        return found

    def is_open(self) -> bool:
        return self.model.status == "active"

    def has_pending(self) -> bool:
        return self.model.pending is not None

    @rule(agent=AGENTS, count=st.integers(1, 3))
    def say(self, agent: str, count: int) -> None:
        said = [NewMessage("user", str(n)) for n in range(count)]
        if not self.is_open():
            with pytest.raises(HubError, match="Resume it first"):
                messages.append(session_id=self.name, messages=said, principal=acting_as(agent))
            return
        added = messages.append(session_id=self.name, messages=said, principal=acting_as(agent))
        assert (added.first, added.last) == (self.model.said + 1, self.model.said + count)
        self.model.said += count
        self.model.enter(agent)

    @precondition(is_open)
    @rule(agent=AGENTS, to=AGENTS)
    def hand_over(self, agent: str, to: str) -> None:
        give = {"session_id": self.name, "to_agent": to, "handoff_reason": "x", "principal": acting_as(agent)}
        after = self.model.pending
        giver = after.giver if after and agent != after.receiver else self.model.current
        if to == giver:
            with pytest.raises(HubError, match="already"):
                handoffs.give(**give)  # type: ignore[arg-type]
            return
        given = handoffs.give(**give)  # type: ignore[arg-type]
        self.model.enter(agent)
        if self.model.pending:
            self.model.turn_back()
        assert giver is not None
        joined = to not in self.model.active
        self.model.pending = Pending(given.pk, giver, to, self.model.previous, joined)
        self.model.current, self.model.previous = to, giver
        if joined:
            self.model.active.append(to)

    @precondition(has_pending)
    @rule(accepts=st.booleans())
    def answer(self, accepts: bool) -> None:
        pending = self.model.pending
        assert pending
        verb = handoffs.accept if accepts else handoffs.reject
        verb(handoff_id=pending.handoff_id, principal=acting_as(pending.receiver))
        if accepts:
            self.model.pending = None
        else:
            self.model.turn_back()

    @precondition(has_pending)
    @rule(agent=AGENTS)
    def meddle(self, agent: str) -> None:
        pending = self.model.pending
        assert pending
        if agent != pending.receiver:
            with pytest.raises(HubError, match="only that agent"):
                handoffs.accept(handoff_id=pending.handoff_id, principal=acting_as(agent))

    @precondition(has_pending)
    @rule()
    def run_out_of_time(self) -> None:
        pending = self.model.pending
        assert pending
        Handoff.objects.filter(pk=pending.handoff_id).update(times_out_at="2020-01-01T00:00Z")
        assert handoffs.time_out(handoff_id=pending.handoff_id, principal=JOB)
        self.model.turn_back()

    @precondition(is_open)
    @rule(agent=AGENTS)
    def end(self, agent: str) -> None:
        endings.end(session_id=self.name, principal=acting_as(agent))
        self.model.enter(agent)
        self.model.status, self.model.pending = "ended", None

    @rule(agent=AGENTS)
    def archive(self, agent: str) -> None:
        endings.archive(session_id=self.name, principal=acting_as(agent))
        if self.is_open():
            self.model.enter(agent)
        self.model.status, self.model.pending = "archived", None

    @rule(agent=AGENTS)
    def resume(self, agent: str) -> None:
        sessions.resume(session_id=self.name, principal=acting_as(agent))
        self.model.enter(agent)
        self.model.status = "active"

    @invariant()
    def the_session_is_as_the_model_says(self) -> None:
        if not hasattr(self, "model"):
            return
        found, model = self.row(), self.model
        assert (found.status, found.message_count) == (model.status, model.said)
        assert (found.current_agent, found.previous_agent) == (model.current, model.previous)
        assert found.active_agents == model.active
        numbers = Message.objects.filter(session=found).order_by("sequence").values_list("sequence", flat=True)
        assert list(numbers) == list(range(1, model.said + 1))
        pending = list(Handoff.objects.filter(session=found, status="pending").values_list("pk", flat=True))
        assert pending == ([model.pending.handoff_id] if model.pending else [])


@pytest.mark.django_db
def test_sessions_do_what_the_model_does():
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    rules = settings(
        max_examples=15,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],  # each step asks the database: shrinking would take minutes
        suppress_health_check=list(HealthCheck),
    )
    with behind_walls(JOB):
        run_state_machine_as_test(SessionMachine, settings=rules)
