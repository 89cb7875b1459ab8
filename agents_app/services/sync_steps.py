"""The register of what a sync run does. Each area adds its own step in ``AppConfig.ready``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from agents_app.models import SyncRun
from memoryhub.access.principals import Principal


class Step(Protocol):
    """One slice of one step for ``run.agent_id`` (and ``run.user_id``): what it did, in whole numbers to be added up.

    It handles at most ``limit`` things in a transaction of its own, and is called again while it answers
    ``{"more": 1}``, perhaps in another process: what is left it reads from the tables. ``run.since_seq`` is the
    number in the agent's feed up to which the last good run came; ``run.forced`` asks for everything again.
    An error fails the run, and not the other steps.
    """

    def __call__(self, run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]: ...


_steps: dict[str, Step] = {}


def register(name: str, step: Step) -> None:
    """Adds a step under its name, or replaces it. Steps run in the order in which they were registered."""
    _steps[name] = step


def unregister(name: str) -> None:
    _steps.pop(name, None)


def every() -> list[tuple[str, Step]]:
    return list(_steps.items())
