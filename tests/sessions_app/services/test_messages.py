"""What one append leaves in the database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memoryhub.access.models import AuditEvent
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from memoryhub.sync.models import SyncEvent
from sessions_app.exceptions import SessionClosed, SessionNotFound
from sessions_app.models import Message, Session
from sessions_app.services import messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db

SAID_AT = datetime(2023, 5, 8, 13, 56, tzinfo=UTC)
TALK = [
    NewMessage("user", "I sailed to Elba.", name="Caroline", at=SAID_AT, metadata={"dia_id": "D1:1"}),
    NewMessage("assistant", "How was the wind?"),
    NewMessage("tool", ""),
]


@pytest.fixture
def talker(agent):
    principal = agent(user="u1")
    sessions.start(session_id="s1", principal=principal)
    return principal


def test_messages_index_rows_audit_and_event_commit_together(talker, job):
    added = messages.append(session_id="s1", messages=TALK, principal=talker)
    assert (added.first, added.last) == (1, 3)
    with behind_walls(job):
        rows = list(Message.objects.order_by("sequence").values_list("pk", "sequence", "role", "name", "author"))
        assert rows == [
            (added.ids[0], 1, "user", "Caroline", "general_assistant"),
            (added.ids[1], 2, "assistant", None, "general_assistant"),
            (added.ids[2], 3, "tool", None, "general_assistant"),
        ]
        event = SyncEvent.objects.get(event_type="messages.added")
        assert (event.object_id, event.version) == (added.session, 3)
        assert event.payload == {"session_id": "s1", "first": 1, "last": 3}
        line = AuditEvent.objects.get(action="sessions.messages.added")
        assert (line.object_id, line.new) == (str(added.session), {"first": 1, "last": 3})
        assert (line.actor, line.agent_id, line.user_id) == ("general_assistant", "general_assistant", "u1")


def test_index_rows_carry_who_said_what_when_and_whose_it_is(talker, job):
    added = messages.append(session_id="s1", messages=TALK, principal=talker)
    with behind_walls(job):
        first, second = IndexRow.objects.filter(kind="message").order_by("sequence")  # what is empty is not indexed
        assert first.pk == added.ids[0]
        assert (first.kind, first.scope, first.user_id, first.session_id) == ("message", "user", "u1", "s1")
        assert (first.author, first.event_at, first.sequence) == ("Caroline", SAID_AT, 1)
        assert (second.author, second.content) == ("assistant", "How was the wind?")
        assert first.words > 0


def test_messages_without_a_user_are_the_tenants(agent, job):
    sessions.start(session_id="s2", principal=agent())
    messages.append(session_id="s2", messages=TALK[:1], principal=agent())
    with behind_walls(job):
        row = IndexRow.objects.get(kind="message")
    assert (row.scope, row.user_id, row.session_id) == ("tenant", None, "s2")


def test_the_session_counts_per_role_and_knows_who_acts(talker, agent, job):
    messages.append(session_id="s1", messages=TALK, principal=talker)
    messages.append(session_id="s1", messages=TALK[:1], principal=agent("aide"))
    with behind_walls(job):
        session = Session.objects.get()
    assert session.message_count == 4
    assert session.role_counts == {"user": 2, "assistant": 1, "tool": 1}
    assert session.active_agents == ["general_assistant", "aide"]
    assert session.current_agent == "general_assistant"


def test_an_append_is_one_round_trip(talker):
    with CaptureQueriesContext(connection) as queries:
        messages.append(session_id="s1", messages=TALK, principal=talker)
    assert len([q for q in queries.captured_queries if "FROM session_append(" in q["sql"]]) == 1
    assert len(queries.captured_queries) <= 5  # savepoint, walls, append, walls put back, release


def test_a_closed_session_takes_no_message(talker, job):
    with behind_walls(job):
        Session.objects.update(status="ended")
    with pytest.raises(SessionClosed, match="ended"):
        messages.append(session_id="s1", messages=TALK, principal=talker)


def test_another_user_finds_no_session(talker, agent):
    with pytest.raises(SessionNotFound):
        messages.append(session_id="s1", messages=TALK, principal=agent(user="u2"))
