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
    Waiting asks the hub again at the pace that it names; no request waits inside the hub. ``agent_id``: who holds
    it, for a key that is bound to no agent.
    """

    def __init__(
        self,
        client: MemoryClient,
        entry_id: str,
        *,
        seconds: int | None = None,
        wait: float = 0,
        reason: str = "",
        agent_id: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.client = client
        self.entry_id = entry_id
        self.seconds = seconds
        self.wait = wait
        self.reason = reason
        self.agent_id = agent_id
        self.fence: int | None = None
        self.expires_at: str | None = None
        self.state: dict[str, Any] = {}
        self._sleep = sleep

    def acquire(self) -> bool:
        """Whether it was granted within ``wait`` seconds. Not granted, ``state`` says who holds it."""
        deadline = time.monotonic() + self.wait
        while not self._ask(queue=self.wait > 0):
            left = deadline - time.monotonic()
            if left <= 0:
                self._leave()
                return False
            hint = float(self.state.get("retry_after") or SHORTEST_PAUSE_SECONDS)
            self._sleep(min(left, max(SHORTEST_PAUSE_SECONDS, min(hint, LONGEST_PAUSE_SECONDS))))
        return True

    def renew(self, seconds: int | None = None) -> None:
        """Holds it for ``seconds`` from now. Raises HubError (409 stale_fence) when it was lost meanwhile."""
        self._keep(self._call("POST", "/renew", {"seconds": seconds or self.seconds}))

    def release(self) -> bool:
        """Gives it to the next in the queue. False: it was over already, which is no error."""
        answer = self._call("DELETE", "")
        self.fence = None
        return bool(answer.get("released"))

    def __enter__(self) -> Self:
        if not self.acquire():
            raise NotLocked(self.state)
        return self

    def __exit__(self, *about: object) -> None:
        self.release()

    def _ask(self, *, queue: bool) -> bool:
        try:
            state = self._call("POST", "", {"seconds": self.seconds, "wait": queue, "reason": self.reason or None})
        except HubError as problem:
            if problem.code != "locked":
                raise
            state = {"granted": False, **problem.problem}
        self.state = state
        if state.get("granted"):
            self._keep(state)
        return bool(state.get("granted"))

    def _leave(self) -> None:
        """Gives up the place in the queue, which would lapse by itself a little later."""
        if self.wait > 0:
            self._call("DELETE", "")

    def _call(self, method: str, door: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Lock-Fence": str(self.fence)} if self.fence is not None else {}
        if self.agent_id:
            headers["X-Agent-Id"] = self.agent_id
        given = None if body is None else {name: value for name, value in body.items() if value is not None}
        path = f"/memory/context/{segment(self.entry_id)}/lock{door}"
        return self.client.call(method, path, given, headers=headers)

    def _keep(self, state: dict[str, Any]) -> None:
        self.fence = state.get("fence", self.fence)
        self.expires_at = state.get("expires_at")
