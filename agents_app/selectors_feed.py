"""Reading an agent's change feed: numbered items, with what they speak about as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from agents_app.services.conflicts.reach import conflicts_in_reach
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import access_log
from memoryhub.registry.services.records import Entry, rows_of

MOST_ITEMS = 500
#: A page ends before its values, as they are stored, grow beyond this many bytes.
PAGE_BYTES = 2 * 1024 * 1024
PUT, GONE, CONFLICT = "put", "gone", "conflict"

#: What a page of one agent, or what is about one user in it, is made of: all of one moment.
ITEMS = """
SELECT i.seq, i.kind, i.object_id, i.version, i.can_write, i.reason, i.at FROM memory_change_feed i
WHERE i.tenant_id = %(tenant)s AND i.agent_id = %(agent)s AND i.seq > %(after)s
  AND (%(user)s::text IS NULL OR i.user_id IS NULL OR i.user_id = %(user)s)
ORDER BY i.seq LIMIT %(limit)s
"""
# What a replica asks for tells what it has applied. Noting that is worth no wait for the disk.
READ = f"""
WITH hub AS (
  SELECT h.epoch, f.last_seq, f.purged_through, r.id AS replica, r.fill_floor
  FROM memory_hub_epoch h
  LEFT JOIN memory_change_feeds f ON f.tenant_id = %(tenant)s AND f.agent_id = %(agent)s
  LEFT JOIN memory_replicas r ON r.id = %(replica)s AND r.tenant_id = %(tenant)s AND r.agent_id = %(agent)s
    AND (%(bound)s::text IS NULL OR r.user_id = %(bound)s)
), noted AS (
  UPDATE memory_replicas r SET acked_seq = %(after)s, last_pull_at = clock_timestamp(),
    epoch = CASE WHEN %(after)s = 0 THEN h.epoch ELSE r.epoch END,
    fill_floor = CASE WHEN %(after)s = 0 THEN h.purged_through ELSE r.fill_floor END
  FROM hub h WHERE r.id = h.replica AND coalesce(%(epoch)s, h.epoch) = h.epoch AND %(after)s <= h.last_seq
    AND (%(after)s = 0 OR r.acked_seq <> %(after)s OR r.last_pull_at < clock_timestamp() - interval '10 seconds')
  RETURNING set_config('synchronous_commit', 'off', true)
)
SELECT h.*, (SELECT count(*) FROM noted), i.*,
  CASE WHEN i.kind = 'put'
    THEN (SELECT pg_column_size(e.value) FROM memory_context_registry e WHERE e.id = i.object_id) END
FROM hub h LEFT JOIN LATERAL ({ITEMS}) i ON true ORDER BY i.seq
"""
OPEN = "SELECT agents_feed_lock(ARRAY[%s]), agents_feed_open(%s, %s)"


@dataclass(frozen=True, slots=True)
class Item:
    """One item. ``entry`` stands beside a ``put``, ``conflict`` (a document) beside a ``conflict``."""

    seq: int
    kind: str
    object_id: UUID
    version: int
    can_write: bool
    reason: str
    at: datetime
    entry: Entry | None = None
    conflict: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A page. ``reset``: begin at 0 with this epoch; ``next``: where the next page begins."""

    epoch: int
    last_seq: int
    next: int
    more: bool
    reset: bool = False
    items: list[Item] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reader asks for. ``user_id``: only what is about that user, or nobody."""

    after: int = 0
    epoch: int | None = None
    user_id: str | None = None
    limit: int = MOST_ITEMS
    replica_id: UUID | None = None


def changes(asked: Asked, *, principal: Principal) -> Changes:
    """The items of the principal's agent after ``asked.after``. What it may not see at this moment is sent as gone.

    Raises NotFound (the replica), Invalid (a number without its epoch).
    """
    if asked.after and asked.epoch is None:
        raise Invalid("epoch", "Name the epoch that the number in 'after' belongs to, as the last answer gave it.")
    rows = read(asked, principal)
    epoch, last_seq, purged_through, replica, fill_floor = rows[0][:5]
    if asked.replica_id is not None and replica is None:
        raise NotFound("There is no such replica of this agent. Register it anew.")
    if is_behind(asked, epoch, last_seq, purged_through, fill_floor or 0):
        return Changes(epoch=epoch, last_seq=last_seq, next=0, more=last_seq > 0, reset=True)
    found = [row[6:] for row in rows if row[6] is not None]
    chosen = fitting(found[: asked.limit])
    more = len(chosen) < len(found)
    following = chosen[-1].seq if more else last_seq
    return Changes(epoch, last_seq, following, more, items=shown(chosen, principal))


def read(asked: Asked, principal: Principal) -> list[tuple[Any, ...]]:
    values = {
        "tenant": principal.tenant_id,
        "agent": principal.agent_id,
        "user": asked.user_id or principal.bound_user,
        "bound": principal.bound_user,
        "after": asked.after,
        "epoch": asked.epoch,
        "replica": asked.replica_id,
        "limit": asked.limit + 1,
    }
    rows = in_one_trip(READ, values, principal)
    if rows[0][1] is None:
        begin(principal)
        rows = in_one_trip(READ, values, principal)
    return rows


def in_one_trip(statement: str, values: dict[str, Any], principal: Principal) -> list[tuple[Any, ...]]:
    """``one_trip`` for named values."""
    positional: list[Any] = []
    parts = statement.split("%(")
    text = parts[0]
    for part in parts[1:]:
        name, _, rest = part.partition(")s")
        positional.append(values[name])
        text += "%s" + rest
    return one_trip(text, positional, principal=principal)


def begin(principal: Principal) -> None:
    """Begins the feed of the principal's agent, if it has none yet."""
    with behind_walls(principal):
        one_trip(OPEN, [principal.tenant_id, principal.tenant_id, principal.agent_id], principal=principal)


def is_behind(asked: Asked, epoch: int, last_seq: int, purged_through: int, fill_floor: int) -> bool:
    """Whether the reader cannot go on from where it stands: another history, or tombstones that it missed."""
    if asked.epoch is not None and asked.epoch != epoch:
        return True
    return asked.after > last_seq or (asked.after > 0 and purged_through > max(asked.after, fill_floor))


def fitting(rows: Sequence[Sequence[Any]]) -> list[Item]:
    """As many of the items as fit on a page, at least one."""
    chosen: list[Item] = []
    size = 0
    for *columns, stored in rows:
        size += stored or 0
        if chosen and size > PAGE_BYTES:
            break
        chosen.append(Item(*columns))
    return chosen


def shown(items: Sequence[Item], principal: Principal) -> list[Item]:
    """The items with their documents. A cross-agent read is audited before the caller gets it."""
    entries = entries_of([item.object_id for item in items if item.kind == PUT], principal)
    access_log.audit_foreign_reads(list(entries.values()), principal=principal, operation="changes")
    conflicts = conflicts_of([item.object_id for item in items if item.kind == CONFLICT], principal)
    filled = (with_document(item, entries, conflicts) for item in items)
    return [item for item in filled if item is not None]


def entries_of(ids: Sequence[UUID], principal: Principal) -> dict[UUID, Entry]:
    if not ids:
        return {}
    visible = ContextEntry.objects.visible_to(principal).present().filter(pk__in=ids, scope="agent")
    return {entry.entry_id: entry for entry in rows_of(visible, principal=principal)}


def conflicts_of(ids: Sequence[UUID], principal: Principal) -> dict[UUID, dict[str, Any]]:
    if not ids:
        return {}
    columns = ("id", "status", "kind", "entry_id", "version", "resolution")
    with behind_walls(principal):
        rows: Iterable[dict[str, Any]] = conflicts_in_reach(principal).filter(pk__in=ids).values(*columns)
        return {row["id"]: row for row in rows}


def with_document(item: Item, entries: dict[UUID, Entry], conflicts: dict[UUID, dict[str, Any]]) -> Item | None:
    head = (item.seq, item.kind, item.object_id, item.version, item.can_write, item.reason, item.at)
    if item.kind == PUT:
        entry = entries.get(item.object_id)
        if entry is None:
            return Item(item.seq, GONE, item.object_id, item.version, False, "revoked", item.at)
        return Item(*head[:3], entry.sync_version, *head[4:], entry=entry)
    if item.kind == CONFLICT:
        conflict = conflicts.get(item.object_id)
        # erased with its entry, which has an item of its own
        return Item(*head, conflict=conflict) if conflict else None
    return item
