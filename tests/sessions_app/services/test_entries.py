"""What sessions keep in the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import NotFound
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries, stats
from memoryhub.registry.services.drafts import Draft
from sessions_app.models import Session
from sessions_app.selectors import context
from sessions_app.services import endings, facts, handoffs, messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def talker(agent):
    principal = agent("talker", user="u1")
    sessions.start(session_id="s1", principal=principal)
    return principal


def state(principal):
    found = entries.retrieve(key="session_state_s1", scope="session", session_id="s1", principal=principal)
    return found.value | {"sync_version": found.sync_version}


def test_the_state_is_an_entry_that_follows_each_change(talker, agent):
    assert state(talker).items() >= {"status": "active", "current_agent": "talker", "sync_version": 1}.items()
    assert state(talker)["last_activity"]
    facts.put(session_id="s1", facts={"a": "secret"}, principal=talker)
    handoffs.give(session_id="s1", to_agent="expert", handoff_reason="hard", principal=talker)
    assert state(talker).items() >= {"current_agent": "expert", "previous_agent": "talker", "sync_version": 3}.items()
    assert "secret" not in str(state(talker))
    endings.archive(session_id="s1", principal=talker)
    assert state(talker)["status"] == "archived"
    sessions.resume(session_id="s1", principal=talker)
    assert state(talker)["status"] == "active"


def test_messages_renew_the_state_only_now_and_then(talker, job):
    for _ in range(3):
        messages.append(session_id="s1", messages=[NewMessage("user", "hi")], principal=talker)
    assert state(talker).items() >= {"sync_version": 1, "message_count": 0}.items()
    with behind_walls(job):
        Session.objects.update(state_written_at=timezone.now() - timedelta(minutes=4))
    for _ in range(3):
        messages.append(session_id="s1", messages=[NewMessage("user", "hi")], principal=talker)
    assert state(talker).items() >= {"sync_version": 2, "message_count": 4}.items()


def test_an_ended_session_is_remembered(talker, agent, job):
    said = [NewMessage("user", "I would like to sail to Elba next spring.")]
    messages.append(session_id="s1", messages=said, principal=talker)
    facts.put(session_id="s1", facts={"boat": "sloop"}, principal=talker)
    endings.end(session_id="s1", principal=talker)
    kept = entries.retrieve(key="session_archive_s1", scope="user", user_id="u1", principal=agent())
    assert (kept.layer, kept.memory_type, kept.category) == ("long_term", "episodic", "session_archive")
    assert "sail to Elba" in kept.value["summary"]
    assert kept.value["critical_facts"] == {"boat": "sloop"}
    with pytest.raises(NotFound):
        entries.retrieve(key="session_archive_s1", principal=agent(user="u2"))
    refs = context.full_context(session_id="s1", principal=talker)["memory"]["long_term_refs"]
    assert refs == [{"entry_id": str(kept.entry_id), "key": "session_archive_s1", "layer": "long_term"}]
    sessions.resume(session_id="s1", principal=talker)
    endings.end(session_id="s1", principal=talker)
    assert len(context.full_context(session_id="s1", principal=talker)["memory"]["long_term_refs"]) == 1


def test_a_session_without_a_user_is_remembered_by_the_tenant(agent):
    sessions.start(session_id="s2", principal=agent())
    endings.end(session_id="s2", principal=agent())
    assert entries.retrieve(key="session_archive_s2", principal=agent("anybody")).scope == "tenant"
    sessions.start(session_id="s3", principal=agent())
    endings.end(session_id="s3", principal=agent(), remember=False)
    with pytest.raises(NotFound):
        entries.retrieve(key="session_archive_s3", principal=agent())


def notes(principal, *, archived: bool = False):
    return entries.retrieve(
        key="notes", scope="session", session_id="s1", principal=principal, include_archived=archived
    )


@pytest.mark.parametrize("closing", [endings.end, endings.archive])
def test_session_layer_entries_end_with_the_session_and_come_back_with_it(talker, closing):
    draft: dict[str, Any] = {"scope": "session", "session_id": "s1"}
    entries.store(Draft(key="notes", value="mine", layer="session", **draft), principal=talker)
    entries.store(Draft(key="kept", value="for good", layer="long_term", **draft), principal=talker)
    closing(session_id="s1", principal=talker)
    with pytest.raises(NotFound):
        notes(talker)
    assert notes(talker, archived=True).value == "mine"
    assert entries.retrieve(key="kept", principal=talker, **draft).value == "for good"
    sessions.resume(session_id="s1", principal=talker)
    assert notes(talker).value == "mine"


def test_the_statistics_count_open_sessions(talker, agent, other_tenant):
    for number in range(2):
        sessions.start(session_id=f"t{number}", principal=agent())
    sessions.start(session_id="elsewhere", principal=agent(tenant_id=other_tenant))
    endings.end(session_id="t1", principal=agent())
    assert stats.get(principal=agent())["active_sessions"] == 2
