"""What the team knows and what it has done: captured, found, matched, given feedback on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from memoryhub_client.coordinator import without_none, without_success

Id = UUID | str
Json = dict[str, Any]


class Calls(ABC):
    """Something that can call the hub."""

    @abstractmethod
    def call(
        self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Json:
        """One call; the parsed answer."""


class KnowledgeCalls(Calls):
    """Knowledge, errors, work history and guidance."""

    def capture_knowledge(self, title: str, content: Any, *, knowledge_type: str = "reference", **fields: Any) -> Json:
        """Keeps something worth knowing. ``fields``: tags, importance (0 to 1), solution, error.

        An ``error_pattern`` that is known already gains this solution instead of standing there twice.
        """
        said = {"title": title, "content": content, "knowledge_type": knowledge_type, **without_none(fields)}
        return self.call("POST", "/memory/knowledge", said)

    def knowledge(self, **filters: Any) -> list[Json]:
        """What is known, the newest first. ``filters``: knowledge_type, tag, verified, text, limit.

        Several tags are joined by commas: all of them.
        """
        return list(self.call("GET", "/memory/knowledge", **filters)["results"])

    def search_knowledge(self, query: str, **filters: Any) -> list[Json]:
        """What fits the words or their meaning, best first. ``filters``: knowledge_type, tags, mode, limit."""
        wanted = {"query": query, **without_none(filters)}
        return list(self.call("POST", "/memory/knowledge/search", wanted)["results"])

    def match_problem(self, message: str, *, error_type: str = "", **more: Any) -> list[Json]:
        """Known problems that this error may be, each with its ``confidence`` and ``solutions``, best first."""
        wanted = {"message": message, "error_type": error_type, **without_none(more)}
        return list(self.call("POST", "/memory/knowledge/match", wanted)["matches"])

    def capture_error(self, message: str, *, error_type: str = "", **fields: Any) -> Json:
        """Keeps an error with its context and says which known problem it is. ``fields``: context, session_id, …"""
        said = {"message": message, "error_type": error_type, **without_none(fields)}
        return self.call("POST", "/memory/errors", said)

    def solution_feedback(self, solution_id: Id, *, worked: bool, **about: Any) -> Json:
        """Says what came of a solution. ``about``: error_id, operation_id, note.

        Said twice about one error or one operation it counts once; about neither, each call is a try of its own.
        """
        said = {"solution_id": str(solution_id), "worked": worked, **without_none(about)}
        return self.call("POST", "/memory/knowledge/feedback", said)

    def guidance(self, task: str, **about: Any) -> Json:
        """What memory says about a task, without beginning it. ``about``: kind, context."""
        answer = self.call("POST", "/memory/guidance", {"task": task, **without_none(about)})
        return without_success(answer)

    def check_work(self, **asked: Any) -> Json:
        """Whether this was done already: by ``task_id``, by ``action`` and ``input``, or by likeness of ``action``."""
        return self.call("POST", "/memory/work-history/check", without_none(asked))

    def record_work(self, action: str, **fields: Any) -> Json:
        """Notes what was done. ``fields``: kind, input, output, success, error_message, duration_ms, task_id."""
        return self.call("POST", "/memory/work-history", {"action": action, **without_none(fields)})

    def work_history(self, **filters: Any) -> list[Json]:
        """What was done, the latest first. ``filters``: task_id, kind, agent_id, success, limit."""
        return list(self.call("GET", "/memory/work-history", **filters)["results"])
