"""What can go wrong with a replica, beside what the hub refuses (HubError) and a hub that is away (OSError)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class ReplicaError(Exception):
    """The replica could not do it; the message says why and what to do next."""


class ReplicaMismatch(ReplicaError):
    """The file belongs to another agent or user, or was written by a newer client."""


class ReplicaBusy(ReplicaError):
    """Another process has been writing the file, or syncing it, for too long."""


class ReplicaFull(ReplicaError):
    """There is no room for the change: the disk is full."""


class ReplicaDamaged(ReplicaError):
    """The file is no replica, or it is damaged."""


class ReplicaClosed(ReplicaError):
    """The replica has been closed."""


class NotInReplica(ReplicaError, LookupError):
    """The replica knows nothing of that name."""


#: SQLite's primary result codes, https://www.sqlite.org/rescode.html
KINDS: dict[int, tuple[type[ReplicaError], str]] = {
    sqlite3.SQLITE_BUSY: (ReplicaBusy, "Another process is writing {path}. Try again when it is done."),
    sqlite3.SQLITE_LOCKED: (ReplicaBusy, "Another process is writing {path}. Try again when it is done."),
    sqlite3.SQLITE_FULL: (ReplicaFull, "No room to write {path}: nothing was changed. Free some space and try again."),
    sqlite3.SQLITE_CORRUPT: (
        ReplicaDamaged,
        (
            "{path} is damaged. Move the file away: a new replica fills itself at its first sync; changes that the "
            "old one had not pushed are only in the old file."
        ),
    ),
    sqlite3.SQLITE_NOTADB: (ReplicaDamaged, "{path} is not a replica. Name another path, or move that file away."),
    sqlite3.SQLITE_READONLY: (ReplicaError, "{path} may not be written. Correct its permissions."),
    sqlite3.SQLITE_CANTOPEN: (ReplicaError, "{path} cannot be opened. Does its folder exist, and may it be written?"),
    sqlite3.SQLITE_IOERR: (ReplicaError, "Reading or writing {path} failed. Is the disk all right?"),
}


@contextmanager
def explained(path: str) -> Iterator[None]:
    """SQLite's errors as ours."""
    try:
        yield
    except sqlite3.ProgrammingError as problem:
        if "closed" in str(problem):
            raise ReplicaClosed(f"The replica {path} has been closed. Open it again.") from problem
        raise
    except sqlite3.DatabaseError as problem:
        kind, text = KINDS.get((getattr(problem, "sqlite_errorcode", None) or 0) & 0xFF, (None, ""))
        if kind is None:
            raise
        raise kind(text.format(path=path)) from problem
