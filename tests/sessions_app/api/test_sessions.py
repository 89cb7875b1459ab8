"""Doors to the life of a session."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_start_answers_the_published_shape(door):
    caller = door()
    answer = caller.post("session/start", session_id="s1", user_id="u1", initial_context={"source": "web_app"})
    assert caller.status == 200
    assert (
        answer.items()
        >= {
            "success": True,
            "session_id": "s1",
            "status": "active",
            "tenant_id": "acme",
            "user_id": "u1",
            "resumed": False,
        }.items()
    )
    assert answer["start_time"].endswith("Z")


def test_start_makes_up_a_session_id(door):
    caller = door()
    first, second = caller.post("session/start"), caller.post("session/start")
    assert first["session_id"] != second["session_id"]
    assert first["user_id"] is None


def test_starting_an_open_session_again_resumes_it_and_adds_the_context(door):
    caller = door(acting="planner")
    caller.post("session/start", session_id="s1", initial_context={"a": 1})
    again = caller.post("session/start", session_id="s1", initial_context={"b": 2})
    assert again["resumed"] is True
    context = caller.get("session/context/s1")["context"]
    assert context["initial_context"] == {"a": 1, "b": 2}
    assert context["agents"]["current"] == "planner"


def test_nobody_takes_over_a_session_of_another_user(door):
    door().post("session/start", session_id="s1", user_id="u1")
    door().post("session/start", session_id="open")
    for caller, body in (
        (door(user="u2"), {"session_id": "s1"}),
        (door(), {"session_id": "s1", "user_id": "u2"}),
        (door(), {"session_id": "open", "user_id": "u2"}),
    ):
        answer = caller.post("session/start", body)
        assert (caller.status, answer["code"]) == (409, "session_id_taken")


def test_the_same_session_id_in_two_tenants_is_two_sessions(door):
    door().post("session/start", session_id="s1")
    other = door(tenant="other")
    assert other.post("session/start", session_id="s1")["resumed"] is False


@pytest.mark.parametrize("session_id", ["a/b", "", " a", "a\n", "context", "resume", ".", "..", "x" * 513, None])
def test_session_ids_that_no_address_could_hold_are_refused(door, session_id):
    caller = door()
    answer = caller.post("session/start", session_id=session_id)
    assert caller.status == 400
    assert answer["errors"][0]["field"] == "session_id"


@pytest.mark.parametrize("path", ["session/start", "session/resume/s1", "session/message", "session/messages"])
def test_writing_needs_a_key_with_write(door, path):
    reader = door(scopes=["read"])
    assert reader.post(path, session_id="s1")["code"] == "permission_missing"
    assert reader.status == 403
    reader.client.credentials()
    assert reader.post(path, session_id="s1")["code"] == "unauthenticated"
    reader.client.credentials(HTTP_AUTHORIZATION="Bearer wrong")
    assert reader.post(path, session_id="s1")["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "session/start"),
        ("GET", "session/resume/s1"),
        ("GET", "session/message"),
        ("POST", "session/context/s1"),
        ("DELETE", "session/s1/messages"),
    ],
)
def test_wrong_methods_are_405(door, method, path):
    caller = door()
    assert caller.call(method, path)["code"] == "method_not_allowed"
    assert caller.status == 405


def test_a_foreign_tenant_is_refused_and_unknown_fields_are_named(door):
    caller = door()
    assert caller.post("session/start", session_id="s1", tenant_id="other")["code"] == "tenant_mismatch"
    answer = caller.post("session/start", session_id="s1", status="ended")
    assert (caller.status, answer["errors"][0]["field"]) == (400, "status")


def test_resume_answers_the_published_shape(door):
    caller = door(acting="general_assistant")
    caller.post("session/start", session_id="s1", user_id="u1")
    caller.post("session/message", session_id="s1", role="user", content="hello")
    answer = caller.post("session/resume/s1", {})
    assert (
        answer.items()
        >= {
            "success": True,
            "session_id": "s1",
            "status": "active",
            "message_count": 1,
            "task_count": 0,
            "active_agents": ["general_assistant"],
        }.items()
    )
    assert {"start_time", "last_activity"} <= answer.keys()


def test_what_one_may_not_see_does_not_exist(door):
    door().post("session/start", session_id="s1", user_id="u1")
    for caller in (door(user="u2"), door(tenant="other")):
        assert caller.post("session/resume/s1", {})["code"] == "session_not_found"
        assert caller.get("session/context/s1")["code"] == "session_not_found"
        assert caller.get("session/s1/messages")["code"] == "session_not_found"
        caller.post("session/message", session_id="s1", role="user", content="x")
        assert caller.status == 404
    named = door()
    assert named.get("session/context/s1", user_id="u2")["code"] == "session_not_found"
    assert named.get("session/context/s1", user_id="u1")["success"] is True
    assert named.get("session/context/s1")["success"] is True
    assert door(user="u1").get("session/context/s1")["success"] is True


def test_the_context_has_every_published_field(door):
    caller = door(acting="general_assistant")
    caller.post("session/start", session_id="s1", initial_context={"source": "web_app"})
    for role in ("user", "assistant", "user"):
        caller.post("session/message", session_id="s1", role=role, content=f"from {role}")
    context = caller.get("session/context/s1")["context"]
    assert context.keys() >= {"session_id", "tenant_id", "status", "duration_seconds"}
    assert context["conversation"]["message_count"] == 3
    assert [m["sequence"] for m in context["conversation"]["recent_messages"]] == [1, 2, 3]
    assert context["conversation"]["summary"] == "3 messages (2 from user, 1 from assistant)"
    assert context["agents"] == {
        "current": "general_assistant",
        "previous": None,
        "active": ["general_assistant"],
        "handoff_count": 0,
    }
    assert context["tasks"] == {"pending": [], "completed": [], "total": 0, "completion_rate": 0.0}
    assert context["memory"] == {"critical_facts": {}, "working_memory": {}, "long_term_refs": []}
