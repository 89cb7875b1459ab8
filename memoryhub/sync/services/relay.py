"""The relay: takes due deliveries to their stores, a thread a store, so that a slow store delays no other."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from memoryhub.sync import stores
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import outbox, schedules
from memoryhub.sync.services.heartbeats import beat

logger = logging.getLogger(__name__)
DATABASE_ERRORS = (OperationalError, InterfaceError)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
HEARTBEAT_SECONDS = 5.0
HEAL_SECONDS = 60.0
#: The supervisor kills what takes longer than ten.
STOP_SECONDS = 8.0


@dataclass
class Progress:
    """What one store's thread has done, for the heartbeat. Times are ``time.monotonic`` seconds."""

    delivered: int = 0
    failed: int = 0
    postponed: int = 0
    busy_since: float | None = None
    last_problem: str = ""

    def detail(self) -> dict[str, Any]:
        busy = None if self.busy_since is None else round(time.monotonic() - self.busy_since, 1)
        counts = {"delivered": self.delivered, "failed": self.failed, "postponed": self.postponed}
        return counts | {"busy_seconds": busy, "last_problem": self.last_problem}


def handle(store: stores.Store, claim: outbox.Claim, progress: Progress) -> None:
    """Delivers a claim and writes down what became of each delivery. The suspect goes alone, last."""
    hand_over(store, claim.deliveries, progress)
    hand_over(store, claim.suspects, progress)


def hand_over(store: stores.Store, batch: Sequence[Delivery], progress: Progress) -> None:
    if not batch:
        return
    problems = attempt(store, batch)
    failed = [(d, problem) for d in batch if isinstance(problem := problems.get(d.pk), str)]
    waiting = [(d, problem) for d in batch if isinstance(problem := problems.get(d.pk), stores.NotReady)]
    outbox.finish([d for d in batch if d.pk not in problems])
    outbox.fail(failed)
    outbox.postpone(waiting)
    progress.delivered += len(batch) - len(problems)
    progress.failed += len(failed)
    progress.postponed += len(waiting)
    progress.last_problem = str((failed + waiting)[0][1]) if problems else ""


def attempt(store: stores.Store, batch: Sequence[Delivery]) -> Mapping[int, stores.Problem]:
    """What went wrong, per delivery. A batch that fails as a whole is taken apart to find the one to blame."""
    try:
        return store.deliver(batch)
    except stores.NotReady as reason:
        return {d.pk: reason for d in batch}
    except Exception as error:
        if isinstance(error, DATABASE_ERRORS) and not connection.is_usable():
            raise
        if len(batch) > 1:
            return {key: problem for d in batch for key, problem in attempt(store, [d]).items()}
        logger.warning("%s could not take %s: %s", store.name, batch[0], error, exc_info=True)
        return {batch[0].pk: f"{type(error).__name__}: {error}"}


def run_once(most_rounds: int = 10_000) -> int:
    """Delivers, in this thread, until no store has anything due; how many deliveries arrived."""
    progress = Progress()
    for store in stores.every():
        for _ in range(most_rounds):
            claim = outbox.claim(store.name, stores.batch_of(store))
            if not claim:
                break
            handle(store, claim, progress)
    return progress.delivered


class Database:
    """Says once that the database is gone, and once that it is back, for all threads."""

    def __init__(self) -> None:
        self._gone_since: float | None = None
        self._lock = threading.Lock()

    def gone(self, error: Exception) -> None:
        with self._lock:
            if self._gone_since is None:
                self._gone_since = time.monotonic()
                reason = str(error).strip().splitlines()[0]
                logger.warning("The database does not answer (%s); deliveries go on when it does.", reason)
        connection.close()

    def back(self) -> None:
        with self._lock:
            if self._gone_since is not None:
                logger.warning("The database answers again after %.1f s.", time.monotonic() - self._gone_since)
                self._gone_since = None


class StoreThread:
    """Claims and delivers for one store until ``stop`` is set; then it finishes its batch and ends."""

    def __init__(self, store: stores.Store, stop: threading.Event, database: Database) -> None:
        self.store = store
        self.stop = stop
        self.database = database
        self.progress = Progress()
        self._claim: outbox.Claim | None = None
        self._thread = threading.Thread(target=self._run, name=f"relay-{store.name}", daemon=True)
        self.start, self.join, self.is_alive = self._thread.start, self._thread.join, self._thread.is_alive

    def _run(self) -> None:
        poll, pause = settings.CONFIG.sync.poll_ms / 1000, FIRST_PAUSE
        while not self.stop.is_set():
            try:
                worked = self._round()
            except DATABASE_ERRORS as error:
                self.database.gone(error)
                self.stop.wait(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self.database.back()
                pause = FIRST_PAUSE
                if not worked:
                    self.stop.wait(poll)
        connection.close()

    def _round(self) -> bool:
        """One claim, handled. A claim that the database's end interrupted is given back first, uncounted."""
        if self._claim:
            interrupted = stores.NotReady("The database went away while this was delivered.", retry_in=0)
            outbox.postpone([(delivery, interrupted) for delivery in self._claim.all])
        self._claim = outbox.claim(self.store.name, stores.batch_of(self.store))
        if not self._claim:
            return False
        self.progress.busy_since = time.monotonic()
        handle(self.store, self._claim, self.progress)
        self._claim = self.progress.busy_since = None
        return True


class Relay:
    """All stores' threads, and the heartbeat that tells of them."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.database = Database()
        self.threads = [StoreThread(store, self.stop, self.database) for store in stores.every()]

    def run(self, wait: Callable[[float], bool]) -> None:
        """Works until ``wait(seconds)`` says that it is time to stop; returns when every batch is finished."""
        for thread in self.threads:
            hook(thread.store, "start")
            thread.start()
        self._beat()
        next_look = time.monotonic() + HEAL_SECONDS
        while not wait(HEARTBEAT_SECONDS):
            self._check_threads()
            self._beat()
            if time.monotonic() > next_look:
                next_look = time.monotonic() + HEAL_SECONDS
                self._heal_jobs()
        self._end()

    def _check_threads(self) -> None:
        dead = [thread.store.name for thread in self.threads if not thread.is_alive()]
        if dead:
            raise RuntimeError(f"The relay's thread for {', '.join(dead)} ended; the lines above say why.")

    def _beat(self) -> None:
        detail = {thread.store.name: thread.progress.detail() for thread in self.threads}
        try:
            backlog = outbox.backlog()
            beat("relay", {"pid": os.getpid(), "stores": detail, "backlog": asdict(backlog)})
        except DATABASE_ERRORS as error:
            self.database.gone(error)

    def _heal_jobs(self) -> None:
        """From outside of the job cluster: nothing inside it runs any more when one of its schedules is broken."""
        try:
            changed = schedules.heal()
        except DATABASE_ERRORS as error:
            self.database.gone(error)
        else:
            if changed:
                logger.warning("The jobs were silent; declared again: %s.", ", ".join(changed))

    def _end(self) -> None:
        self.stop.set()
        for thread in self.threads:
            hook(thread.store, "stop")
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = [thread.store.name for thread in self.threads if thread.is_alive()]
        if late:
            logger.warning("%s did not finish in time; what it held is delivered again.", ", ".join(late))


def hook(store: stores.Store, name: str) -> None:
    """Calls an optional method of a store."""
    method = getattr(store, name, None)
    if method is not None:
        method()
