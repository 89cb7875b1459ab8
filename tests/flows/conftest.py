"""A real hub, with supervisor and all processes, for journeys that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.hub import Hub, running_hub


@pytest.fixture(scope="session")
def real_hub() -> Iterator[Hub]:
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing") as hub:
        yield hub
