"""A conversation from its start to the archive and back, through the doors an agent uses."""

from __future__ import annotations

import hashlib
import json

import pytest

from memoryhub.sync.services import relay

pytestmark = pytest.mark.django_db


def canonical(package: dict[str, object]) -> str:
    text = json.dumps(package, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_session_is_handed_over_and_nothing_is_lost(api, as_role):
    assistant, specialist = api(acting="general_assistant"), api(acting="code_specialist")

    def post(client, path, **body):
        response = client.post(f"/memory/session/{path}", body)
        assert response.status_code == 200, response.json()
        return response.json()

    def get(client, path, **query):
        response = client.get(f"/memory/session/{path}", query)
        assert response.status_code == 200, response.json()
        return response.json()

    # the conversation
    post(
        assistant,
        "start",
        session_id="session_abc123",
        tenant_id="acme",
        user_id="user_789",
        initial_context={"source": "web_app"},
    )
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"turn {n}"} for n in range(14)]
    post(assistant, "messages", session_id="session_abc123", messages=turns)
    post(assistant, "message", session_id="session_abc123", role="user", content="I need help with my project")
    for task, status in (("task_1", "pending"), ("t2", "completed"), ("t3", "completed"), ("t4", "completed")):
        post(
            assistant,
            "task",
            session_id="session_abc123",
            task_id=task,
            description="Review auth module",
            status=status,
        )
    post(assistant, "fact", session_id="session_abc123", key="project", value="ecommerce_site")

    # the hand-off
    given = post(
        assistant,
        "handoff",
        session_id="session_abc123",
        to_agent="code_specialist",
        handoff_reason="User needs code review",
        critical_info={"language": "python"},
        continuation_instructions="Review the authentication module",
    )
    assert (given["from_agent"], given["to_agent"]) == ("general_assistant", "code_specialist")
    assert given["context_snapshot"]["conversation_summary"] == "15 messages (8 from user, 7 from assistant)"
    assert given["context_snapshot"]["critical_facts"] == {"project": "ecommerce_site", "language": "python"}
    [pending] = given["context_snapshot"]["pending_tasks"]
    assert pending.items() >= {"id": "task_1", "description": "Review auth module"}.items()

    # the receiver
    taken = get(specialist, "session_abc123/handoff")
    assert taken["from_agent"] == "general_assistant"
    assert taken["continuation_instructions"] == "Review the authentication module"
    assert taken["critical_info"] == {"language": "python"}
    assert taken["checksum"] == canonical(taken["package"])
    assert [message["sequence"] for message in taken["package"]["recent_messages"]] == list(range(1, 16))
    post(specialist, "message", session_id="session_abc123", role="assistant", content="Let me look at it.")
    assert get(specialist, "session_abc123/handoffs")["results"][0]["status"] == "accepted"
    context = get(specialist, "context/session_abc123")["context"]
    assert context["agents"] == {
        "current": "code_specialist",
        "previous": "general_assistant",
        "active": ["general_assistant", "code_specialist"],
        "handoff_count": 1,
    }
    assert context["tasks"]["completion_rate"] == 0.75
    assert context["conversation"]["message_count"] == 16
    assert context["memory"]["critical_facts"] == {"project": "ecommerce_site", "language": "python"}

    # saved, ended, archived, and back
    post(
        specialist,
        "save",
        session_id="session_abc123",
        context_data={"working_on": "auth/login.py"},
        todos=[{"task_id": "task_1", "status": "completed"}],
        decisions=[{"title": "cookies", "decision": "sliding expiry"}],
    )
    briefing = get(specialist, "briefing", user_id="user_789")
    assert briefing.keys() >= {"context", "todos", "status", "errors"}
    assert briefing["context"]["snapshot"] == {"working_on": "auth/login.py"}
    assert briefing["todos"] == []
    assert [decision["title"] for decision in briefing["decisions"]] == ["cookies"]
    ended = post(specialist, "end", session_id="session_abc123", reason="completed")
    assert ended["summary"].startswith("16 messages (8 from user, 8 from assistant)")
    refused = specialist.post(
        "/memory/session/message", {"session_id": "session_abc123", "role": "user", "content": "still there?"}
    )
    assert (refused.status_code, refused.json()["code"]) == (409, "session_closed")
    post(specialist, "archive", session_id="session_abc123")
    with as_role("memoryhub_system"):
        relay.run_once()
    resumed = post(specialist, "resume/session_abc123")
    assert resumed.items() >= {"status": "active", "message_count": 16, "task_count": 4}.items()
    added = post(specialist, "message", session_id="session_abc123", role="user", content="I am back")
    assert added["sequence"] == 17
    assert len(get(specialist, "session_abc123/messages", limit=200)["results"]) == 17
