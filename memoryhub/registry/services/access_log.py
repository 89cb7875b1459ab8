"""Who read what: kept in memory by each process, written in batches by a thread of its own.

A read costs no write. Rows reach the table within a second, or at once when 500 are waiting; the
same batch adds up ``access_count`` and moves the end of entries that live from their last use.
What a killed process still held is lost: statistics, not memories. A process that ends in order
loses nothing.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from time import perf_counter, time
from typing import Any
from uuid import UUID

from django.db import Error, connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import audit
from memoryhub.access.trips import one_trip
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services.records import Entry

logger = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0
#: Small batches, so that no request waits for a big one.
FULL = 100
#: While the database is away the newest rows are kept, up to this many.
MOST_HELD = 100_000
# Not waiting for the disk: what a crash of the server takes back are statistics of its last moments.
FLUSH = (
    "SELECT registry_log_accesses(%s::jsonb), registry_count_uses(%s::jsonb), "
    "set_config('synchronous_commit', 'off', true)"
)
LAST_TRIES = 20


@dataclass(frozen=True, slots=True)
class Access:
    """One read, as the log holds it. ``at`` is in seconds since the epoch."""

    tenant_id: str | None
    entry_id: UUID | None
    key: str
    at: float
    latency_ms: float
    hit_cache: bool
    operation: str
    actor: str
    user_id: str | None


@dataclass(slots=True)
class Use:
    """How often an entry was read since it was last counted, and when it was last read."""

    n: int
    at: float


Uses = dict[UUID, Use]


class AccessLog:
    """The buffer of this process and the thread that empties it."""

    def __init__(self) -> None:
        #: Off: nothing is written until somebody calls ``flush``.
        self.in_background = True
        self.held: list[Access] = []
        #: Uses of entries that were being changed while they should have been counted.
        self.uncounted: dict[str | None, Uses] = {}
        self.lock = threading.Lock()
        self.flushing = threading.Lock()
        self.wake = threading.Event()
        self.owner = 0

    def add(self, rows: list[Access]) -> None:
        with self.lock:
            self.held.extend(rows)
            waiting = len(self.held)
        if self.in_background and self.owner != os.getpid():
            self.start()
        if waiting >= FULL:
            self.wake.set()

    def start(self) -> None:
        """Begins flushing in the background; again in a forked process, which has no thread of its parent's."""
        with self.lock:
            if self.owner == os.getpid():
                return
            self.owner = os.getpid()
        threading.Thread(target=self.run, name="access-log", daemon=True).start()
        # Unlike atexit alone this also runs where the web server forked the process.
        Finalize(None, self.flush_for_good, exitpriority=0)

    def run(self) -> None:
        while True:
            self.wake.wait(PAUSE_SECONDS)
            self.wake.clear()
            self.flush_quietly()

    def flush_for_good(self) -> None:
        """The last flush of a process: tries again for entries that are being changed at this moment."""
        for _ in range(LAST_TRIES):
            self.flush_quietly()
            if not self.held and not self.uncounted:
                return
            self.wake.wait(0.05)

    def flush_quietly(self) -> None:
        try:
            self.flush()
        except Error:
            logger.exception("The access log could not be written; its rows are kept and tried again.")
            connection.close()

    def flush(self) -> int:
        """Writes all rows that are held, and returns their number. On an error they stay held."""
        with self.flushing:
            with self.lock:
                rows, self.held = self.held, []
            batches = by_tenant(rows) | {tenant: [] for tenant in self.uncounted if tenant not in by_tenant(rows)}
            try:
                while batches:
                    tenant_id = next(iter(batches))
                    self.write(tenant_id, batches[tenant_id])
                    del batches[tenant_id]
            finally:
                self.keep([row for batch in batches.values() for row in batch])
            return len(rows)

    def write(self, tenant_id: str | None, rows: list[Access]) -> None:
        uses = added_up(rows, self.uncounted.get(tenant_id, {}))
        counting = [[str(entry_id), use.n, use.at] for entry_id, use in uses.items()]
        principal = system_principal("access_log", tenant_id)
        batch = [json.dumps([logged(row) for row in rows]), json.dumps(counting)]
        [(_, skipped, _)] = one_trip(FLUSH, batch, principal=principal)
        self.uncounted.pop(tenant_id, None)
        if skipped:
            self.uncounted[tenant_id] = {entry_id: uses[entry_id] for entry_id in skipped}

    def keep(self, rows: list[Access]) -> None:
        with self.lock:
            self.held = (rows + self.held)[-MOST_HELD:]

    def forget(self) -> None:
        with self.lock:
            self.held, self.uncounted = [], {}


log = AccessLog()


def by_tenant(rows: Sequence[Access]) -> dict[str | None, list[Access]]:
    found: dict[str | None, list[Access]] = defaultdict(list)
    for row in rows:
        found[row.tenant_id].append(row)
    return found


def added_up(rows: Sequence[Access], before: Uses) -> Uses:
    uses = {entry_id: Use(use.n, use.at) for entry_id, use in before.items()}
    for row in rows:
        if row.entry_id is not None:
            use = uses.setdefault(row.entry_id, Use(0, row.at))
            use.n, use.at = use.n + 1, max(use.at, row.at)
    return uses


def logged(row: Access) -> list[Any]:
    """The row without the tenant, which the walls name."""
    entry_id = None if row.entry_id is None else str(row.entry_id)
    about = [row.latency_ms, row.hit_cache, row.operation, row.actor, row.user_id]
    return [entry_id, row.key, row.at, *about]


def note(entries: Sequence[Entry], *, principal: Principal, operation: str, started: float) -> None:
    """Notes that ``principal`` read these entries, in one request that began at ``started`` (``perf_counter``).

    What belongs to another agent, or to a user whom the caller did not name, goes to the audit trail as
    well, before the caller gets it.
    """
    latency = round((perf_counter() - started) * 1000, 3)
    now = time()
    log.add(
        [
            Access(
                principal.tenant_id,
                entry.entry_id,
                entry.key,
                now,
                latency,
                entry.layer == "ephemeral",
                operation,
                principal.actor,
                principal.named_user,
            )
            for entry in entries
        ]
    )
    audit_foreign_reads(entries, principal=principal, operation=operation)


def audit_foreign_reads(entries: Sequence[Entry], *, principal: Principal, operation: str) -> None:
    """One line in the audit trail for the entries that are not the caller's own, if there are any."""
    if principal.kind != "key":
        return
    foreign = {
        "cross_agent": [e for e in entries if e.scope == "agent" and e.agent_id != principal.agent_id],
        "unnamed_user": [e for e in entries if e.scope == "user" and principal.named_user is None],
    }
    for why, found in foreign.items():
        if found:
            with behind_walls(principal):
                audit.record(
                    f"registry.read.{why}",
                    principal=principal,
                    object_type="entry",
                    object_id=found[0].entry_id if len(found) == 1 else "",
                    new={"operation": operation, "entries": [listed(entry) for entry in found]},
                )


def listed(entry: Entry) -> dict[str, Any]:
    return {"entry_id": str(entry.entry_id), "version": entry.sync_version, "agent_id": entry.agent_id}
