"""What the file knows about itself: whose it is, where in the feed it stands."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Self

from memoryhub_client.replica.exceptions import ReplicaMismatch

NAMES = ("agent_id", "user_id", "replica_id", "epoch", "cursor", "stream_url", "last_sync_at", "to_rebase", "to_scrub")


@dataclass(frozen=True, slots=True)
class Meta:
    """``to_rebase``: the feed is being read from its beginning, and why (pulling.RESTORED, PURGED).

    ``to_scrub``: something was removed whose traces still have to be wiped off the disk.
    """

    agent_id: str
    user_id: str | None
    replica_id: str | None
    epoch: int | None
    cursor: int
    stream_url: str | None
    last_sync_at: str | None
    to_rebase: str | None
    to_scrub: bool

    @classmethod
    def of(cls, rows: list[tuple[Any, ...]]) -> Self:
        found = dict(rows)
        return cls(
            agent_id=found["agent_id"],
            user_id=found.get("user_id"),
            replica_id=found.get("replica_id"),
            epoch=None if found.get("epoch") is None else int(found["epoch"]),
            cursor=int(found.get("cursor") or 0),
            stream_url=found.get("stream_url"),
            last_sync_at=found.get("last_sync_at"),
            to_rebase=found.get("to_rebase"),
            to_scrub=bool(found.get("to_scrub")),
        )


SELECT = "SELECT name, value FROM meta"


def load(db: sqlite3.Connection) -> Meta:
    return Meta.of(db.execute(SELECT).fetchall())


def save(db: sqlite3.Connection, **values: Any) -> None:
    """A value of None removes the name."""
    for name, value in values.items():
        assert name in NAMES
        if value is None:
            db.execute("DELETE FROM meta WHERE name = ?", [name])
        else:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [name, str(value)])


def claim(db: sqlite3.Connection, path: str, agent_id: str, user_id: str | None) -> None:
    """Makes the file this agent's, or refuses when it is another's."""
    found = dict(db.execute(SELECT).fetchall())
    if not found:
        save(db, agent_id=agent_id, user_id=user_id)
    elif (found["agent_id"], found.get("user_id")) != (agent_id, user_id):
        whose = f"agent {found['agent_id']}, " + (f"user {found['user_id']}" if "user_id" in found else "all users")
        raise ReplicaMismatch(f"{path} is the replica of {whose}. Name another path for this one.")
