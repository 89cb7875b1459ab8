"""The published framework of knowledge and procedures, as coroutines, and the two calls around any operation."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self, TypeVar

from memoryhub_client.client import MemoryClient
from memoryhub_client.errors import HubError
from memoryhub_client.knowledge import Json
from memoryhub_client.operations import Operation
from memoryhub_client.procedures import Perform

T = TypeVar("T")


class MemoryType(StrEnum):
    """What a piece of knowledge is."""

    ERROR_PATTERN = "error_pattern"
    SOLUTION = "solution"
    PATTERN = "pattern"
    BEST_PRACTICE = "best_practice"
    INSIGHT = "insight"
    CONFIGURATION = "configuration"
    DECISION = "decision"
    REFERENCE = "reference"


class PersistentMemoryFramework:
    """Knowledge and procedures of one hub. ``perform`` does a step of a procedure and gives its evidence.

    ``url`` and ``api_key`` default to ``MEMORYHUB_URL`` and ``MEMORYHUB_API_KEY``.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        agent_id: str | None = None,
        client: MemoryClient | None = None,
        perform: Perform | None = None,
    ) -> None:
        self.client = client or MemoryClient(url, api_key, agent_id=agent_id)
        self.perform = perform

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *about: object) -> None:
        self.client.close()

    async def capture_knowledge(
        self,
        title: str,
        content: Any,
        memory_type: MemoryType | str = MemoryType.REFERENCE,
        tags: Sequence[str] = (),
        importance: float = 0.5,
        **more: Any,
    ) -> Json:
        """Keeps something worth knowing; an error pattern with a ``solution`` in its content becomes matchable."""
        said = {"knowledge_type": str(memory_type), "tags": list(tags), "importance": importance, **more}
        return await off_loop(lambda: self.client.capture_knowledge(title, content, **said))

    async def retrieve_knowledge(
        self,
        query: str | None = None,
        *,
        memory_type: MemoryType | str | None = None,
        tags: Sequence[str] | None = None,
        limit: int = 20,
    ) -> list[Json]:
        """By words or meaning where ``query`` is given, else the newest; of a type, with all of the tags."""
        kind = str(memory_type) if memory_type else None
        if query:
            wanted = {"knowledge_type": kind, "tags": list(tags) if tags else None, "limit": limit}
            return await off_loop(lambda: self.client.search_knowledge(query, **wanted))
        joined = ",".join(tags) if tags else None
        return await off_loop(lambda: self.client.knowledge(knowledge_type=kind, tag=joined, limit=limit))

    async def get_contextual_guidance(self, task: str, context: Mapping[str, Any] | None = None, **more: Any) -> Json:
        """``confidence``, ``primary_recommendation``, similar work, known solutions, warnings."""
        return await off_loop(lambda: self.client.guidance(task, context=dict(context or {}), **more))

    async def establish_procedure(
        self, name: str, steps: Sequence[Any] = (), *, note: str = "Established by a program.", **document: Any
    ) -> Json:
        """Drafts a procedure and, with a key that may (``admin``), publishes it; its name is made a slug.

        ``steps`` are objects as docs/procedures.md has them, or plain texts: instructions in order.
        """
        slug = as_slug(name)
        wanted = {"title": name, **document, "name": slug, "steps": [as_step(step) for step in steps]}
        drafted = await off_loop(lambda: self.client.draft_procedure(slug, wanted))
        seen = {"based_on_seen": drafted["based_on"]}
        try:
            return await off_loop(
                lambda: self.client.publish_procedure(slug, revision=drafted["revision"], note=note, **seen)
            )
        except HubError as refused:
            if refused.status != 403:
                raise
            return drafted

    async def execute_procedure(
        self, name: str, context: Mapping[str, Any] | None = None, *, perform: Perform | None = None, wait: float = 0
    ) -> Json:
        """Starts following a procedure: the run, as it stands when it is over or somebody else has to act.

        What of ``context`` the procedure asks for becomes its inputs. Without ``perform`` the run is given back
        with its first ``step`` to do.
        """
        return await off_loop(lambda: self._execute(name, dict(context or {}), perform or self.perform, wait))

    def _execute(self, name: str, context: Json, perform: Perform | None, wait: float) -> Json:
        asked = {field["name"] for field in (self.client.procedure(name)["document"] or {"inputs": []})["inputs"]}
        run = self.client.start_run(name, {key: value for key, value in context.items() if key in asked})
        if perform is None:
            return run | {"next": self.client.next_step(run["id"])}
        return self.client.follow(run["id"], perform, wait=wait)

    async def learn_from_execution(self, run_id: str, *, worked: bool, lesson: str = "") -> Json:
        """Notes what came of a run, and what to do better next time, as an insight that guidance finds."""
        run = await off_loop(lambda: self.client.run(run_id))
        title = f"{run['title']}: {'worked' if worked else 'did not work'}"
        content = {"run_id": str(run_id), "status": run["status"], "deviations": run["deviations"], "lesson": lesson}
        return await self.capture_knowledge(title, content, MemoryType.INSIGHT, tags=[run["procedure"]])


class MemoryIntegration:
    """The two calls around an operation, for programs that cannot use a context manager."""

    def __init__(self, client: MemoryClient) -> None:
        self.client = client
        self._open: dict[str, Operation] = {}

    async def before_operation(self, task: str, context: Mapping[str, Any] | None = None, **about: Any) -> Json:
        """Begins it: {operation_id, consultation_token, guidance}; to be given to ``after_operation``."""
        operation = Operation(self.client, task, context=dict(context or {}), **about)
        await off_loop(operation.begin)
        self._open[operation.token] = operation
        return {
            "operation_id": operation.id,
            "consultation_token": operation.token,
            "guidance": operation.guidance,
        }

    async def after_operation(
        self,
        task: str,
        result: Any = None,
        *,
        success: bool = True,
        context: Mapping[str, Any],
        error: BaseException | Json | None = None,
        **more: Any,
    ) -> Json:
        """Finishes what ``before_operation`` began."""
        token = str(context["consultation_token"])
        operation = self._open.get(token) or known(self.client, task, token)
        operation.result = result
        ended = await off_loop(lambda: operation.finish(success=success, error=error, **more))
        self._open.pop(token, None)
        return ended


def known(client: MemoryClient, task: str, token: str) -> Operation:
    """An operation that another process began."""
    operation = Operation(client, task)
    operation.token = token
    return operation


@lru_cache(maxsize=1)
def get_memory_integration() -> MemoryIntegration:
    """The one of the hub that the environment names."""
    return MemoryIntegration(MemoryClient())


class _Lazy:
    """Reads the environment at the first use, not when it is imported."""

    def __getattr__(self, name: str) -> Any:
        return getattr(get_memory_integration(), name)


memory_integration: Any = _Lazy()


async def off_loop(call: Callable[[], T]) -> T:
    return await asyncio.to_thread(call)


def as_slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]


def as_step(step: Any) -> Json:
    if isinstance(step, Mapping):
        return dict(step)
    text = str(step).strip()
    return {"id": as_slug(text)[:40] or "step", "kind": "instruction", "title": text[:200], "instruction": text}
