"""Every example of the published interface for knowledge, operations and procedures, run against a live hub."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub.access.walls import behind_walls
from memoryhub_client import (
    BaseAgent,
    HubError,
    MemoryClient,
    MemoryType,
    PersistentMemory,
    PersistentMemoryFramework,
    initialize_session,
    memory_integration,
)
from memoryhub_client.framework import get_memory_integration
from procedures_app.services import defaults

pytestmark = pytest.mark.django_db(transaction=True)
TENANT = "brain"
SYSTEM = system_principal("test", TENANT)


@pytest.fixture
def hub(live_server, monkeypatch) -> Iterator[SimpleNamespace]:
    """The address of a hub with the published procedures, and a key of an agent in the environment."""
    tenants.ensure(tenant_id=TENANT, principal=SYSTEM)
    agents.ensure(tenant_id=TENANT, agent_id="operator", principal=SYSTEM)
    defaults.install(principal=SYSTEM, tenant_id=TENANT)
    _, key = keys.create(tenant_id=TENANT, agent_id="operator", scopes=["read", "write"], principal=SYSTEM)
    monkeypatch.setenv("MEMORYHUB_URL", live_server.url)
    monkeypatch.setenv("MEMORYHUB_API_KEY", key)
    get_memory_integration.cache_clear()
    yield SimpleNamespace(url=live_server.url, key=key)
    get_memory_integration().client.close()


def run(example: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(example())  # type: ignore[arg-type]


def test_knowledge_is_captured_and_found(hub):
    async def example() -> None:
        async with PersistentMemoryFramework() as pmf:
            await pmf.capture_knowledge(
                title="Database Connection Error",
                content={
                    "error": "Connection timeout",
                    "cause": "Network latency",
                    "solution": "Implement retry with backoff",
                },
                memory_type=MemoryType.ERROR_PATTERN,
                tags=["database", "network", "timeout"],
                importance=0.9,
            )
            [known] = await pmf.retrieve_knowledge(memory_type=MemoryType.ERROR_PATTERN, tags=["database", "timeout"])
            assert (known["title"], known["importance"]) == ("Database Connection Error", 0.9)
            assert known["solution"] == "Implement retry with backoff"
            [found] = await pmf.retrieve_knowledge("connection timeout")
            assert found["id"] == known["id"]
            [match] = await off(pmf.client.match_problem, "Connection timeout")
            assert match["knowledge"]["id"] == known["id"]
            assert 0.5 < match["confidence"] < 1

    run(example)


def test_guidance_is_followed_where_it_is_sure(hub):
    done: list[str] = []

    def perform(step: dict[str, Any]) -> dict[str, Any]:
        done.append(step["id"])
        return evidence_for(step)

    async def example() -> None:
        async with PersistentMemoryFramework(perform=perform) as pmf:
            context = {"severity": "high", "affecting_users": 1000}
            guidance = await pmf.get_contextual_guidance(task="Fix memory leak in production", context=context)
            assert 0 <= guidance["confidence"] <= 1
            wanted = await pmf.get_contextual_guidance(task="Intelligent error resolution", context=context)
            name = wanted["primary_recommendation"]["name"]
            assert name == "intelligent-error-resolution"
            ended = await pmf.execute_procedure(name, context | inputs_for(pmf.client.procedure(name)))
            assert ended["status"] in ("completed", "waiting"), ended
            assert done

    run(example)


def test_an_operation_is_bracketed_by_two_calls(hub):
    async def example() -> None:
        context = await memory_integration.before_operation("Create new user", {"email": "user@example.com"})
        assert "confidence" in context["guidance"]
        ended = await memory_integration.after_operation(
            "Create new user", result={"user_id": 123}, success=True, context=context
        )
        assert ended["operation"]["status"] == "succeeded"
        again = await memory_integration.before_operation("Create new user", {"email": "user@example.com"})
        assert "123" in again["guidance"]["already_done"]["records"][0]["result"]

    run(example)


def test_operations_as_context_manager_and_decorator(hub):
    client = MemoryClient()
    with client.operation("Deploy backend v3.1.195 to production", kind="deployment", task_id="d-195") as operation:
        operation.result = {"version": "3.1.195"}
    assert operation.finished is not None
    assert operation.finished["operation"]["status"] == "succeeded"

    @client.consulted("Deploy backend v{version} to production", kind="deployment")
    def deploy(version: str) -> dict[str, str]:
        raise ConnectionError(f"connection to db-{version}.internal:5432 refused")

    with pytest.raises(ConnectionError):
        deploy("3.1.196")
    [failed] = [work for work in client.work_history(kind="deployment") if not work["success"]]
    assert "refused" in failed["error_message"]

    @client.consulted(kind="deployment")
    async def check_deployment() -> str:
        return "fine"

    assert asyncio.run(check_deployment()) == "fine"
    assert client.work_history(kind="deployment", limit=1)[0]["action"] == "Check deployment"
    client.close()


def test_a_session_is_saved_and_restored(hub):
    async def example() -> None:
        memory = PersistentMemory(session_id="release-1")
        await memory.save_session(
            {"working_on": "auth"},
            todos=[
                {"task_id": "t1", "description": "Write tests"},
                {"task_id": "t2", "description": "x", "status": "completed"},
            ],
            decisions=[{"title": "cookie", "decision": "Sliding expiry"}],
            memories=[{"key": "staging", "value": "staging.example"}],
            errors=[{"message": "KeyError: 'session_id'", "error_type": "KeyError"}],
            status={"backend": "v8.6"},
        )
        restored = await memory.restore_session()
        assert restored["context"]["snapshot"] == {"working_on": "auth"}
        assert restored["status"]["reported"] == {"backend": "v8.6"}
        assert [todo["id"] for todo in restored["todos"]] == ["t1"]
        assert restored["status"]["hub"] in ("ok", "degraded")
        assert any("KeyError" in str(error["context_data"]) for error in restored["errors"])
        assert [kept["key"] for kept in restored["memory"]] == ["staging"]
        assert len(restored["procedures"]) == 6
        assert await memory.load_latest_context() is not None
        assert await memory.load_active_todos() == restored["todos"]
        assert (await memory.check_all_systems())["active_sessions"] == 1
        assert await memory.get_recent_errors() == restored["errors"]
        await memory.save_context_snapshot({"step": 2})
        await memory.update_todo_progress([{"task_id": "t1", "status": "completed"}])
        await memory.save_decision_log([{"title": "a", "decision": "b"}])
        assert await memory.archive_completed_tasks() == 0
        assert await memory.load_active_todos() == []
        memory.close()

    run(example)
    assert initialize_session()["session_id"] == "release-1"


@dataclass
class Outcome:
    success: bool
    error: str = ""
    healthy: bool = True


class SystemMonitor(BaseAgent):
    def __init__(self) -> None:
        super().__init__(
            name="operator",
            role="Monitor system health and auto-heal",
            capabilities=["health_check", "error_detection", "auto_recovery"],
        )

    async def perform_task(self, task: Any, context: dict[str, Any]) -> Outcome:
        if task.type == "health_check":
            return Outcome(success=True)
        return Outcome(success=False, error="TimeoutError: the database did not answer within 30 s")


def test_an_agent_of_the_architecture_learns(hub):
    agent = SystemMonitor()
    check = SimpleNamespace(id="task-1", type="health_check", signature="health check", error=None)
    assert run(lambda: agent.execute(check)).success
    assert run(lambda: agent.memory.load_context("task-1"))["already_done"]["by"] == "task_id"
    heal = SimpleNamespace(id="task-2", type="auto_heal", signature="auto heal", error="down")
    run(lambda: agent.execute(heal))
    [match] = agent.memory.client.match_problem("TimeoutError: the database did not answer within 45 s")
    assert match["matched_by"] == "signature"
    agent.memory.close()


def test_the_published_tables_answer_the_published_statements(hub):
    client = MemoryClient()
    client.capture_knowledge(
        "Disk full",
        {"error": "OSError: [Errno 28] No space left on device", "solution": "Rotate logs"},
        knowledge_type="error_pattern",
    )
    client.record_work("backup", task_id="b1", input={"db": "main"}, output={"ok": True}, success=True, duration_ms=12)
    client.close()
    with behind_walls(SYSTEM), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, problem_signature, problem_description, solution, success_rate, usage_count, last_used, "
            "created_at FROM knowledge_base"
        )
        [known] = cursor.fetchall()
        assert known[3] == "Rotate logs"
        cursor.execute(
            "SELECT id, task_id, action, input, output, success, error_message, duration_ms, created_at "
            "FROM work_history"
        )
        [work] = cursor.fetchall()
        assert (work[1], work[2], work[5], work[7]) == ("b1", "backup", True, 12)
        cursor.execute(
            "SELECT id, session_id, timestamp, context_type, context_data, tags, importance, expires_at "
            "FROM context_snapshots"
        )


def test_a_procedure_is_established_by_a_program(hub):
    _, admin = keys.create(tenant_id=TENANT, scopes=["read", "write", "admin"], principal=SYSTEM)

    async def example() -> None:
        async with PersistentMemoryFramework(api_key=admin, agent_id="operator") as pmf:
            await pmf.establish_procedure("Rotate the logs", ["Stop the writer", "Move the files", "Start the writer"])
            ended = await pmf.execute_procedure("rotate-the-logs", perform=lambda step: {})
            assert (ended["status"], ended["compliant"]) == ("completed", True)
            lesson = await pmf.learn_from_execution(ended["id"], worked=True, lesson="Do it at night.")
            assert lesson["knowledge"]["knowledge_type"] == "insight"
        async with PersistentMemoryFramework() as agent:
            drafted = await agent.establish_procedure("Clean the cache", ["Look at its size", "Empty it"])
            assert drafted["revision"] == 1
            with pytest.raises(HubError) as refused:
                await agent.execute_procedure("clean-the-cache", perform=lambda step: {})
            assert refused.value.code == "not_published"

    run(example)


def test_a_run_is_steered_by_its_agent(hub):
    client = MemoryClient()
    _, admin = keys.create(tenant_id=TENANT, scopes=["read", "write", "admin"], principal=SYSTEM)
    with MemoryClient(api_key=admin) as governor:
        document = {"name": "tidy-up", "title": "Tidy up", "steps": [{"id": "sweep", "title": "Sweep"}]}
        drafted = governor.draft_procedure("tidy-up", document)
        governor.publish_procedure("tidy-up", revision=drafted["revision"], note="The first.")
    run_id = client.start_run("tidy-up")["id"]
    client.pause_run(run_id, reason="The house is full.")
    assert client.next_step(run_id)["state"] == "paused"
    client.resume_run(run_id)
    asked = client.ask_to_deviate(run_id, "sweep", reason="The broom broke.", proposal="Use a cloth.")
    assert (asked["approval"]["kind"], asked["approval"]["proposal"]) == ("deviation", "Use a cloth.")
    assert client.follow(run_id, lambda step: {})["status"] == "waiting"
    client.cancel_run(run_id, reason="Tomorrow.")
    assert client.run(run_id)["status"] == "cancelled"
    client.close()


async def off(call: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.to_thread(call, *args)


def evidence_for(step: dict[str, Any]) -> dict[str, Any]:
    """Something that fits each field of the evidence that a step asks for."""
    return {field["name"]: fitting(field) for field in step["evidence"]}


def inputs_for(answer: dict[str, Any]) -> dict[str, Any]:
    return {field["name"]: fitting(field) for field in answer["document"]["inputs"]}


def fitting(field: dict[str, Any]) -> Any:
    if field.get("must_be") is not None:
        return field["must_be"]
    if "pattern" in field:
        return next(text for text in ("4f2a91c", "first-try", "3.1.195") if re.fullmatch(field["pattern"], text))
    if field["type"] == "choice":
        return field["choices"][0]
    made = {"number": field.get("minimum") or 1, "boolean": True, "url": "https://ci.example/1", "json": {"a": 1}}
    return made.get(field["type"], "as it should be")
