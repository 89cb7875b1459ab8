"""A real hub, with supervisor and all processes, for journeys that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import run_drill
from benchmarks.hub import Hub, free_port, running_hub


@pytest.fixture(scope="session")
def callable_port() -> int:
    """A port of this machine that steps of procedures may call."""
    return free_port()


@pytest.fixture(scope="session")
def real_hub(callable_port: int) -> Iterator[Hub]:
    hosts = run_drill.allowed(callable_port)
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing", MEMORYHUB_PROCEDURES__ALLOWED_HOSTS=hosts) as hub:
        yield hub
