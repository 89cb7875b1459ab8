"""What every door of the area has in common: keys, methods, tenants, bodies, repetition."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from memoryhub.access.models import AuditEvent
from memoryhub.access.walls import behind_walls

pytestmark = pytest.mark.django_db

NEW = str(uuid4())
SESSION = {"session_id": "s1"}
WRITING: dict[str, dict[str, Any]] = {
    "session/start": {},
    "session/resume/s1": {},
    "session/end": SESSION,
    "session/archive": SESSION,
    "session/message": {**SESSION, "role": "user", "content": "hello"},
    "session/messages": {**SESSION, "messages": [{"role": "user", "content": "hello"}]},
    "session/task": {**SESSION, "description": "review"},
    "session/fact": {**SESSION, "key": "language", "value": "python"},
    "session/working-memory": {**SESSION, "values": {"file": "auth.py"}},
    "session/handoff": {**SESSION, "to_agent": "expert", "handoff_reason": "hard"},
    "session/snapshot": {**SESSION, "context_data": {"file": "auth.py"}},
    "session/decision": {**SESSION, "title": "db", "decision": "postgres"},
    "session/save": SESSION,
}
READING = [
    "sessions",
    "session/context/s1",
    "session/briefing",
    "session/snapshots",
    "session/decisions",
    "session/s1/messages",
    "session/s1/handoffs",
]
OF_A_SESSION = [path for path in WRITING if path != "session/start"]


@pytest.fixture
def caller(door):
    made = door(acting="worker")
    made.post("session/start", session_id="s1", user_id="u1")
    return made


@pytest.mark.parametrize("path", WRITING)
def test_writing_works_with_write_only(door, caller, path):
    assert caller.post(path, WRITING[path])["success"] is True
    assert caller.status == 200
    reader = door(scopes=["read"])
    assert reader.post(path, WRITING[path])["code"] == "permission_missing"
    reader.client.credentials()
    assert reader.post(path, WRITING[path])["code"] == "unauthenticated"


@pytest.mark.parametrize("path", READING)
def test_reading_works_with_read_only(door, caller, path):
    reader = door(scopes=["read"])
    assert reader.get(path)["success"] is True
    reader.client.credentials()
    assert reader.get(path)["code"] == "unauthenticated"
    writer = door(scopes=["write"])
    assert writer.get(path)["code"] == "permission_missing"


@pytest.mark.parametrize("path", OF_A_SESSION)
def test_other_tenants_and_other_users_find_nothing(door, caller, path):
    for outsider in (door(tenant="other"), door(user="u2")):
        assert outsider.post(path, WRITING[path])["code"] == "session_not_found"
        assert outsider.status == 404


@pytest.mark.parametrize(
    "path", ["session/context/s1", "session/s1/messages", "session/s1/handoffs", "session/s1/handoff"]
)
def test_other_tenants_and_other_users_read_nothing(door, caller, path):
    for outsider in (door(tenant="other"), door(user="u2")):
        assert outsider.get(path)["code"] == "session_not_found"


def test_lists_show_outsiders_nothing(door, caller):
    for path in ("session/snapshot", "session/decision"):
        caller.post(path, WRITING[path])
    for outsider in (door(tenant="other"), door(user="u2"), door()):
        for path in ("sessions", "session/snapshots", "session/decisions"):
            assert outsider.get(path)["results"] == []
    owner = door(user="u1")
    for path in ("sessions", "session/snapshots", "session/decisions"):
        assert len(owner.get(path)["results"]) == 1


@pytest.mark.parametrize("path", WRITING)
def test_unknown_fields_and_wrong_methods_are_refused(caller, path):
    answer = caller.post(path, WRITING[path] | {"surprise": 1})
    assert (caller.status, answer["errors"][0]["field"]) == (400, "surprise")
    assert caller.call("DELETE", path)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", OF_A_SESSION)
def test_a_foreign_tenant_field_is_refused(caller, path):
    assert caller.post(path, WRITING[path] | {"tenant_id": "elsewhere"})["code"] == "tenant_mismatch"


@pytest.mark.parametrize(
    ("path", "wrong", "field"),
    [
        ("session/task", {"status": "lost"}, "status"),
        ("session/task", {"priority": "urgent"}, "priority"),
        ("session/task", {"description": ""}, "description"),
        ("session/fact", {"value": 1, "key": ""}, "key"),
        ("session/working-memory", {"values": []}, "values"),
        ("session/handoff", {"to_agent": "two words"}, "to_agent"),
        ("session/handoff", {"handoff_reason": ""}, "handoff_reason"),
        ("session/handoff", {"critical_info": "x"}, "critical_info"),
        ("session/snapshot", {"importance": 11}, "importance"),
        ("session/snapshot", {"context_type": "mood"}, "context_type"),
        ("session/snapshot", {"tags": "db"}, "tags"),
        ("session/decision", {"title": ""}, "title"),
        ("session/save", {"todos": [{"status": "lost"}]}, "todos[0].status"),
        ("session/save", {"decisions": [{"title": "x"}]}, "decisions[0].decision"),
        ("session/save", {"errors": [{"message": "x"}] * 11}, "errors"),
        ("session/end", {"reason": 5 * ["x"]}, "reason"),
    ],
)
def test_bad_bodies_name_the_field(caller, path, wrong, field):
    answer = caller.post(path, WRITING[path] | wrong)
    assert (caller.status, answer["errors"][0]["field"]) == (400, field)


@pytest.mark.parametrize("path", OF_A_SESSION)
def test_missing_sessions_are_404(caller, path):
    body = {**WRITING[path], "session_id": "nope"} if "session_id" in WRITING[path] else {}
    assert caller.post(path.replace("s1", "nope"), body)["code"] == "session_not_found"


def test_a_repeated_request_with_its_key_happens_once(caller):
    for path, body in WRITING.items():
        answers = []
        for _ in range(2):
            response = caller.client.post(f"/memory/{path}", body, headers={"Idempotency-Key": f"k-{path}"})
            answers.append(response.json())
        assert answers[0] == answers[1]
        if path in ("session/end", "session/archive"):
            caller.post("session/resume/s1", {})
    assert caller.get("session/s1/messages")["message_count"] == 2


def test_resume_needs_no_body(caller):
    response = caller.client.post("/memory/session/resume/s1", content_type="application/json")
    assert response.status_code == 200


def test_facts_come_one_by_one_or_together(caller):
    caller.post("session/fact", session_id="s1", facts={"a": 1}, key="b", value={"c": None})
    answer = caller.post("session/fact", session_id="s1", key="a", value=None)
    assert answer["critical_facts"] == {"b": {"c": None}}
    wrongs: list[dict[str, Any]] = [{}, {"key": "a"}, {"value": 1}, {"facts": {}}]
    for wrong in wrongs:
        assert caller.post("session/fact", {"session_id": "s1", **wrong})["code"] == "invalid"


def test_handoffs_are_answered_by_their_id(door, caller):
    given = caller.post("session/handoff", WRITING["session/handoff"])
    accept = f"session/handoff/{given['handoff_id']}/accept"
    assert caller.post(accept, {})["code"] == "not_the_receiver"
    assert door(tenant="other", acting="expert").post(accept, {})["code"] == "handoff_not_found"
    assert door(user="u2", acting="expert").post(accept, {})["code"] == "handoff_not_found"
    expert = door(acting="expert")
    assert expert.post(accept, {})["status"] == "accepted"
    assert expert.post(accept.replace("accept", "reject"), {})["code"] == "handoff_answered"
    assert expert.status == 409
    for answer in ("accept", "reject"):
        assert expert.post(f"session/handoff/{NEW}/{answer}", {})["code"] == "handoff_not_found"
    again = expert.post("session/handoff", {**WRITING["session/handoff"], "to_agent": "worker"})
    rejected = caller.post(f"session/handoff/{again['handoff_id']}/reject", reason="busy")
    assert (rejected["status"], rejected["answer_reason"]) == ("rejected", "busy")
    shown = caller.get("session/s1/handoffs")["results"]
    assert [handoff["status"] for handoff in shown] == ["rejected", "accepted"]


def test_a_snapshot_is_found_by_its_id(door, caller):
    kept = caller.post("session/snapshot", WRITING["session/snapshot"])["snapshot"]
    path = f"session/snapshot/{kept['id']}"
    assert caller.get(path, user_id="u1")["snapshot"] == kept
    for outsider in (door(), door(user="u2"), door(tenant="other")):
        assert outsider.get(path)["code"] == "not_found"


def test_lists_come_in_pages_and_are_filtered(door, caller):
    for number in range(5):
        caller.post("session/start", session_id=f"p{number}")
    caller.post("session/end", session_id="p0")
    first = caller.get("sessions", limit=3)
    assert [s["session_id"] for s in first["results"]] == ["p4", "p3", "p2"]
    second = caller.parse(caller.client.get(first["next"]))
    assert [s["session_id"] for s in second["results"]] == ["p1", "p0"]
    assert second["next"] is None
    assert [s["session_id"] for s in caller.get("sessions", status="ended")["results"]] == ["p0"]
    assert caller.get("sessions", agent="nobody")["results"] == []
    assert caller.get("sessions", status="lost")["code"] == "invalid"


def test_lists_ask_the_database_the_same_number_of_times_however_long(caller, django_assert_max_num_queries):
    for _ in range(10):
        caller.post("session/handoff", {**WRITING["session/handoff"], "to_agent": "expert"})
        caller.post("session/snapshot", WRITING["session/snapshot"])
    for path in ("session/s1/handoffs", "session/snapshots", "session/briefing"):
        with django_assert_max_num_queries(24):
            caller.get(path, user_id="u1")


def test_an_admin_key_reads_over_all_users_and_is_seen_doing_it(door, caller, job):
    governor = door(scopes=["read", "admin"])
    assert len(governor.get("sessions")["results"]) == 1
    governor.get("session/snapshots", user_id="u1")
    with behind_walls(job):
        found = AuditEvent.objects.filter(action__endswith="read_for_all_users").values_list("action", flat=True)
        assert list(found) == ["sessions.sessions.read_for_all_users"]
