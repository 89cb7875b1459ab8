"""What the hub refused, as it said it."""

from __future__ import annotations

from typing import Any


class HubError(Exception):
    """A problem document: ``status`` (HTTP), ``code`` (stable), ``detail`` (for people), ``problem`` (all of it).

    ``retry_after``: seconds that the hub asks to wait before the next try, or None.
    """

    def __init__(self, status: int, problem: dict[str, Any], *, retry_after: float | None = None) -> None:
        self.status = status
        self.retry_after = retry_after
        self.problem = problem
        self.code = str(problem.get("code", "error"))
        self.detail = str(problem.get("detail", ""))
        super().__init__(f"{status} {self.code}: {self.detail}")
