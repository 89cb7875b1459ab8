"""A lock on one entry, held by the calling agent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from memoryhub_client.errors import HubError
from memoryhub_client.transport import segment

if TYPE_CHECKING:
    from memoryhub_client.client import MemoryClient

#: A place in the queue lapses when its waiter does not ask again for 10 s.
LONGEST_PAUSE_SECONDS = 5.0
SHORTEST_PAUSE_SECONDS = 0.05


class NotLocked(Exception):
    """Somebody else holds the lock. ``holder`` and ``expires_at`` say who, and until when at most."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.holder = state.get("holder")
        self.expires_at = state.get("expires_at")
        super().__init__(f"{self.holder or 'Another agent'} holds the lock until {self.expires_at}. Try again later.")


class Lock:
    """As a context manager it is acquired on entering and released on leaving.

    ``fence`` grows with every holder and travels with writes, so that a holder whose lock has lapsed cannot write.
    Waiting asks the hub again at the pace that it names; no request waits inside the hub.
    """

    def __init__(
        self,
        client: MemoryClient,
        entry_id: str,
        *,
        seconds: int | None,
        wait: float,
        reason: str,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.entry_id = entry_id
        self.seconds = seconds
        self.wait = wait
        self.reason = reason
        self.fence: int | None = None
        self.expires_at: str | None = None
        self._sleep = sleep

    @property
    def path(self) -> str:
        return f"/memory/context/{segment(self.entry_id)}/lock"

    def acquire(self) -> bool:
        """Whether it was granted within ``wait`` seconds."""
        deadline = time.monotonic() + self.wait
        while not (state := self._ask(queue=self.wait > 0)).get("granted"):
            left = deadline - time.monotonic()
            if left <= 0:
                self._state = state
                return False
            hint = float(state.get("retry_after") or SHORTEST_PAUSE_SECONDS)
            self._sleep(min(left, max(SHORTEST_PAUSE_SECONDS, min(hint, LONGEST_PAUSE_SECONDS))))
        self._keep(state)
        return True

    def renew(self, seconds: int | None = None) -> None:
        """Holds it for ``seconds`` more from now. Raises HubError when it was lost meanwhile."""
        self._keep(self.client.call("POST", f"{self.path}/renew", {"seconds": seconds or self.seconds}, headers={}))

    def release(self) -> None:
        """Gives it to the next in the queue. A lock that was lost already is no error."""
        try:
            self.client.call("DELETE", self.path)
        except HubError as problem:
            if problem.status not in (403, 404, 409):
                raise
        self.fence = None

    def __enter__(self) -> Self:
        if not self.acquire():
            raise NotLocked(self._state)
        return self

    def __exit__(self, *about: object) -> None:
        self.release()

    def _ask(self, *, queue: bool) -> dict[str, Any]:
        wanted = {"seconds": self.seconds, "wait": queue, "reason": self.reason or None}
        return self.client.call("POST", self.path, {k: v for k, v in wanted.items() if v is not None})

    def _keep(self, state: dict[str, Any]) -> None:
        self.fence = state.get("fence", self.fence)
        self.expires_at = state.get("expires_at")
