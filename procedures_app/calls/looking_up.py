"""Looking up names within a time. The system's look-up cannot be stopped: it ends by itself, in a thread that nobody
waits for any more, and there are few of these at a time."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from memoryhub.sync.connections import time_left
from procedures_app.calls.hosts import CallRefused, Place, address_of, is_address

#: Names that are looked up at a time; while so many are, others wait, as long as they may.
MOST_AT_ONCE = 16
THREAD_NAME = "look-up"
_free = threading.BoundedSemaphore(MOST_AT_ONCE)


def address_until(deadline: float, wanted: Place) -> str:
    """As ``address_of``; TimeoutError where the answer is not there by then (``time.monotonic``)."""
    if is_address(wanted.host):
        return address_of(wanted)
    if not _free.acquire(timeout=time_left(deadline)):
        raise TimeoutError(f"{wanted.host} was not looked up in time: earlier look-ups are still under way")
    found: Future[str] = Future()
    begin(found, wanted)
    try:
        return found.result(time_left(deadline))
    except TimeoutError as error:
        raise TimeoutError(f"{wanted.host} was not looked up in time") from error


def begin(found: Future[str], wanted: Place) -> None:
    thread = threading.Thread(target=look_up, args=[found, wanted], name=THREAD_NAME, daemon=True)
    try:
        thread.start()
    except BaseException:
        _free.release()
        raise


def look_up(found: Future[str], wanted: Place) -> None:
    try:
        found.set_result(address_of(wanted))
    except (OSError, ValueError, CallRefused) as error:
        found.set_exception(error)
    finally:
        _free.release()
