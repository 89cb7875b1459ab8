"""Taking in the feed: a page and its place in the feed are one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from memoryhub_client.replica import conflicts, meta, overlay
from memoryhub_client.replica.changes import now

Json = Mapping[str, Any]
LOST = (
    "The hub was restored from a backup that does not hold this memory of another agent. "
    "Discard the change, or retry when the memory has been shared again."
)


def apply_page(db: sqlite3.Connection, page: Json, *, epoch: int, after: int) -> int:
    """Applies the page that was read after number ``after``; how many items.

    A page read at another place than where the file stands by now is not applied.
    """
    known = meta.load(db)
    if (known.epoch, known.cursor) != (epoch, after):
        return 0
    for item in page["items"]:
        apply_item(db, item)
    meta.save(db, cursor=int(page["next"]), stream_url=page.get("stream_url") or known.stream_url)
    return len(page["items"])


def apply_item(db: sqlite3.Connection, item: Json) -> None:
    """Idempotent. A kind that this client does not know is passed over: a newer hub says more."""
    if item["kind"] == "put":
        overlay.put(db, item["entry"] | marks(item["entry"]), can_write=bool(item.get("can_write")))
    elif item["kind"] == "gone" and overlay.remove(db, str(item["entry_id"])):
        meta.save(db, to_scrub=1)
    elif item["kind"] == "conflict":
        conflicts.heard(db, item["conflict"])


def marks(entry: Json) -> dict[str, Any]:
    """An encrypted entry is metadata here, even if a hub should send more."""
    return {"value": None, "metadata_only": True} if entry.get("encrypted") else {}


def begin_again(db: sqlite3.Connection, epoch: int) -> None:
    """Another epoch: the synced copy goes, what was edited here and not answered stays."""
    db.execute("DELETE FROM entries")
    conflicts.forget_synced(db)
    db.execute("DELETE FROM shown")
    db.execute("DELETE FROM words")
    meta.save(db, epoch=epoch, cursor=0, to_rebase=1, to_scrub=1)
    for (entry_id,) in db.execute("SELECT DISTINCT entry_id FROM changes").fetchall():
        overlay.show(db, entry_id)


def finish_reset(db: sqlite3.Connection) -> None:
    """After the first full pull of an epoch: edits made on the old copy are set on the new one.

    Where the hub's value is what the edit was made on, its version becomes the base; elsewhere there is no common
    base any more, and the hub makes a conflict of it, or stores it as new.
    """
    rows = db.execute(
        "SELECT position, entry_id, op, owner, base_value FROM changes "
        "WHERE state <> 'rejected' AND base_version IS NOT NULL"
    ).fetchall()
    mine = meta.load(db).agent_id
    for position, entry_id, op, owner, base_value in rows:
        base = overlay.committed(db, entry_id)
        same = base is not None and base_value is not None and base[0]["value"] == json.loads(base_value)
        if base is not None:
            version = int(base[0]["sync_version"]) if same else None
            db.execute("UPDATE changes SET base_version = ? WHERE position = ?", [version, position])
        elif op == "delete":
            db.execute("DELETE FROM changes WHERE position = ?", [position])
        elif owner == mine:
            db.execute("UPDATE changes SET base_version = NULL, base_value = NULL WHERE position = ?", [position])
        else:
            db.execute(
                "UPDATE changes SET state = 'rejected', code = 'not_found', detail = ? WHERE position = ?",
                [LOST, position],
            )
        overlay.show(db, entry_id)
    conflicts.rescue_unconfirmed(db)
    meta.save(db, to_rebase=None)


def finish(db: sqlite3.Connection) -> None:
    if meta.load(db).to_rebase:
        finish_reset(db)
    meta.save(db, last_sync_at=now())


def scrub(db: sqlite3.Connection) -> None:
    """FTS5 keeps the words of deleted rows until it merges; so it is told to."""
    db.execute("INSERT INTO words (words) VALUES ('optimize')")
