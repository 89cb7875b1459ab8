"""The terminal under ``make run``: Ctrl-C is for the hub alone.

A terminal sends Ctrl-C to the whole group of processes in its foreground. Make is one of them, and ends with an
error whatever the hub answers; so the hub takes the foreground for a group of its own, and make sees it end well.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def own_foreground() -> Iterator[None]:
    """Holds the terminal's foreground, if there is one and this process's group has it; gives it back at the end."""
    with terminal() as end:
        if end is None or not has_foreground(end):
            yield
            return
        starter = os.getpgrp()
        os.setpgid(0, 0)
        # Who waits for the hub would not notice that it was suspended.
        signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        give_foreground(end, os.getpgrp())
        try:
            yield
        finally:
            give_foreground(end, starter)


@contextmanager
def terminal() -> Iterator[int | None]:
    try:
        end = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield end
    finally:
        os.close(end)


def has_foreground(end: int) -> bool:
    """Whether the group of this process has it, as a member: a leader has nobody above that needs sparing."""
    return os.getpgrp() != os.getpid() and os.tcgetpgrp(end) == os.getpgrp()


def give_foreground(end: int, group: int) -> None:
    """From the background this needs SIGTTOU to be ignored. A terminal or a group may be gone by now."""
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    with suppress(OSError):
        os.tcsetpgrp(end, group)
    signal.signal(signal.SIGTTOU, before)
