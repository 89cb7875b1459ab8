"""Taking in the feed: a page and its place in the feed are one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from memoryhub_client.replica import conflicts, meta, overlay
from memoryhub_client.replica.changes import now

Json = Mapping[str, Any]
#: Why the feed is read from its beginning (Meta.to_rebase).
RESTORED, PURGED = "restored", "purged"
CHANGED = "The hub was restored and holds another version of this memory. Look at it, then retry or discard."
ERASED = "The memory was erased at the hub, and so was this change."
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
        overlay.put(db, item["entry"] | marks(item["entry"]), can_write=bool(item.get("can_write")), fed=True)
    elif item["kind"] == "gone":
        leave(db, str(item["entry_id"]), erased=item.get("reason") == "erased")
    elif item["kind"] == "conflict":
        conflicts.heard(db, item["conflict"])


def leave(db: sqlite3.Connection, entry_id: str, *, erased: bool) -> None:
    """Out of the slice. Erased, the words of edits and offers go as well; that there was an edit stays visible."""
    if erased:
        db.execute(
            "UPDATE changes SET state = 'rejected', value = 'null', attributes = '{}', base_value = NULL, "
            "code = 'erased', detail = ? WHERE entry_id = ?",
            [ERASED, entry_id],
        )
        db.execute("DELETE FROM conflicts WHERE entry_id = ?", [entry_id])
    if overlay.remove(db, entry_id) or erased:
        meta.save(db, to_scrub=1)


def marks(entry: Json) -> dict[str, Any]:
    """An encrypted entry is metadata here, even if a hub should send more."""
    return {"value": None, "metadata_only": True} if entry.get("encrypted") else {}


def begin_again(db: sqlite3.Connection, epoch: int) -> None:
    """The feed is read from its beginning: the synced copy goes, what was edited here and not answered stays.

    That is so in another epoch (the hub was restored), and when tombstones that were not read are forgotten.
    """
    known = meta.load(db)
    db.execute("DELETE FROM entries")
    conflicts.forget_synced(db)
    db.execute("DELETE FROM shown")
    db.execute("DELETE FROM words")
    restored = known.to_rebase == RESTORED or epoch != known.epoch
    meta.save(db, epoch=epoch, cursor=0, to_rebase=RESTORED if restored else PURGED, to_scrub=1)
    for (entry_id,) in db.execute("SELECT DISTINCT entry_id FROM changes").fetchall():
        overlay.show(db, entry_id)


def rebase(db: sqlite3.Connection) -> None:
    """Sets edits made in another epoch on the entries of this one.

    Where the hub's value is what the edit was made on, its version becomes the base. Elsewhere there is no common
    base any more: the hub makes a conflict of it, or stores it as new.
    """
    rows = db.execute(
        "SELECT position, entry_id, op, owner, base_value FROM changes "
        "WHERE state <> 'rejected' AND base_version IS NOT NULL"
    ).fetchall()
    mine = meta.load(db).agent_id
    for position, entry_id, op, owner, base_value in rows:
        base = overlay.committed(db, entry_id)
        if base is not None and base_value is not None and base[0]["value"] == json.loads(base_value):
            _set_base(db, position, int(base[0]["sync_version"]))
        elif op == "delete" and base is None:
            db.execute("DELETE FROM changes WHERE position = ?", [position])
        elif op == "delete":
            _refuse(db, position, "stale", CHANGED)
        elif base is not None or owner == mine:
            _set_base(db, position, None)
        else:
            _refuse(db, position, "not_found", LOST)
        overlay.show(db, entry_id)


def _set_base(db: sqlite3.Connection, position: int, version: int | None) -> None:
    db.execute("UPDATE changes SET base_version = ? WHERE position = ?", [version, position])


def _refuse(db: sqlite3.Connection, position: int, code: str, detail: str) -> None:
    db.execute(
        "UPDATE changes SET state = 'rejected', base_version = NULL, code = ?, detail = ? WHERE position = ?",
        [code, detail, position],
    )


#: Entries that only the answers to pushes have told of, themselves or by their conflicts.
UNFED = """
SELECT entry_id FROM entries WHERE NOT fed
UNION SELECT entry_id FROM conflicts WHERE version = 0 AND status = 'open'
"""


def forget_missing(db: sqlite3.Connection, asked: Iterable[str], found: Mapping[str, Json]) -> None:
    """Drops those of the ``asked`` entries that the hub has no more, and turns what was offered for them into refusals;
    conflicts that it does not list any more have been decided.

    A feed that is read from its beginning does not tell of them: older tombstones may be forgotten.
    """
    for entry_id in asked:
        if entry_id not in found:
            leave(db, entry_id, erased=False)
            conflicts.rescue_unheard_of(db, entry_id)
        else:
            listed = {str(one["conflict_id"]) for one in found[entry_id].get("alternatives") or []}
            conflicts.settle_unheard_of(db, entry_id, listed)


def finish(db: sqlite3.Connection) -> None:
    """The end of the feed was reached."""
    begun = meta.load(db).to_rebase
    if begun == RESTORED:
        rebase(db)
    if begun:
        conflicts.rescue_unconfirmed(db)
    meta.save(db, last_sync_at=now(), to_rebase=None)


def scrub(db: sqlite3.Connection) -> None:
    """FTS5 keeps the words of deleted rows until it merges; so it is told to."""
    db.execute("INSERT INTO words (words) VALUES ('optimize')")
