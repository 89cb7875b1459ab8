"""Sessions as the published architecture has them: restored at the start, saved at the end; agents that learn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from memoryhub_client.client import MemoryClient
from memoryhub_client.coordinator import without_none
from memoryhub_client.framework import off_loop
from memoryhub_client.knowledge import Json
from memoryhub_client.operations import as_json


class PersistentMemory:
    """What outlives a session. ``session_id`` None: reads the caller's last one; saving needs a name."""

    def __init__(
        self, client: MemoryClient | None = None, *, session_id: str | None = None, user_id: str | None = None
    ) -> None:
        self.client = client or MemoryClient()
        self.session_id, self.user_id = session_id, user_id

    def close(self) -> None:
        """Closes the connections to the hub."""
        self.client.close()

    # the start of a session

    async def restore_session(self) -> Json:
        """{context, todos, status, errors, memory, procedures, session_id}: where the work stood."""
        found = await self.briefing()
        return {
            "session_id": found["session_id"],
            "context": found["context"],
            "todos": found["todos"],
            "status": found["status"],
            "errors": found["errors"],
            "memory": found["recent_memory"],
            "procedures": found["active_procedures"],
        }

    async def briefing(self) -> Json:
        asked: dict[str, Any] = {"session_id": self.session_id, "user_id": self.user_id}
        return await off_loop(lambda: self.client.call("GET", "/memory/session/briefing", **asked))

    async def load_latest_context(self) -> Json | None:
        found: Json | None = (await self.briefing())["context"]
        return found

    async def load_active_todos(self) -> list[Json]:
        return list((await self.briefing())["todos"])

    async def check_all_systems(self) -> Json:
        return dict((await self.briefing())["status"])

    async def get_recent_errors(self) -> list[Json]:
        return list((await self.briefing())["errors"])

    # its end

    async def save_session(
        self,
        context: Any = None,
        *,
        todos: Sequence[Mapping[str, Any]] = (),
        decisions: Sequence[Mapping[str, Any]] = (),
        memories: Sequence[Mapping[str, Any]] = (),
        errors: Sequence[Mapping[str, Any]] = (),
        status: Any = None,
    ) -> Json:
        """All of it or nothing; completed todos are archived. Starts the session where there is none yet."""
        await self.start()
        said = {
            **self._about(),
            "context_data": context,
            "todos": [dict(todo) for todo in todos],
            "decisions": [dict(decision) for decision in decisions],
            "memories": [dict(memory) for memory in memories],
            "errors": [dict(error) for error in errors],
            "status": status,
        }
        return await off_loop(lambda: self.client.call("POST", "/memory/session/save", without_none(said)))

    async def save_context_snapshot(self, context: Any = None) -> Json:
        return await self.save_session(context)

    async def update_todo_progress(self, todos: Sequence[Mapping[str, Any]] = ()) -> Json:
        return await self.save_session(todos=todos)

    async def save_decision_log(self, decisions: Sequence[Mapping[str, Any]] = ()) -> Json:
        return await self.save_session(decisions=decisions)

    async def archive_completed_tasks(self) -> int:
        """How many were archived."""
        return int((await self.save_session())["tasks_archived"])

    async def start(self) -> Json:
        """Starts the session, or goes on with it."""
        return await off_loop(lambda: self.client.call("POST", "/memory/session/start", self._about()))

    def _about(self) -> Json:
        if not self.session_id:
            raise ValueError("Name the session to save: PersistentMemory(session_id=…).")
        return without_none({"session_id": self.session_id, "user_id": self.user_id})

    # around one task

    async def load_context(self, task_id: str, task: str | None = None) -> Json:
        """What is known before a task: whether it was done already, and guidance where it is described."""
        done = await off_loop(lambda: self.client.check_work(task_id=task_id, action=task))
        guidance = await off_loop(lambda: self.client.guidance(task)) if task else {}
        return {"already_done": done if done.get("done") else None, "guidance": guidance}

    async def save_result(self, task_id: str, result: Any, *, action: str = "", **fields: Any) -> Json:
        """Notes what a task came to, so that it is not done twice."""
        said = {"task_id": task_id, "output": as_json(result), "success": True, **fields}
        return await off_loop(lambda: self.client.record_work(action or task_id, **said))

    async def record_success(self, signature: str) -> Json:
        return await off_loop(lambda: self.client.record_work(signature, success=True))

    async def record_failure(self, signature: str, error: BaseException | str) -> Json:
        """Notes the failure and captures the error: {error, match} says which known problem it is."""
        message = str(error) or type(error).__name__
        kind = type(error).__name__ if isinstance(error, BaseException) else ""
        await off_loop(lambda: self.client.record_work(signature, success=False, error_message=message))
        return await off_loop(lambda: self.client.capture_error(message, error_type=kind))


class Task(Protocol):
    """What an agent is given to do; ``signature`` names its kind, for learning."""

    id: str
    signature: str


class Result(Protocol):
    success: bool
    error: Any


class BaseAgent:
    """An agent that loads what is known, works, saves, and learns. Subclasses write ``perform_task``."""

    def __init__(
        self, name: str, role: str, capabilities: Sequence[str], memory: PersistentMemory | None = None
    ) -> None:
        self.name, self.role, self.capabilities = name, role, list(capabilities)
        self.memory = memory or PersistentMemory(MemoryClient(agent_id=name))

    async def execute(self, task: Task) -> Any:
        context = await self.memory.load_context(task.id)
        result = await self.perform_task(task, context)
        await self.memory.save_result(task.id, result, success=result.success)
        await self.learn(task, result)
        return result

    async def perform_task(self, task: Task, context: Json) -> Any:
        """Does the work; the result says ``success``, and ``error`` where there was one."""
        raise NotImplementedError(f"{type(self).__name__} has to say how it performs a task.")

    async def learn(self, task: Task, result: Result) -> Json:
        if result.success:
            return await self.memory.record_success(task.signature)
        return await self.memory.record_failure(task.signature, result.error)


def initialize_session(session_id: str | None = None, *, user_id: str | None = None) -> Json:
    """The start of a program without a loop: what ``restore_session`` gives, from the hub of the environment."""
    with MemoryClient() as client:
        return asyncio.run(PersistentMemory(client, session_id=session_id, user_id=user_id).restore_session())
