"""Edits made here: one waiting change per entry, whatever the number of edits, and the first one's base."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from memoryhub_client.replica import overlay
from memoryhub_client.replica.exceptions import NotInReplica, ReplicaError
from memoryhub_client.replica.ids import new_id
from memoryhub_client.replica.reports import LocalChange

COLUMNS = (
    "change_id, entry_id, state, op, key, user_id, value, attributes, strategy, base_version, base_value, "
    "written_at, code, detail"
)
#: What may be said of an entry beside its value, as the hub's door takes it.
ATTRIBUTES = frozenset({"category", "importance", "memory_type", "tags", "metadata", "layer", "priority"})
#: Of the older one of two edits that were made under two ids of one entry.
SUPERSEDED = "The hub keeps this under another id, where a newer edit waits. Look at both, then discard this one."


@dataclass(kw_only=True)
class Edit:
    """A wish to write one entry."""

    entry_id: str
    op: str
    key: str
    owner: str
    user_id: str | None
    value: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    strategy: str | None = None


def add(db: sqlite3.Connection, edit: Edit) -> None:
    """Takes the edit into the entry's waiting change, or begins one."""
    waiting = db.execute(
        "SELECT op, attributes, base_version FROM changes WHERE entry_id = ? AND state = 'waiting'", [edit.entry_id]
    ).fetchall()
    if waiting and edit.op == "delete" and waiting[0][2] is None and not is_known(db, edit.entry_id):
        db.execute("DELETE FROM changes WHERE entry_id = ? AND state = 'waiting'", [edit.entry_id])
    elif waiting:
        before = json.loads(waiting[0][1]) if (waiting[0][0], edit.op) == ("put", "put") else {}
        _collapse(db, edit, before | edit.attributes)
    else:
        _begin(db, edit)
    overlay.show(db, edit.entry_id)


def is_known(db: sqlite3.Connection, entry_id: str) -> bool:
    """Whether the hub has the entry, or may have it by now."""
    return bool(
        db.execute(
            "SELECT 1 FROM entries WHERE entry_id = :id "
            "UNION ALL SELECT 1 FROM changes WHERE entry_id = :id AND state = 'sent'",
            {"id": entry_id},
        ).fetchall()
    )


def _collapse(db: sqlite3.Connection, edit: Edit, attributes: dict[str, Any]) -> None:
    db.execute(
        "UPDATE changes SET op = ?, value = ?, attributes = ?, strategy = coalesce(?, strategy), written_at = ?, "
        "code = NULL, detail = NULL "
        "WHERE entry_id = ? AND state = 'waiting'",
        [edit.op, overlay.dumps(edit.value), overlay.dumps(attributes), edit.strategy, now(), edit.entry_id],
    )


def _begin(db: sqlite3.Connection, edit: Edit) -> None:
    version, value = _base(db, edit.entry_id)
    db.execute(
        "INSERT INTO changes (change_id, entry_id, state, op, key, owner, user_id, value, attributes, strategy, "
        "base_version, base_value, written_at) VALUES (?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            *[new_id(), edit.entry_id, edit.op, edit.key, edit.owner, edit.user_id],
            *[overlay.dumps(edit.value), overlay.dumps(edit.attributes), edit.strategy, version, value, now()],
        ],
    )


def _base(db: sqlite3.Connection, entry_id: str) -> tuple[int | None, str | None]:
    """What the edit is made on. On top of a sent change it is that one's base, until that one is answered."""
    for statement in (
        "SELECT base_version, base_value FROM changes WHERE entry_id = ? AND state = 'sent'",
        "SELECT version, value FROM entries WHERE entry_id = ?",
    ):
        if rows := db.execute(statement, [entry_id]).fetchall():
            version, value = rows[0]
            return version, value
    return None, None


def rename(db: sqlite3.Connection, given: str, entry_id: str) -> None:
    """The hub keeps what was made here as ``given`` under another id."""
    db.execute("INSERT OR REPLACE INTO ids VALUES (?, ?)", [given, entry_id])
    db.execute("UPDATE ids SET entry_id = ? WHERE entry_id = ?", [entry_id, given])
    waiting = db.execute(
        "SELECT position FROM changes WHERE entry_id IN (?, ?) AND state = 'waiting' ORDER BY position DESC",
        [given, entry_id],
    ).fetchall()
    for older in waiting[1:]:
        db.execute(
            "UPDATE changes SET state = 'rejected', code = 'superseded', detail = ? WHERE position = ?",
            [SUPERSEDED, *older],
        )
    db.execute("UPDATE changes SET entry_id = ? WHERE entry_id = ? AND state <> 'sent'", [entry_id, given])
    overlay.show(db, given)
    overlay.show(db, entry_id)


def discard(db: sqlite3.Connection, change_id: str) -> None:
    change = one(db, change_id)
    if change.state == "sent":
        raise ReplicaError(f"Change {change_id} has been sent; sync() will tell what became of it.")
    db.execute("DELETE FROM changes WHERE change_id = ?", [change_id])
    overlay.show(db, change.entry_id)


def retry(db: sqlite3.Connection, change_id: str) -> str:
    """Makes the refused change a waiting one again; answers its new id, as the hub remembers the old one's answer."""
    change = one(db, change_id)
    if change.state != "rejected":
        raise ReplicaError(f"Change {change_id} was not refused; it is {change.state}.")
    if db.execute("SELECT 1 FROM changes WHERE entry_id = ? AND state = 'waiting'", [change.entry_id]).fetchall():
        raise ReplicaError(f"A newer edit of {change.key} waits already. Discard this one.")
    if change.code == "erased":
        raise ReplicaError(f"{change.key} was erased, with what this change said. Discard it.")
    fresh, base = new_id(), change.base_version
    if change.op == "delete":
        # asked again after a look at what is there now
        base, _ = _base(db, change.entry_id)
    db.execute(
        "UPDATE changes SET state = 'waiting', change_id = ?, base_version = ?, code = NULL, detail = NULL "
        "WHERE change_id = ?",
        [fresh, base, change_id],
    )
    overlay.show(db, change.entry_id)
    return fresh


def one(db: sqlite3.Connection, change_id: str) -> LocalChange:
    rows = db.execute(f"SELECT {COLUMNS} FROM changes WHERE change_id = ?", [change_id]).fetchall()
    if not rows:
        raise NotInReplica(f"There is no change {change_id} here; it may have been answered or discarded.")
    return local_change(rows[0])


def local_change(row: tuple[Any, ...]) -> LocalChange:
    made = dict(zip(LocalChange.__slots__, row, strict=True))
    for name in ("value", "base_value"):
        made[name] = None if made[name] is None else json.loads(made[name])
    return LocalChange(**made | {"attributes": json.loads(made["attributes"])})


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
