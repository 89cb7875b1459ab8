"""Examples for the OpenAPI schema."""

from __future__ import annotations

from typing import Any

START: dict[str, Any] = {
    "session_id": "session_abc123",
    "user_id": "user_789",
    "initial_context": {"source": "web_app"},
}
STARTED: dict[str, Any] = {
    "success": True,
    "session_id": "session_abc123",
    "status": "active",
    "start_time": "2026-03-02T10:00:00Z",
    "last_activity": "2026-03-02T10:00:00Z",
    "tenant_id": "acme",
    "user_id": "user_789",
    "version": 1,
    "resumed": False,
}
RESUMED: dict[str, Any] = {
    **{key: value for key, value in STARTED.items() if key != "resumed"},
    "last_activity": "2026-03-02T11:00:00Z",
    "version": 9,
    "message_count": 45,
    "task_count": 8,
    "active_agents": ["general_assistant", "code_helper"],
}
MESSAGE: dict[str, Any] = {
    "session_id": "session_abc123",
    "role": "user",
    "content": "The login page shows a blank screen.",
    "name": "Caroline",
    "at": "2026-03-02T10:01:00Z",
    "metadata": {"source": "web_ui"},
}
ADDED: dict[str, Any] = {
    "success": True,
    "session_id": "session_abc123",
    "message_id": "019cac5b-6f25-7c8a-8d3e-1f2a3b4c5d6e",
    "sequence": 1,
}
MESSAGES: dict[str, Any] = {
    "session_id": "session_abc123",
    "messages": [
        {"role": "user", "content": "The login page shows a blank screen."},
        {"role": "assistant", "content": "Which browser is that in?"},
    ],
}
TASK: dict[str, Any] = {
    "session_id": "session_abc123",
    "task_id": "task_1",
    "description": "Find out why the login page stays blank",
    "status": "in_progress",
    "priority": "high",
}
FACT: dict[str, Any] = {"session_id": "session_abc123", "key": "browser", "value": "Firefox 140"}
WORKING_MEMORY: dict[str, Any] = {
    "session_id": "session_abc123",
    "values": {"suspected_cause": "an expired cookie", "next_file": "auth/login.py"},
}
HANDOFF: dict[str, Any] = {
    "session_id": "session_abc123",
    "to_agent": "code_specialist",
    "handoff_reason": "The cause is in the code",
    "critical_info": {"browser": "Firefox 140", "urgency": "high"},
    "continuation_instructions": "Read auth/login.py and say why the cookie is not renewed.",
}
HANDED_OFF: dict[str, Any] = {
    "success": True,
    "handoff_id": "019cac5b-7a11-7b1e-9c55-2b3c4d5e6f70",
    "session_id": "session_abc123",
    "from_agent": "general_assistant",
    "to_agent": "code_specialist",
    "status": "pending",
    "handoff_reason": "The cause is in the code",
    "timestamp": "2026-03-02T11:00:00Z",
    "times_out_at": "2026-03-02T12:00:00Z",
    "answered_at": None,
    "answer_reason": "",
    "checksum": "3b0c4f2e6d1a9b8c7d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4b3c",
    "context_snapshot": {
        "conversation_summary": "15 messages (8 from user, 7 from assistant)",
        "critical_facts": {"browser": "Firefox 140", "urgency": "high"},
        "pending_tasks": [{"id": "task_1", "description": "Find out why the login page stays blank"}],
    },
}
END: dict[str, Any] = {"session_id": "session_abc123", "reason": "completed"}
SNAPSHOT: dict[str, Any] = {
    "session_id": "session_abc123",
    "context_type": "task",
    "context_data": {"working_on": "auth/login.py", "blocked_by": None},
    "tags": ["login", "cookie"],
    "importance": 7,
}
DECISION: dict[str, Any] = {
    "session_id": "session_abc123",
    "title": "Renew the cookie on every request",
    "decision": "Sliding expiry",
    "rationale": "Users stay signed in while they work.",
    "alternatives": ["a longer fixed lifetime"],
}
SAVE: dict[str, Any] = {
    "session_id": "session_abc123",
    "context_data": {"working_on": "auth/login.py"},
    "todos": [{"task_id": "task_1", "status": "completed"}],
    "decisions": [{"title": "Renew the cookie on every request", "decision": "Sliding expiry"}],
    "memories": [{"key": "login_page_cause", "value": "The session cookie was not renewed"}],
    "errors": [{"message": "KeyError: 'session_id'", "error_type": "KeyError"}],
    "status": {"staging": "green"},
}
CONTEXT: dict[str, Any] = {
    "success": True,
    "context": {
        "session_id": "session_abc123",
        "tenant_id": "acme",
        "user_id": "user_789",
        "status": "active",
        "version": 9,
        "start_time": "2026-03-02T10:00:00Z",
        "last_activity": "2026-03-02T11:00:00Z",
        "ended_at": None,
        "end_reason": "",
        "duration_seconds": 3600,
        "initial_context": {"source": "web_app"},
        "metadata": {},
        "conversation": {
            "message_count": 15,
            "recent_messages": [],
            "summary": "15 messages (8 from user, 7 from assistant)",
            "highlights": ["user: The login page shows a blank screen."],
        },
        "agents": {
            "current": "code_specialist",
            "previous": "general_assistant",
            "active": ["general_assistant", "code_specialist"],
            "handoff_count": 1,
        },
        "tasks": {"pending": [], "completed": [], "total": 4, "completion_rate": 0.75},
        "memory": {
            "critical_facts": {"browser": "Firefox 140"},
            "working_memory": {"next_file": "auth/login.py"},
            "long_term_refs": [],
        },
    },
}
BRIEFING: dict[str, Any] = {
    "success": True,
    "session_id": "session_abc123",
    "context": {"working_on": "auth/login.py"},
    "todos": [{"id": "task_1", "description": "Find out why the login page stays blank", "status": "in_progress"}],
    "status": {"hub": "ok", "pending_syncs": 0, "active_sessions": 3},
    "errors": [],
    "decisions": [],
    "pending_handoffs": [],
    "recent_memory": [],
    "active_procedures": [],
}
