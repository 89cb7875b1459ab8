"""Ends the process groups of a supervisor that was killed without being able to stop them.

Runs beside the supervisor with a pipe as its input. The supervisor writes ``+<group>`` and
``-<group>``; the kernel closes the pipe when it dies, however it dies. What is still on the
list then is asked to stop, and killed after as many seconds as the first
argument says. Standard library only: it must be small.
"""

import contextlib
import os
import signal
import sys
import time


def living(groups: set[int]) -> set[int]:
    return {group for group in groups if exists(group)}


def exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def watch() -> set[int]:
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line[0] == "+" else groups.discard
        change(int(line[1:]))
    return groups


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = living(watch())
    send(groups, signal.SIGTERM)
    deadline = time.monotonic() + float(sys.argv[1])
    while (groups := living(groups)) and time.monotonic() < deadline:
        time.sleep(0.1)
    send(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
