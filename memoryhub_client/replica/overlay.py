"""Committed entries, and the edits laid over them: keeps ``shown`` and its words in step with both."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from memoryhub_client.replica.words import content_of

Document = dict[str, Any]
#: An entry has at most one waiting and one sent change; the waiting one was made on top of the sent one.
NEWEST_CHANGE = """
SELECT op, key, owner, user_id, value, attributes, base_version, written_at FROM changes
WHERE entry_id = ? AND state <> 'rejected' ORDER BY position DESC LIMIT 1
"""
OPEN_OFFER = "SELECT 1 FROM conflicts WHERE entry_id = ? AND status = 'open' AND offer IS NOT NULL"


def dumps(value: Any) -> str:
    """Raises ValueError or TypeError for what is no JSON: NaN, sets, dates."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def put(db: sqlite3.Connection, document: Mapping[str, Any], *, can_write: bool, fed: bool) -> None:
    """Takes over what the hub committed, unless a newer version is here already. ``fed``: the feed brought it."""
    rest = {name: part for name, part in document.items() if name not in ("value", "success")}
    entry_id, version = str(rest["entry_id"]), int(rest["sync_version"])
    db.execute(
        """
        INSERT INTO entries (entry_id, version, can_write, fed, value, document) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (entry_id) DO UPDATE SET version = excluded.version, can_write = excluded.can_write,
            value = excluded.value, document = excluded.document
        WHERE excluded.version >= entries.version
        """,
        [entry_id, version, can_write, fed, dumps(document.get("value")), dumps(rest)],
    )
    if fed:
        db.execute("UPDATE entries SET fed = 1 WHERE entry_id = ? AND NOT fed", [entry_id])
    show(db, entry_id)


def remove(db: sqlite3.Connection, entry_id: str) -> bool:
    """The entry left the slice: it goes with the copies of its value that edits were based on."""
    done = db.execute("DELETE FROM entries WHERE entry_id = ?", [entry_id])
    db.execute("UPDATE changes SET base_value = NULL WHERE entry_id = ?", [entry_id])
    db.execute(
        "UPDATE conflicts SET offer = json_remove(offer, '$.base_value') WHERE entry_id = ? AND offer IS NOT NULL",
        [entry_id],
    )
    show(db, entry_id)
    return done.rowcount > 0


def committed(db: sqlite3.Connection, entry_id: str) -> tuple[Document, bool] | None:
    """The document that the hub committed, and whether the agent may write it."""
    rows = db.execute("SELECT value, document, can_write FROM entries WHERE entry_id = ?", [entry_id]).fetchall()
    if not rows:
        return None
    value, rest, can_write = rows[0]
    return json.loads(rest) | {"value": json.loads(value)}, bool(can_write)


def show(db: sqlite3.Connection, entry_id: str) -> None:
    """Makes ``shown`` of one entry what entries, changes and conflicts say now."""
    found = merged(db, entry_id)
    old = db.execute("SELECT number FROM shown WHERE entry_id = ?", [entry_id]).fetchall()
    if found is None:
        for row in old:
            db.execute("DELETE FROM shown WHERE number = ?", row)
            db.execute("DELETE FROM words WHERE rowid = ?", row)
        return
    document, can_write, pending = found
    agent = db.execute("SELECT value FROM meta WHERE name = 'agent_id'").fetchall()[0][0]
    owner = document.get("agent_id")
    columns = [document["key"], document.get("user_id"), owner == agent, can_write, pending, expiry(document)]
    if old:
        number = old[0][0]
        db.execute(
            "UPDATE shown SET key = ?, user_id = ?, own = ?, can_write = ?, pending = ?, expires = ?, document = ? "
            "WHERE number = ?",
            [*columns, dumps(document), number],
        )
        db.execute("DELETE FROM words WHERE rowid = ?", [number])
    else:
        number = db.execute(
            "INSERT INTO shown (key, user_id, own, can_write, pending, expires, document, entry_id) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [*columns, dumps(document), entry_id],
        ).lastrowid
    db.execute(
        "INSERT INTO words (rowid, key, content) VALUES (?, ?, ?)", [number, document["key"], content_of(document)]
    )


def merged(db: sqlite3.Connection, entry_id: str) -> tuple[Document, bool, bool] | None:
    """(document, can_write, pending), or None where nothing is to be seen.

    An edit of an entry that left the slice is not shown, though it is pushed: the hub refuses it visibly.
    """
    base = committed(db, entry_id)
    changes = db.execute(NEWEST_CHANGE, [entry_id]).fetchall()
    if not changes or (base is None and changes[0][6] is not None):
        if base is None:
            return None
        return disputed(db, entry_id, base[0]), base[1], False
    op, key, owner, user_id, value, attributes, _, written_at = changes[0]
    if op == "delete":
        return None
    document, can_write = base or (born(entry_id, key, owner, user_id, written_at), True)
    document |= json.loads(attributes)
    document["value"] = json.loads(value)
    document.pop("metadata_only", None)
    return disputed(db, entry_id, document), can_write, True


def born(entry_id: str, key: str, owner: str, user_id: str | None, written_at: str) -> Document:
    """The document of an entry that the hub has not seen yet."""
    return {
        "entry_id": entry_id,
        "key": key,
        "scope": "agent",
        "agent_id": owner,
        "user_id": user_id,
        "sync_version": 0,
        "created_at": written_at,
        "updated_at": written_at,
    }


def disputed(db: sqlite3.Connection, entry_id: str, document: Document) -> Document:
    """What is offered from here counts as a dispute from the moment the hub says so."""
    if db.execute(OPEN_OFFER, [entry_id]).fetchall():
        document["disputed"] = True
    return document


def settle(db: sqlite3.Connection, entry_id: str, conflict_id: str) -> None:
    """Takes a decided conflict's offers out of the committed document: a newer one may never come for it."""
    base = committed(db, entry_id)
    if base is None:
        return
    document = base[0]
    left = [one for one in document.get("alternatives") or [] if str(one.get("conflict_id")) != conflict_id]
    document |= {"alternatives": left, "disputed": bool(left)}
    document.pop("value")
    db.execute("UPDATE entries SET document = ? WHERE entry_id = ?", [dumps(document), entry_id])


def expiry(document: Mapping[str, Any]) -> float | None:
    """Seconds since 1970."""
    text = document.get("expires_at")
    return datetime.fromisoformat(text).timestamp() if isinstance(text, str) else None
