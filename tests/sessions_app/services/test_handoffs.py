"""Hand-offs: complete, sealed, answered or turned back."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Invalid
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents
from memoryhub.access.walls import behind_walls
from sessions_app.exceptions import (
    HandoffAnswered,
    HandoffNotFound,
    HandoffTimedOut,
    NotTheReceiver,
    SessionClosed,
)
from sessions_app.models import Handoff, Session
from sessions_app.selectors import lists
from sessions_app.services import endings, facts, handoffs, messages, sessions, tasks
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def giver(agent):
    principal = agent("giver", user="u1")
    sessions.start(session_id="s1", principal=principal, initial_context={"source": "web"})
    return principal


@pytest.fixture
def receiver(agent):
    return agent("receiver")


def give(principal, to_agent="receiver", **fields):
    return handoffs.give(
        session_id="s1", to_agent=to_agent, handoff_reason="needs an expert", principal=principal, **fields
    )


def session(job) -> Session:
    with behind_walls(job):
        found: Session = Session.objects.get(session_id="s1")
        return found


def state(job) -> tuple[str | None, str | None, list[str]]:
    found = session(job)
    return found.current_agent, found.previous_agent, found.active_agents


def status(job, handoff) -> str:
    with behind_walls(job):
        return str(Handoff.objects.get(pk=handoff.pk).status)


def test_the_package_holds_all_that_the_next_agent_needs(giver):
    talk = [NewMessage("user", f"question {n}") for n in range(25)] + [NewMessage("assistant", "answer")]
    messages.append(session_id="s1", messages=talk, principal=giver)
    facts.put(session_id="s1", facts={"language": "python", "rate": 1e-7}, principal=giver)
    facts.put_working_memory(session_id="s1", values={"file": "auth.py"}, principal=giver)
    tasks.put(session_id="s1", task_id="t1", fields={"description": "review"}, principal=giver)
    tasks.put(session_id="s1", task_id="t2", fields={"description": "done", "status": "completed"}, principal=giver)
    package = give(giver, critical_info={"urgency": "high"}, continuation_instructions="go on").package
    assert package["conversation_summary"] == "26 messages (25 from user, 1 from assistant)"
    assert package["critical_facts"] == {"language": "python", "rate": 1e-7, "urgency": "high"}
    assert package["critical_info"] == {"urgency": "high"}
    assert [task["id"] for task in package["pending_tasks"]] == ["t1"]
    assert [message["sequence"] for message in package["recent_messages"]] == list(range(7, 27))
    assert package["working_memory"] == {"file": "auth.py"}
    assert package["initial_context"] == {"source": "web"}
    assert package["continuation_instructions"] == "go on"
    assert (package["from_agent"], package["to_agent"]) == ("giver", "receiver")
    assert package["highlights"]


def test_the_checksum_holds_for_what_the_database_gives_back(giver, job):
    awkward = {"ü": "ß", "numbers": [1e16, -0.0, 1.50, 1e-7, 10**30], "nested": {"b": None, "a": [True]}}
    given = give(giver, critical_info=awkward)
    with behind_walls(job):
        stored = Handoff.objects.get(pk=given.pk)
    canonical = json.dumps(stored.package, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert stored.checksum == hashlib.sha256(canonical.encode()).hexdigest() == given.checksum


def test_the_receiver_is_current_at_once_and_the_handoff_pending(giver, job):
    given = give(giver)
    assert state(job) == ("receiver", "giver", ["giver", "receiver"])
    assert given.status == "pending"
    assert timedelta(minutes=59) < given.times_out_at - timezone.now() <= timedelta(minutes=60)


@pytest.mark.parametrize("act", ["message", "task", "fact", "end"])
def test_the_receivers_first_action_accepts(giver, receiver, job, act):
    given = give(giver)
    if act == "message":
        messages.append(session_id="s1", messages=[NewMessage("assistant", "here")], principal=receiver)
    elif act == "task":
        tasks.put(session_id="s1", fields={"description": "x"}, principal=receiver)
    elif act == "fact":
        facts.put(session_id="s1", facts={"a": 1}, principal=receiver)
    else:
        endings.end(session_id="s1", principal=receiver)
    assert status(job, given) == "accepted"
    assert state(job)[:2] == ("receiver", "giver")


def test_what_others_do_accepts_nothing(giver, agent, job):
    given = give(giver)
    for other in (giver, agent(None)):
        messages.append(session_id="s1", messages=[NewMessage("user", "hello")], principal=other)
    assert status(job, given) == "pending"


def test_accepting_once_and_again(giver, receiver, job):
    given = give(giver)
    assert handoffs.accept(handoff_id=given.pk, principal=receiver).status == "accepted"
    version = session(job).version
    assert handoffs.accept(handoff_id=given.pk, principal=receiver).status == "accepted"
    assert session(job).version == version
    with pytest.raises(HandoffAnswered):
        handoffs.reject(handoff_id=given.pk, principal=receiver)
    with behind_walls(job):
        assert AuditEvent.objects.filter(action="sessions.handoff.accepted").count() == 1


def test_rejecting_turns_back(giver, receiver, job):
    given = give(giver)
    handoffs.reject(handoff_id=given.pk, reason="not my field", principal=receiver)
    assert state(job) == ("giver", None, ["giver"])
    with behind_walls(job):
        stored = Handoff.objects.get()
        assert (stored.status, stored.answer_reason) == ("rejected", "not my field")
        assert AuditEvent.objects.get(action="sessions.handoff.rejected").reason == "not my field"
    give(giver)  # and may be given again
    assert state(job) == ("receiver", "giver", ["giver", "receiver"])


def test_an_agent_that_was_there_before_stays_after_turning_back(giver, receiver, job):
    messages.append(session_id="s1", messages=[NewMessage("assistant", "hi")], principal=receiver)
    handoffs.reject(handoff_id=give(giver).pk, principal=receiver)
    assert state(job) == ("giver", None, ["giver", "receiver"])


def test_only_the_receiver_answers(giver, agent, job):
    given = give(giver)
    for answer in (handoffs.accept, handoffs.reject):
        with pytest.raises(NotTheReceiver):
            answer(handoff_id=given.pk, principal=agent("other"))
    handoffs.accept(handoff_id=given.pk, principal=agent(None))  # a person, for the receiver
    assert status(job, given) == "accepted"


def test_other_users_and_tenants_find_no_handoff(giver, agent, other_tenant):
    given = give(giver)
    outsiders = (
        agent("receiver", bound_user="u2", named_user="u2"),
        agent("receiver", tenant_id=other_tenant),
    )
    for outsider in outsiders:
        with pytest.raises(HandoffNotFound):
            handoffs.accept(handoff_id=given.pk, principal=outsider)


def let_time_pass(job, minutes: int) -> None:
    with behind_walls(job):
        for handoff in Handoff.objects.filter(status="pending"):
            Handoff.objects.filter(pk=handoff.pk).update(times_out_at=handoff.times_out_at - timedelta(minutes=minutes))


def test_without_an_answer_in_time_it_turns_back(giver, receiver, job, as_role):
    given = give(giver)
    with as_role("memoryhub_system"):
        assert handoffs.time_out_due(principal=system_principal("test"), limit=100)["done"] == 0
    let_time_pass(job, 61)
    with pytest.raises(HandoffTimedOut):
        handoffs.accept(handoff_id=given.pk, principal=receiver)
    messages.append(session_id="s1", messages=[NewMessage("assistant", "too late")], principal=receiver)
    assert status(job, given) == "pending"
    with as_role("memoryhub_system"):
        assert handoffs.time_out_due(principal=system_principal("test"), limit=100)["done"] == 1
        assert handoffs.time_out_due(principal=system_principal("test"), limit=100)["done"] == 0
    assert status(job, given) == "timed_out"
    assert state(job)[0] == "giver"


def test_a_second_handoff_supersedes_the_first(giver, job):
    first = give(giver)
    second = give(giver, "specialist")
    assert status(job, first) == "superseded"
    assert (second.from_agent, second.to_agent) == ("giver", "specialist")
    assert state(job) == ("specialist", "giver", ["giver", "specialist"])


def test_a_receiver_that_hands_on_has_accepted(giver, receiver, job):
    first = give(giver)
    second = give(receiver, "specialist")
    assert status(job, first) == "accepted"
    assert second.from_agent == "receiver"
    assert state(job) == ("specialist", "receiver", ["giver", "receiver", "specialist"])
    handoffs.reject(
        handoff_id=second.pk,
        principal=receiver.__class__(
            **{**{f: getattr(receiver, f) for f in receiver.__dataclass_fields__}, "agent_id": "specialist"}
        ),
    )
    assert state(job) == ("receiver", "giver", ["giver", "receiver"])


def test_the_end_of_the_session_supersedes(giver, job):
    given = give(giver)
    endings.end(session_id="s1", principal=giver)
    assert status(job, given) == "superseded"
    with pytest.raises(SessionClosed):
        give(giver)


def test_nobody_hands_to_itself_or_to_an_agent_that_is_switched_off(giver, tenant):
    with pytest.raises(Invalid, match="already"):
        give(giver, "giver")
    agents.ensure(principal=system_principal("test"), tenant_id=tenant, agent_id="off")
    agents.change(principal=system_principal("test"), tenant_id=tenant, agent_id="off", active=False)
    with pytest.raises(Conflict, match="switched off"):
        give(giver, "off")


def test_the_latest_handoff_is_the_one_shown(giver, receiver):
    with pytest.raises(HandoffNotFound):
        lists.latest_handoff(session_id="s1", principal=receiver)
    give(giver)
    give(giver, "specialist")
    assert lists.latest_handoff(session_id="s1", principal=receiver).to_agent == "specialist"


def test_long_messages_do_not_swell_the_package(giver):
    long = [NewMessage("user", "x" * 90_000) for _ in range(5)]
    messages.append(session_id="s1", messages=long, principal=giver)
    assert [m["sequence"] for m in give(giver).package["recent_messages"]] == [4, 5]
