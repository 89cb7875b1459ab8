"""Every example of the published interface, run against a live hub: requests, answers, Python, SQL."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.error import HTTPError

import pytest
from django.db import connection

from memoryhub.access.principals import system_principal
from memoryhub.access.services import keys, tenants
from memoryhub_client import (
    ContextEntry,
    ContextScope,
    MemoryCoordinator,
    MemoryLayer,
    get_memory_coordinator,
    get_session_manager,
)
from tests.conftest import role

pytestmark = pytest.mark.django_db(transaction=True)


class Hub:
    """A live hub and a way to call it as curl would."""

    def __init__(self, url: str, tenant: str) -> None:
        self.url = url
        system = system_principal("test", tenant)
        tenants.ensure(tenant_id=tenant, principal=system)
        _, self.key = keys.create(tenant_id=tenant, scopes=["read", "write"], principal=system)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {self.key}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, None if body is None else json.dumps(body).encode()) as response:
            return dict(json.load(response))

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        return self.call("POST", path, body)


@pytest.fixture
def hub(live_server: Any) -> Hub:
    return Hub(live_server.url, "tenant_456")


PREFERENCE = {
    "key": "customer_preference_123",
    "value": {"theme": "dark", "notifications": True},
    "layer": "long_term",
    "scope": "user",
    "priority": "high",
    "category": "user_preferences",
    "source": "ui_settings",
    "user_id": "user_789",
    "tenant_id": "tenant_456",
}


def test_store_answers_as_published(hub):
    answer = hub.post("/memory/context/store", **PREFERENCE)
    assert isinstance(answer.pop("entry_id"), str)
    expected = {
        "success": True,
        "key": "customer_preference_123",
        "layer": "long_term",
        "scope": "user",
        "sync_version": 1,
    }
    assert answer.items() >= expected.items()


def test_retrieve_answers_as_published(hub):
    hub.post("/memory/context/store", **PREFERENCE)
    answer = hub.post(
        "/memory/context/retrieve",
        key="customer_preference_123",
        scope="user",
        user_id="user_789",
        tenant_id="tenant_456",
    )
    expected = {
        "success": True,
        "key": "customer_preference_123",
        "value": {"theme": "dark", "notifications": True},
        "layer": "long_term",
        "scope": "user",
        "priority": "high",
        "category": "user_preferences",
        "access_count": 0,
        "sync_version": 1,
    }
    assert answer.items() >= expected.items()
    assert answer["created_at"].endswith("Z")
    assert answer["updated_at"].endswith("Z")


def test_search_answers_as_published(hub):
    hub.post("/memory/context/store", **PREFERENCE)
    answer = hub.post(
        "/memory/context/search",
        query="dark theme",
        scope="user",
        layer="long_term",
        tenant_id="tenant_456",
        user_id="user_789",
        limit=20,
    )
    assert answer["success"] is True
    assert answer["query"] == "dark theme"
    assert answer["result_count"] == len(answer["results"]) == 1
    found = answer["results"][0]
    expected = {
        "key": "customer_preference_123",
        "value": {"theme": "dark", "notifications": True},
        "layer": "long_term",
        "priority": "high",
    }
    assert found.items() >= expected.items()
    assert found["updated_at"].endswith("Z")


def test_search_without_a_user_says_what_it_leaves_out(hub):
    hub.post("/memory/context/store", **PREFERENCE)
    answer = hub.post(
        "/memory/context/search", query="dark theme", scope="user", layer="long_term", tenant_id="tenant_456", limit=20
    )
    assert answer["result_count"] == 0
    assert "user" in answer["notice"]


def start(hub: Hub) -> dict[str, Any]:
    return hub.post(
        "/memory/session/start",
        session_id="session_abc123",
        tenant_id="tenant_456",
        user_id="user_789",
        initial_context={"source": "web_app"},
    )


def test_session_start_and_resume_answer_as_published(hub):
    started = start(hub)
    expected = {
        "success": True,
        "session_id": "session_abc123",
        "status": "active",
        "tenant_id": "tenant_456",
        "user_id": "user_789",
    }
    assert started.items() >= expected.items()
    assert started["start_time"].endswith("Z")
    resumed = hub.call("POST", "/memory/session/resume/session_abc123")
    assert resumed.items() >= {"success": True, "session_id": "session_abc123", "status": "active"}.items()
    assert {"start_time", "last_activity", "message_count", "task_count", "active_agents"} <= resumed.keys()


def test_message_and_handoff_answer_as_published(hub):
    start(hub)
    message = hub.post(
        "/memory/session/message",
        session_id="session_abc123",
        role="user",
        content="I need help with my project",
        metadata={"source": "web_ui"},
    )
    assert message["success"] is True
    handoff = hub.post(
        "/memory/session/handoff",
        session_id="session_abc123",
        to_agent="code_specialist",
        handoff_reason="User needs code review",
        critical_info={"project": "ecommerce_site", "language": "python", "urgency": "high"},
        continuation_instructions="Review the authentication module and suggest improvements",
    )
    assert handoff["success"] is True
    assert handoff["session_id"] == "session_abc123"
    assert handoff["to_agent"] == "code_specialist"
    assert {"from_agent", "timestamp"} <= handoff.keys()
    snapshot = handoff["context_snapshot"]
    assert snapshot["conversation_summary"] == "1 messages (1 from user, 0 from assistant)"
    assert snapshot["critical_facts"].items() >= {"project": "ecommerce_site", "language": "python"}.items()
    assert snapshot["pending_tasks"] == []


def test_full_context_has_every_published_field(hub):
    start(hub)
    for role_name, content in (("user", "I need help"), ("assistant", "With what?")):
        hub.post("/memory/session/message", session_id="session_abc123", role=role_name, content=content)
    for task, status in (("task_1", "pending"), ("task_2", "completed")):
        hub.post("/memory/session/task", session_id="session_abc123", task_id=task, description="Review", status=status)
    hub.post("/memory/session/fact", session_id="session_abc123", key="project", value="ecommerce_site")
    answer = hub.call("GET", "/memory/session/context/session_abc123")
    context = answer["context"]
    assert answer["success"] is True
    assert {"session_id", "tenant_id", "status", "duration_seconds"} <= context.keys()
    assert context["conversation"]["message_count"] == 2
    assert len(context["conversation"]["recent_messages"]) == 2
    assert context["conversation"]["summary"].startswith("2 messages (1 from user, 1 from assistant)")
    assert context["agents"].keys() >= {"current", "previous", "active", "handoff_count"}
    assert [task["id"] for task in context["tasks"]["pending"]] == ["task_1"]
    assert [task["id"] for task in context["tasks"]["completed"]] == ["task_2"]
    assert context["tasks"]["completion_rate"] == 0.5
    assert context["memory"]["critical_facts"] == {"project": "ecommerce_site"}
    assert context["memory"].keys() >= {"critical_facts", "working_memory", "long_term_refs"}


@contextmanager
def coordinator_of(hub: Hub) -> Iterator[MemoryCoordinator]:
    coordinator = get_memory_coordinator(hub.url, hub.key)
    try:
        yield coordinator
    finally:
        coordinator.close()


def test_python_store_and_retrieve(hub):
    async def example(coordinator: MemoryCoordinator) -> None:
        entry = ContextEntry(
            key="user_theme_preference",
            value="dark",
            layer=MemoryLayer.LONG_TERM,
            scope=ContextScope.USER,
            priority="medium",
            category="preferences",
            source="settings_ui",
            user_id="user_123",
            tenant_id="tenant_456",
        )
        entry_id = await coordinator.store_context(entry)
        assert entry_id
        retrieved = await coordinator.retrieve_context(
            key="user_theme_preference", scope=ContextScope.USER, user_id="user_123", tenant_id="tenant_456"
        )
        assert retrieved
        assert retrieved.value == "dark"

    with coordinator_of(hub) as coordinator:
        asyncio.run(example(coordinator))


def test_python_search_stats_and_a_missing_key(hub):
    async def example(coordinator: MemoryCoordinator) -> None:
        await coordinator.store_context(
            ContextEntry(
                key="customer_preferences",
                value="prefers mornings",
                layer=MemoryLayer.LONG_TERM,
                scope=ContextScope.TENANT,
                tenant_id="tenant_456",
            )
        )
        results = await coordinator.search_context(query="customer preferences", layer=MemoryLayer.LONG_TERM, limit=20)
        assert [r.key for r in results] == ["customer_preferences"]
        by_part = await coordinator.search_context(query="customer", tenant_id="tenant_456", limit=10)
        assert [r.key for r in by_part] == ["customer_preferences"]
        entry = await coordinator.retrieve_context(key="some_key", scope=ContextScope.TENANT, tenant_id="tenant_456")
        assert entry is None
        stats = await coordinator.get_stats()
        assert stats.items() >= {"total_entries": 1, "long_term_count": 1, "permanent_count": 0}.items()
        assert {
            "ephemeral_count",
            "session_count",
            "critical_count",
            "active_sessions",
            "active_tenants",
            "total_accesses",
            "pending_syncs",
        } <= stats.keys()
        assert stats["cache_size"].keys() == {"ephemeral", "session"}

    with coordinator_of(hub) as coordinator:
        asyncio.run(example(coordinator))


def test_python_session_and_handoff(live_server):
    hub = Hub(live_server.url, "tenant_789")

    async def example(coordinator: MemoryCoordinator) -> None:
        manager = await get_session_manager(coordinator)
        await manager.start_session(session_id="chat_session_456", tenant_id="tenant_789", user_id="user_123")
        await manager.add_message(
            session_id="chat_session_456", role="user", content="Can you help me set up my dashboard?"
        )
        await manager.add_message(
            session_id="chat_session_456", role="assistant", content="Of course! Let me guide you through it."
        )
        context = await manager.get_full_context("chat_session_456")
        assert context["conversation"]["message_count"] == 2

        handoff = await manager.handoff_to_agent(
            session_id="chat_session_456",
            to_agent="dashboard_specialist",
            handoff_reason="User needs advanced dashboard configuration",
            critical_info={
                "current_step": "widget_selection",
                "user_role": "admin",
                "widgets_selected": ["analytics", "metrics"],
            },
            continuation_instructions="Help user configure advanced analytics widget with custom metrics",
        )
        assert handoff["to_agent"] == "dashboard_specialist"
        handoff_ctx = await manager.get_handoff_context("chat_session_456")
        assert "from_agent" in handoff_ctx
        assert handoff_ctx["continuation_instructions"].startswith("Help user")
        assert handoff_ctx["critical_info"]["current_step"] == "widget_selection"

        session_id = "chat_session_456"
        result = await coordinator.retrieve_context(
            key=f"session_state_{session_id}", scope=ContextScope.SESSION, session_id=session_id
        )
        assert result
        assert result.value.get("status") == "active"
        assert result.value.get("last_activity")

        session = await manager.resume_session("chat_session_456")
        assert session["message_count"] == 2
        await manager.end_session("chat_session_456", reason="completed")
        ended = await manager.get_full_context("chat_session_456")
        assert ended["status"] in ("ended", "archived")

    with coordinator_of(hub) as coordinator:
        asyncio.run(example(coordinator))


ACCESS_STATISTICS = """
SELECT context_key, COUNT(*) AS access_count, AVG(latency_ms) AS avg_latency,
       SUM(CASE WHEN hit_cache THEN 1 ELSE 0 END)::float / COUNT(*) AS cache_hit_rate
FROM memory_context_access_log
WHERE timestamp > NOW() - INTERVAL '1 hour'
GROUP BY context_key ORDER BY access_count DESC LIMIT 10
"""


def test_the_published_access_statistics_run(hub):
    from memoryhub.registry.services import access_log

    hub.post("/memory/context/store", **PREFERENCE)
    for _ in range(3):
        hub.post("/memory/context/retrieve", key="customer_preference_123", scope="user", user_id="user_789")
    access_log.log.flush()
    with role("memoryhub_owner"), connection.cursor() as cursor:
        cursor.execute(ACCESS_STATISTICS)
        key, count, latency, rate = cursor.fetchone()
    assert (key, count) == ("customer_preference_123", 3)
    assert latency >= 0
    assert 0 <= rate <= 1


def test_the_published_index_exists(hub):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'idx_context_tenant_user'")
        assert cursor.fetchone()


def test_health_and_api_documents_answer(hub):
    assert hub.call("GET", "/memory/health")["success"] is True
    with urllib.request.urlopen(hub.url + "/docs") as response:
        assert response.status == 200
        assert b"swagger" in response.read().lower()


def test_a_missing_context_is_a_404_problem(hub):
    with pytest.raises(HTTPError) as refused:
        hub.post("/memory/context/retrieve", key="nowhere", scope="tenant")
    assert refused.value.code == 404
    assert refused.value.headers["Content-Type"].startswith("application/problem+json")
    refused.value.close()
