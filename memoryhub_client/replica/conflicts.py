"""Conflicts that the replica knows of, and what was offered from here."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping
from typing import Any

from memoryhub_client.replica import overlay
from memoryhub_client.replica.changes import local_change
from memoryhub_client.replica.ids import new_id
from memoryhub_client.replica.reports import KnownConflict

#: The others are findings about two entries, which dispute neither.
ABOUT_VALUE = frozenset({"edit", "creation", "proposal"})
LOST = "The hub does not know the conflict any more that this was offered in. Retry offers it again."
OFFERS = "SELECT conflict_id, entry_id, offer FROM conflicts WHERE offer IS NOT NULL AND "
SELECT = "SELECT conflict_id, entry_id, status, kind, version, resolution, offer FROM conflicts"


def offered(db: sqlite3.Connection, row: sqlite3.Row, conflict_id: str, entry_id: str) -> None:
    """The pushed change became a candidate of a conflict: what it says is kept until that is decided."""
    offer = {name: row[name] for name in row.keys()} | {"entry_id": entry_id}  # noqa: SIM118 - a Row iterates values
    db.execute(
        "INSERT INTO conflicts VALUES (?, ?, 'open', ?, 0, '', 1, ?) "
        "ON CONFLICT (conflict_id) DO UPDATE SET offer = excluded.offer WHERE status = 'open'",
        [conflict_id, entry_id, "edit" if row["base_version"] is not None else "creation", overlay.dumps(offer)],
    )
    overlay.show(db, entry_id)


def heard(db: sqlite3.Connection, conflict: Mapping[str, Any]) -> None:
    """What the feed says of a conflict. Decided ones let go of what was offered."""
    known = dict(conflict)
    conflict_id, entry_id = str(known["id"]), str(known["entry_id"])
    status, version = str(known["status"]), int(known["version"])
    db.execute(
        """
        INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, 1, NULL)
        ON CONFLICT (conflict_id) DO UPDATE SET status = excluded.status, kind = excluded.kind,
            version = excluded.version, resolution = excluded.resolution, confirmed = 1, entry_id = excluded.entry_id,
            offer = CASE WHEN excluded.status = 'open' THEN conflicts.offer END
        WHERE excluded.version >= conflicts.version
        """,
        [conflict_id, entry_id, status, str(known["kind"]), version, str(known.get("resolution") or "")],
    )
    if status != "open" and known["kind"] in ABOUT_VALUE:
        overlay.settle(db, entry_id, conflict_id)
    overlay.show(db, entry_id)


def forget_synced(db: sqlite3.Connection) -> None:
    """For a reset: only what holds an offer stays, until the feed names it again or has ended."""
    db.execute("DELETE FROM conflicts WHERE offer IS NULL")
    db.execute("UPDATE conflicts SET confirmed = 0, version = 0")


def rescue_unconfirmed(db: sqlite3.Connection) -> None:
    """After a reset: what was offered in conflicts that the feed has not named again is not dropped silently."""
    _refuse_offers(db, db.execute(OFFERS + "confirmed = 0").fetchall())


def rescue_unheard_of(db: sqlite3.Connection, entry_id: str) -> None:
    """The same for conflicts of an entry that the hub does not have, of which only a push has told."""
    _refuse_offers(db, db.execute(OFFERS + "version = 0 AND entry_id = ?", [entry_id]).fetchall())


def settle_unheard_of(db: sqlite3.Connection, entry_id: str, listed: Collection[str]) -> None:
    """Conflicts of which only a push has told, and which the hub does not list as open: they are decided."""
    told = db.execute(
        "SELECT conflict_id FROM conflicts WHERE entry_id = ? AND version = 0 AND status = 'open'", [entry_id]
    ).fetchall()
    for (conflict_id,) in told:
        if conflict_id not in listed:
            db.execute("UPDATE conflicts SET status = 'resolved', offer = NULL WHERE conflict_id = ?", [conflict_id])
            overlay.settle(db, entry_id, conflict_id)
            overlay.show(db, entry_id)


def _refuse_offers(db: sqlite3.Connection, lost: list[tuple[str, str, str]]) -> None:
    """Makes refused changes of them, for people to retry or discard."""
    for conflict_id, entry_id, text in lost:
        offer = json.loads(text)
        db.execute(
            "INSERT INTO changes (change_id, entry_id, state, op, key, owner, user_id, value, attributes, strategy, "
            "base_version, base_value, written_at, code, detail) "
            "VALUES (?, ?, 'rejected', ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, 'conflict_lost', ?)",
            [
                *[new_id(), entry_id, offer["op"], offer["key"], offer["owner"], offer["user_id"], offer["value"]],
                *[offer["attributes"], offer["strategy"], offer["written_at"], LOST],
            ],
        )
        db.execute("DELETE FROM conflicts WHERE conflict_id = ?", [conflict_id])


def known_conflict(row: tuple[Any, ...]) -> KnownConflict:
    offer = json.loads(row[6]) if row[6] else None
    if offer is not None:
        offer |= {"state": "offered", "code": None, "detail": None}
        offer = local_change(tuple(offer.get(name) for name in LOCAL))
    return KnownConflict(**dict(zip(KnownConflict.__slots__, (*row[:6], offer), strict=True)))


LOCAL = (
    *("change_id", "entry_id", "state", "op", "key", "user_id", "value", "attributes", "strategy", "base_version"),
    *("base_value", "written_at", "code", "detail"),
)
