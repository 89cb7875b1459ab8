"""Locks of durable entries: asked for, waited for, renewed, given back, and taken away by an administrator.

Who holds a lock is the only one that may write the entry, and shows it by the fencing number, which grows with every
grant (``Principal.fence``). Waiting is asking again: a place in the queue is kept by it, and no thread waits.
Each verb is one round trip (see the migration ``0011_lock_verbs``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from memoryhub.access.exceptions import HubError, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.trips import one_trip
from memoryhub.access.walls import verb
from memoryhub.registry.exceptions import (
    EntryLocked,
    EphemeralEntryError,
    NotGranted,
    NotLockHolder,
    StaleFence,
    TooManyWaiters,
)
from memoryhub.registry.models import ContextEntry, EntryLock, EphemeralEntry, LockWaiter

#: A waiter asks again this many seconds later for each place in the queue, and in any case before it lapses.
HINT_SECONDS_A_PLACE = 0.1
REFUSALS: dict[str, type[HubError]] = {
    "missing": NotFound,
    "read_only": NotGranted,
    "ephemeral": EphemeralEntryError,
    "not_holder": NotLockHolder,
    "stale_fence": StaleFence,
}


@dataclass(frozen=True, slots=True)
class Acquired:
    """What asking for a lock answers. Not ``granted``: queued at ``position`` (from 1) of ``waiters``; ask again
    after ``retry_after`` seconds. ``holder`` and ``expires_at`` are of the lock as it stands.
    """

    granted: bool
    fence: int | None
    holder: str
    expires_at: datetime
    position: int | None
    waiters: int
    retry_after: float | None


@dataclass(frozen=True, slots=True)
class Released:
    """``released`` is false where that lock was over already. The rest is of the lock that was released."""

    released: bool
    fence: int | None = None
    holder: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LockState:
    """The lock of an entry now; ``holder`` None: nobody has it. ``fence`` is told to the holder alone."""

    holder: str | None
    fence: int | None
    acquired_at: datetime | None
    expires_at: datetime | None
    reason: str
    queue: list[str]
    position: int | None


def acquire(
    entry_id: UUID, *, principal: Principal, seconds: float | None = None, wait: bool = False, reason: str = ""
) -> Acquired:
    """Gets the lock for ``seconds`` (``agents.lock_seconds``), or with ``wait`` a place in the queue.

    Asking again keeps the place. The holder that asks again keeps its number, and the time starts anew.
    Raises Invalid (seconds), EntryLocked (without ``wait``), TooManyWaiters, NotFound, NotGranted, EphemeralEntryError.
    """
    order = {"seconds": duration(seconds), "wait": wait, "reason": reason, "most": settings.CONFIG.agents.lock_waiters}
    return answered(call("acquire", entry_id, principal, **order))


def renew(entry_id: UUID, *, principal: Principal, seconds: float | None = None) -> Acquired:
    """Starts the time of a held lock anew. Raises StaleFence where the caller does not hold it any more."""
    return answered(call("renew", entry_id, principal, seconds=duration(seconds)))


def release(entry_id: UUID, *, principal: Principal) -> Released:
    """Gives the lock, or the place in the queue, back; the first that waits gets it. Repeating changes nothing.

    Raises NotLockHolder where another holds it, unless ``principal.fence`` says that a former lock is meant.
    """
    status, *told = call("release", entry_id, principal)
    if status in ("left", "free"):
        return Released(False)
    refuse(status)
    return Released(True, *told)


@verb
def force_release(entry_id: UUID, *, principal: Principal, reason: str) -> Released:
    """Takes the lock away from whoever holds it. Needs admin and a reason; stays in the audit trail."""
    principal.require("admin")
    if not reason.strip():
        raise Invalid("reason", "Taking a lock away needs a reason; it stays in the audit trail.")
    status, fence, holder, expires_at = call("release", entry_id, principal, force=True, fence=None)
    if status in ("left", "free"):
        return Released(False)
    refuse(status)
    lost = {"holder": holder, "fence": fence, "expires_at": expires_at.isoformat()}
    tenant_id = ContextEntry.objects.filter(pk=entry_id).values_list("tenant_id", flat=True).first()
    audit.record(
        "registry.lock.force_released",
        principal=principal,
        tenant_id=tenant_id,
        object_type="entry",
        object_id=entry_id,
        old=lost,
        reason=reason,
    )
    return Released(True, fence, holder, expires_at)


@verb
def state(entry_id: UUID, *, principal: Principal) -> LockState:
    """Who has the lock and who waits, for those who may read the entry. Raises NotFound, EphemeralEntryError."""
    seen = ContextEntry.objects.visible_to(principal).present(archived=True).filter(pk=entry_id)
    if not seen.exists():
        ephemeral = EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id).exists()
        raise EphemeralEntryError() if ephemeral else NotFound()
    lock = EntryLock.objects.filter(pk=entry_id).held().first() or EntryLock()
    lapse = settings.CONFIG.agents.waiter_lapse_seconds
    queue = list(LockWaiter.objects.filter(entry_id=entry_id).waiting(lapse).values_list("waiter", flat=True))
    return LockState(
        holder=lock.holder,
        fence=lock.fence if lock.holder == principal.actor else None,
        acquired_at=lock.acquired_at,
        expires_at=lock.expires_at,
        reason=lock.reason,
        queue=queue,
        position=queue.index(principal.actor) + 1 if principal.actor in queue else None,
    )


def held(*, principal: Principal) -> QuerySet[EntryLock]:
    """The locks that are held now, of entries that the caller may read. Evaluate it behind the principal's walls."""
    readable = ContextEntry.objects.visible_to(principal).present(archived=True).filter(pk=OuterRef("pk"))
    found: QuerySet[EntryLock] = EntryLock.objects.held().filter(Exists(readable))
    return found.select_related("entry")


@verb
def sweep(*, principal: Principal, limit: int) -> int:
    """A job: passes on locks that ended, and drops waiters that did not ask again; gives at how many entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT registry_lock_sweep(%s, %s)", [limit, settings.CONFIG.agents.waiter_lapse_seconds])
        return int(cursor.fetchone()[0])


def duration(seconds: float | None) -> int:
    """Whole seconds, checked. Raises Invalid."""
    rules = settings.CONFIG.agents
    if seconds is None:
        return min(rules.lock_seconds, rules.lock_max_seconds)
    if not 1 <= round(seconds) <= rules.lock_max_seconds:
        raise Invalid("seconds", f"A lock lasts from 1 to {rules.lock_max_seconds} seconds.")
    return round(seconds)


def call(name: str, entry_id: UUID, principal: Principal, **order: Any) -> tuple[Any, ...]:
    """One verb in the database, together with the look whether the caller may write the entry."""
    order = {
        "actor": principal.actor,
        "fence": principal.fence,
        "lapse": settings.CONFIG.agents.waiter_lapse_seconds,
    } | order
    seen, params = seen_as(entry_id, principal)
    statement = f"SELECT * FROM registry_lock_{name}(%s, {seen}, %s::jsonb)"
    encoded = json.dumps(order, ensure_ascii=False)
    [row] = one_trip(statement, [str(entry_id), *params, encoded], principal=principal)
    return row


def seen_as(entry_id: UUID, principal: Principal) -> tuple[str, list[Any]]:
    """An SQL expression, with its parameters, for what the entry is to the caller."""
    there = ContextEntry.objects.present(archived=True).filter(pk=entry_id)
    looks = {
        "writable": there.visible_to(principal).writable_by(principal),
        "read_only": there.visible_to(principal),
        "ephemeral": EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id),
    }
    cases = ["WHEN false THEN ''"]
    params: list[Any] = []
    for name, found in looks.items():
        try:
            found_sql, found_params = found.order_by().values("pk").query.sql_with_params()
        except EmptyResultSet:  # a caller of no tenant reaches nothing that it could write
            continue
        cases.append(f"WHEN EXISTS ({found_sql}) THEN '{name}'")
        params.extend(found_params)
    return f"CASE {' '.join(cases)} ELSE 'missing' END", params


def answered(row: tuple[Any, ...]) -> Acquired:
    status, fence, holder, expires_at, place, waiting = row
    if status == "locked":
        raise EntryLocked(holder, expires_at)
    if status == "full":
        raise TooManyWaiters(hint(waiting))
    refuse(status)
    queued = status == "queued"
    return Acquired(not queued, fence, holder, expires_at, place or None, waiting, hint(place) if queued else None)


def refuse(status: str) -> None:
    """Raises what a status of the database means, unless the verb was carried out."""
    if status in REFUSALS:
        raise REFUSALS[status]()


def hint(place: int) -> float:
    """Seconds after which somebody at that place should ask again."""
    return min(HINT_SECONDS_A_PLACE * max(place, 1), settings.CONFIG.agents.waiter_lapse_seconds / 4)
