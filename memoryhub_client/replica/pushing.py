"""Sending what was edited here, and taking in what the hub made of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from memoryhub_client.replica import conflicts, overlay
from memoryhub_client.replica.changes import rename

Json = dict[str, Any]
#: What the hub takes at once, in changes and (below its limit for a body) in characters.
MOST_CHANGES = 200
MOST_CHARACTERS = 600_000
OUTCOMES = frozenset({"applied", "merged", "kept", "conflict", "rejected"})
#: Why a change is not taken now, though it may be later.
PASSING = frozenset({"locked", "stale_fence", "rate_limited", "unavailable"})
DEFERRED = "deferred"
#: The oldest unanswered change of each entry: a later one can only be sent when the earlier one is answered.
NEXT = """
SELECT * FROM changes c WHERE state <> 'rejected' AND position <= :through AND NOT EXISTS (
    SELECT 1 FROM changes o WHERE o.entry_id = c.entry_id AND o.state = 'sent' AND o.position < c.position)
ORDER BY position LIMIT :most
"""


def last_position(db: sqlite3.Connection) -> int:
    """Edits made after this one wait for the next sync."""
    return int(db.execute("SELECT coalesce(max(position), 0) FROM changes").fetchall()[0][0])


def take(db: sqlite3.Connection, *, through: int, tried: Collection[int]) -> list[sqlite3.Row]:
    """The next changes to send, but for the ``tried`` positions; they stay as they are until they are answered."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    rows = cursor.execute(NEXT, {"through": through, "most": MOST_CHANGES + len(tried)}).fetchall()
    found = within([row for row in rows if row["position"] not in tried][:MOST_CHANGES])
    db.executemany(
        "UPDATE changes SET state = 'sent' WHERE position = ? AND state = 'waiting'",
        [[row["position"]] for row in found],
    )
    return found


def within(rows: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    """As many as fit in one request, at least one."""
    taken: list[sqlite3.Row] = []
    size = 0
    for row in rows:
        size += len(row["value"] or "") + len(row["attributes"]) + len(row["key"]) + 500
        if taken and size > MOST_CHARACTERS:
            break
        taken.append(row)
    return taken


def to_request(row: sqlite3.Row) -> Json:
    change: Json = {
        "change_id": row["change_id"],
        "op": row["op"],
        "entry_id": row["entry_id"],
        "key": row["key"],
        "base_version": row["base_version"],
        "written_at": row["written_at"],
    }
    if row["op"] == "put":
        change |= {"value": json.loads(row["value"]), "attributes": json.loads(row["attributes"])}
    change |= {name: row[name] for name in ("user_id", "strategy") if row[name] is not None}
    return change


def unseen(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Entries whose committed value the answers do not tell."""
    named = (r["entry_id"] for r in results if r["outcome"] in ("merged", "kept", "conflict") and r.get("entry_id"))
    return list(dict.fromkeys(map(str, named)))


def take_in(db: sqlite3.Connection, row: sqlite3.Row, result: Mapping[str, Any], document: Json | None) -> str:
    """Applies one answer; gives its outcome. An answer to a change that is not unanswered any more says nothing new."""
    outcome = str(result["outcome"])
    if not db.execute("SELECT 1 FROM changes WHERE change_id = ?", [row["change_id"]]).fetchall():
        return outcome if outcome in OUTCOMES else "rejected"
    if outcome == "rejected" and result.get("code") in PASSING:
        defer(db, row, str(result["code"]), str(result.get("detail") or ""))
        return DEFERRED
    if outcome not in OUTCOMES or outcome == "rejected":
        refuse(db, row, str(result.get("code") or "rejected"), str(result.get("detail") or ""))
        return "rejected"
    entry_id = str(result.get("entry_id") or row["entry_id"])
    db.execute("DELETE FROM changes WHERE change_id = ?", [row["change_id"]])
    if entry_id != row["entry_id"]:
        rename(db, row["entry_id"], entry_id)
    if document is not None:
        overlay.put(db, document, can_write=can_write(db, entry_id), fed=False)
    if outcome == "applied":
        _applied(db, row, entry_id, int(result["version"]))
    if outcome == "conflict" and result.get("conflict_id"):
        conflicts.offered(db, row, str(result["conflict_id"]), entry_id)
    overlay.show(db, entry_id)
    return outcome


def refuse(db: sqlite3.Connection, row: sqlite3.Row, code: str, detail: str) -> None:
    """Kept and listed until somebody retries or discards it."""
    db.execute(
        "UPDATE changes SET state = 'rejected', code = ?, detail = ? WHERE change_id = ?",
        [code, detail, row["change_id"]],
    )
    overlay.show(db, row["entry_id"])


def defer(db: sqlite3.Connection, row: sqlite3.Row, code: str, detail: str) -> None:
    """It waits again, in what was edited on top of it if there is such a thing."""
    later = db.execute(
        "SELECT op, attributes FROM changes WHERE entry_id = ? AND state = 'waiting'", [row["entry_id"]]
    ).fetchall()
    if later:
        both = {op for op, _ in later} == {row["op"]} == {"put"}
        attributes = (json.loads(row["attributes"]) if both else {}) | json.loads(later[0][1])
        db.execute("DELETE FROM changes WHERE change_id = ?", [row["change_id"]])
        db.execute(
            "UPDATE changes SET attributes = ? WHERE entry_id = ? AND state = 'waiting'",
            [overlay.dumps(attributes), row["entry_id"]],
        )
    else:
        db.execute(
            "UPDATE changes SET state = 'waiting', code = ?, detail = ? WHERE change_id = ?",
            [code, detail, row["change_id"]],
        )
    overlay.show(db, row["entry_id"])


def _applied(db: sqlite3.Connection, row: sqlite3.Row, entry_id: str, version: int) -> None:
    """The change is the committed version now, and the base of what was edited on top of it meanwhile."""
    if row["op"] == "delete":
        overlay.remove(db, entry_id)
        _rebase(db, entry_id, None, None)
        return
    base = overlay.committed(db, entry_id)
    before = base or (overlay.born(entry_id, row["key"], row["owner"], row["user_id"], row["written_at"]), True)
    document = before[0] | json.loads(row["attributes"]) | {"value": json.loads(row["value"]), "sync_version": version}
    if base is None or int(base[0]["sync_version"]) < version:
        overlay.put(db, document, can_write=before[1], fed=False)
    _rebase(db, entry_id, version, row["value"])


def _rebase(db: sqlite3.Connection, entry_id: str, version: int | None, value: str | None) -> None:
    db.execute(
        "UPDATE changes SET base_version = ?, base_value = ? WHERE entry_id = ? AND state = 'waiting'",
        [version, value, entry_id],
    )


def can_write(db: sqlite3.Connection, entry_id: str) -> bool:
    """The push was let in, so the agent may write what it pushed; the feed corrects it if that ends."""
    base = overlay.committed(db, entry_id)
    return base[1] if base else True
