"""A circuit breaker: after a failure, whom nobody can reach is left alone for a while (Nygard 2007, *Release It!*)."""

from __future__ import annotations

import random
import threading
from time import monotonic

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class Circuit:
    """Closed: everybody may try. Open: nobody, until the pause is over; then one at a time, as a trial.

    Pauses double with each failure in a row, and vary by a fifth so that processes do not come back together.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        self._failures = 0
        self._open_until = 0.0
        self._trial = False
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        return self._failures == 0

    @property
    def seconds_left(self) -> float:
        """Until the next trial may begin."""
        return max(0.0, self._open_until - monotonic())

    def enter(self) -> bool:
        """Whether the caller may try now; it then reports with ``succeeded`` or ``failed``."""
        with self._lock:
            if self._failures == 0:
                return True
            if self._trial or self.seconds_left:
                return False
            self._trial = True
            return True

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._trial, self.problem = 0, False, None

    def failed(self, problem: str, *, retry_in: float = 0) -> None:
        """``retry_in`` seconds at least nobody may try: what the other side asked for.

        Of several that were on their way when it opened the first one counts, so that one bad moment is one failure.
        """
        with self._lock:
            if self._failures and not self._trial:
                self._open_until = max(self._open_until, monotonic() + retry_in)
                return
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 10)) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            self._failures += 1
            self._open_until = monotonic() + max(pause, retry_in)
            self._trial, self.problem = False, problem
