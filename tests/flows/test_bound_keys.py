"""A key bound to a user stays with that user, whichever way it asks."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


@pytest.fixture
def session_of_v(api):
    """Another user's session, with a memory of its own."""
    client = api(agent="writer")
    client.post("/memory/session/start", {"session_id": "s-v", "user_id": "v"})
    stored = client.post(
        "/memory/context/store",
        {"key": "plan", "value": "secret", "scope": "session", "layer": "session", "session_id": "s-v"},
    )
    assert stored.status_code in (200, 201), stored.json()


def test_it_reads_nothing_of_another_users_session(api, session_of_v):
    bound = api(user="u")
    answer = bound.post("/memory/context/retrieve", {"key": "plan", "scope": "session", "session_id": "s-v"})
    assert answer.status_code == 404
    assert bound.post("/memory/context/search", {"query": "secret", "session_id": "s-v"}).status_code == 404
    assert bound.get("/memory/session/context/s-v").status_code == 404


def test_and_writes_nothing_into_it(api, session_of_v):
    note = {"key": "plan", "value": "mine", "scope": "session", "layer": "session", "session_id": "s-v"}
    assert api(user="u").post("/memory/context/store", note).status_code == 404
    found = api(agent="writer").post(
        "/memory/context/retrieve", {"key": "plan", "scope": "session", "session_id": "s-v"}
    )
    assert "secret" in found.content.decode()


def test_its_own_session_is_open_to_it(api, session_of_v):
    bound = api(user="u", agent="helper")
    assert bound.post("/memory/session/start", {"session_id": "s-u"}).status_code in (200, 201)
    note = {"key": "plan", "value": "mine", "scope": "session", "layer": "session", "session_id": "s-u"}
    assert bound.post("/memory/context/store", note).status_code in (200, 201)
    answer = bound.post("/memory/context/retrieve", {"key": "plan", "scope": "session", "session_id": "s-u"})
    assert "mine" in answer.content.decode()
