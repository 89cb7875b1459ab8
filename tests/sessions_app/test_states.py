"""What stores outside of the hub are told of a session."""

from __future__ import annotations

import json

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from memoryhub.access.ids import new_id
from memoryhub.access.walls import behind_walls
from sessions_app import states
from sessions_app.models import Session
from sessions_app.services import endings, messages, sessions
from sessions_app.services.messages import NewMessage

pytestmark = pytest.mark.django_db


def test_the_session_and_its_latest_messages(agent, job):
    sessions.start(session_id="s1", principal=agent(user="u1"))
    said = [NewMessage("user", f"message {n}") for n in range(1, 131)]
    added = messages.append(session_id="s1", messages=said, principal=agent(user="u1"))
    with behind_walls(job):
        known = states.sessions([added.session, new_id()])
    assert set(known) == {added.session}
    before = known[added.session]
    assert (before.document["session_id"], before.document["user_id"], before.document["status"]) == (
        "s1",
        "u1",
        "active",
    )
    assert [message["sequence"] for message in before.document["messages"]] == list(range(31, 131))
    json.dumps(before.document, cls=DjangoJSONEncoder)
    endings.end(session_id="s1", principal=agent(user="u1"))
    with behind_walls(job):
        after = states.sessions([added.session])[added.session]
        assert after.version > before.version
        Session.objects.all().delete()
        assert states.sessions([added.session]) == {}


def test_stores_outside_hear_of_sessions(agent):
    from memoryhub.sync import states as register

    assert "messages" in register.topics()
