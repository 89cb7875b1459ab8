"""The outbox: what changed is announced here in the transaction of the change, and handed to relays from here.

The life of a delivery: ``pending`` → claimed (still pending, attempt counted) → ``done``, or back to pending with a
growing pause, or ``parked`` after ``sync.max_attempts`` until a human acts. A newer delivery of the same object
supersedes older ones: stores take over current state, not changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.trips import Statement, together
from memoryhub.sync import stores
from memoryhub.sync.models import Delivery, SyncEvent
from memoryhub.sync.services import statements as sql

#: Counting stops here: a longer backlog is reported as this many.
MOST_COUNTED = 10_000
LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Change:
    """Object ``object_id`` reached ``version``. ``payload`` carries ids and versions, never values.

    ``event_type`` is ``<topic>.<what happened>``; the topic decides which stores hear of it.
    """

    event_type: str
    object_id: UUID
    context_key: str
    version: int
    source: str
    priority: str = "medium"
    payload: Mapping[str, Any] = field(default_factory=dict)

    def row(self, tenant_id: str | None) -> dict[str, Any]:
        targets = stores.targets(stores.topic_of(self.event_type))
        return {
            "event_id": new_id(),
            "tenant_id": tenant_id,
            "event_type": self.event_type,
            "context_key": self.context_key,
            "object_id": self.object_id,
            "version": self.version,
            "source": self.source,
            "targets": targets,
            "priority": self.priority,
            "payload": Jsonb(dict(self.payload)),
            "processed": not targets,
        }


def emit(changes: Sequence[Change], *, principal: Principal) -> None:
    """Announces changes to the stores. Must run inside the transaction that makes them, behind its walls."""
    assert connection.in_atomic_block, "a change and its announcement commit together"
    together(announcements(changes, principal=principal))


def announcements(changes: Sequence[Change], *, principal: Principal) -> list[Statement]:
    """What ``emit`` carries out, for who sends it along with what it announces."""
    return [(sql.INSERT_EVENT, change.row(principal.tenant_id)) for change in changes]


# -- what relays do, as the system role --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """Deliveries taken for handling. ``suspects`` (at most one) did not survive an earlier handling: handle it alone,
    last, so that it takes no other with it."""

    deliveries: list[Delivery]
    suspects: list[Delivery]

    def __bool__(self) -> bool:
        return bool(self.deliveries or self.suspects)

    @property
    def all(self) -> list[Delivery]:
        return self.deliveries + self.suspects


def claim(store: str, limit: int | None = None) -> Claim:
    """Takes the due deliveries of a store, at most one per object and ``limit`` in all, and counts the attempt.

    The claim ends by ``finish``, ``fail`` or ``postpone``, or by itself after ``sync.claim_seconds``.
    """
    config = settings.CONFIG.sync
    if not anything_due(store):
        return Claim([], [])
    with quick_transaction(), connection.cursor() as cursor:
        cursor.execute(sql.LOCK_STORE, [store])
        if cursor.fetchone() != (True,):
            return Claim([], [])
        cursor.execute(sql.CLAIM, {"store": store, "limit": limit or config.batch, "seconds": config.claim_seconds})
        rows = cursor.fetchall()
        if rows and rows[0][-1]:
            settle(rows[0][-1])
    claimed = [(delivery_from(row), row[9]) for row in rows]
    return Claim([d for d, suspect in claimed if not suspect], [d for d, suspect in claimed if suspect])


def anything_due(store: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(sql.ANY_DUE, [store])
        return cursor.fetchone() is not None


def delivery_from(row: Sequence[Any]) -> Delivery:
    """A Delivery with its event at hand, from a row of the claim."""
    number, event, tenant, store, object_id, version, attempts, until, created, _, *about = row
    event_type, key, source, priority, payload, event_id, _ = about
    return Delivery(
        id=number,
        tenant_id=tenant,
        store=store,
        object_id=object_id,
        version=version,
        attempts=attempts,
        claimed_until=until,
        created_at=created,
        event=SyncEvent(
            id=event,
            event_id=event_id,
            tenant_id=tenant,
            event_type=event_type,
            context_key=key,
            object_id=object_id,
            version=version,
            source_system=source,
            priority=priority,
            # Django leaves jsonb as text for its own field to decode; this row passed no field
            payload=json.loads(payload),
        ),
    )


def finish(deliveries: Sequence[Delivery]) -> None:
    """They arrived. Older parked deliveries of the same objects are superseded."""
    if not deliveries:
        return
    with quick_transaction(), connection.cursor() as cursor:
        cursor.execute(sql.FINISH, fenced(deliveries))
        done = cursor.fetchall()
        cursor.execute(sql.SUPERSEDE_PARKED, {"stores": [d[1] for d in done], "objects": [d[2] for d in done]})
        settle([row[0] for row in [*done, *cursor.fetchall()]])


def fail(problems: Sequence[tuple[Delivery, str]]) -> None:
    """They did not arrive, each with its error: again after a pause that doubles, or parked for a human."""
    if not problems:
        return
    config = settings.CONFIG.sync
    values: dict[str, Any] = {
        "errors": [printable(error) for _, error in problems],
        "most": config.max_attempts,
        "base": config.backoff_base_seconds,
        "longest": config.backoff_max_seconds,
    }
    with quick_transaction(), connection.cursor() as cursor:
        cursor.execute(sql.FAIL, values | fenced([delivery for delivery, _ in problems]))
        parked = [
            (event, f"{store}: {error}") for event, status, store, error in cursor.fetchall() if status == "parked"
        ]
        note_errors(parked)


def postpone(waiting: Sequence[tuple[Delivery, stores.NotReady]]) -> None:
    """The store could not work: later, and the attempt is not counted."""
    if not waiting:
        return
    values: dict[str, Any] = {
        "pauses": [reason.retry_in for _, reason in waiting],
        "reasons": [printable(str(reason)) for _, reason in waiting],
    }
    with quick_transaction(), connection.cursor() as cursor:
        cursor.execute(sql.POSTPONE, values | fenced([delivery for delivery, _ in waiting]))


def fenced(deliveries: Sequence[Delivery]) -> dict[str, list[Any]]:
    return {"ids": [d.pk for d in deliveries], "fences": [d.claimed_until for d in deliveries]}


def printable(text: str) -> str:
    return text.replace("\x00", "�")[:LONGEST_ERROR]


@contextmanager
def quick_transaction() -> Iterator[None]:
    """A transaction whose commit does not wait for the disk: what a crash of the server undoes is delivered again."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def settle(events: Iterable[int]) -> int:
    """Marks those events processed of which no delivery is open; how many."""
    values = {"events": sorted(set(events))}
    if not values["events"]:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(sql.LOCK_EVENTS, values)
        cursor.execute(sql.SETTLE, values)
        return int(cursor.rowcount)


def note_errors(errors: Sequence[tuple[int, str]]) -> None:
    if errors:
        with connection.cursor() as cursor:
            cursor.execute(sql.NOTE_ERROR, {"events": [e[0] for e in errors], "errors": [e[1] for e in errors]})


# -- what everybody may know -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Backlog:
    """``pending`` and ``parked`` deliveries of all tenants, at most 10,000 each; the age of the oldest pending one."""

    pending: int
    parked: int
    oldest_age_seconds: float | None


def backlog() -> Backlog:
    """How far the stores are behind. Cheap at any length of the queue, and in any role: it shows no tenant's rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql.BACKLOG, [MOST_COUNTED])
        pending, parked, age = cursor.fetchone()
    return Backlog(pending, parked, None if age is None else float(age))


def pending_of(principal: Principal) -> int:
    """Deliveries of the caller's tenants that are still pending, counted up to 10,000."""
    waiting = Delivery.objects.visible_to(principal).filter(status=Delivery.Status.PENDING)
    return waiting.order_by()[:MOST_COUNTED].count()
