"""A real hub, with supervisor and all processes, for journeys that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks import run_drill
from benchmarks.hub import Hub, free_port, running_hub


@pytest.fixture(scope="package")
def callable_port() -> int:
    """A port of this machine that steps of procedures may call."""
    return free_port()


@pytest.fixture(scope="package")
def real_hub(callable_port: int) -> Iterator[Hub]:
    """Stopped with the last of these tests: its processes would take time from all that follow."""
    hosts = run_drill.allowed(callable_port)
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing", MEMORYHUB_PROCEDURES__ALLOWED_HOSTS=hosts) as hub:
        yield hub
