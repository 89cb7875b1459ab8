"""What a process remembers for a few seconds, because asking the database each time would cost more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Values by key, each for ``seconds()``; emptied when ``most`` are held, so it never grows without end."""

    def __init__(self, seconds: Callable[[], float], most: int = 10_000) -> None:
        self.seconds, self.most = seconds, most
        self.values: dict[K, tuple[float, V]] = {}

    def get(self, key: K, make: Callable[[], V]) -> V:
        """The remembered value, or what ``make`` gives."""
        now = time.monotonic()
        found = self.values.get(key)
        if found and now - found[0] < self.seconds():
            return found[1]
        return self.put(key, make(), now)

    def put(self, key: K, value: V, now: float | None = None) -> V:
        if len(self.values) >= self.most:
            self.values.clear()
        self.values[key] = (time.monotonic() if now is None else now, value)
        return value

    def clear(self) -> None:
        self.values.clear()
