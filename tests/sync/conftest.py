from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.sync.mirror import Mirror, registered


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    """The only store, and it remembers."""
    store = Mirror()
    with registered(store):
        yield store


@pytest.fixture
def as_system(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[None]:
    """The whole test with the rights of relay and jobs."""
    with as_role("memoryhub_system"):
        yield
