"""One SQLite file: a connection that writes, one that reads, and a lock for syncing between processes."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from memoryhub_client.replica.exceptions import ReplicaBusy, ReplicaMismatch, explained
from memoryhub_client.replica.schema import MIGRATIONS

Row = tuple[Any, ...]
Given = Sequence[Any] | Mapping[str, Any]
#: How long one process waits for another's transaction.
BUSY_SECONDS = 10.0


class File:
    """Readers never wait for writers: write-ahead log, and a connection of their own.

    Several processes may open one file. Their transactions wait for each other up to ``BUSY_SECONDS``.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._writing = threading.RLock()
        self._reading = threading.Lock()
        self._syncing = threading.Lock()
        with explained(path):
            make_private(path)
            self._writer = connect(path)
            try:
                self._writer.execute("PRAGMA journal_mode = WAL").fetchall()
                self._migrate()
                self._reader = connect(path)
            except BaseException:
                self._writer.close()
                raise

    def read(self, statement: str, given: Given = ()) -> list[Row]:
        """All rows at once: a statement left open would keep the log from being emptied."""
        with self._reading, explained(self.path):
            return self._reader.execute(statement, given).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing, on disk when it ends."""
        with self._writing, explained(self.path):
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back itself after some errors, a full disk for one
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def one_at_a_time(self, seconds: float = 60) -> Iterator[None]:
        """Keeps two syncs of one file apart, threads and processes; a killed process frees it."""
        if not self._syncing.acquire(timeout=seconds):
            raise ReplicaBusy(f"Another sync of {self.path} has been running for {seconds:.0f} s. Try again later.")
        try:
            with explained(self.path):
                other = connect(f"{self.path}-sync", timeout=seconds)
            try:
                with explained(self.path):
                    other.execute("BEGIN EXCLUSIVE")
                yield
            finally:
                other.close()
        finally:
            self._syncing.release()

    def empty_log(self) -> bool:
        """Moves the write-ahead log into the file and truncates it. False: a reader was in the way."""
        with self._writing, explained(self.path):
            busy: int = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0][0]
        return not busy

    def close(self) -> None:
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def _migrate(self) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        with self._writer:
            version: int = self._writer.execute("PRAGMA user_version").fetchall()[0][0]
            if version > len(MIGRATIONS):
                raise ReplicaMismatch(f"{self.path} was written by a newer client. Update this one.")
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    self._writer.execute(statement)
            self._writer.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def make_private(path: str) -> None:
    """Memories are nobody else's business: the file is made readable for its owner only."""
    for name in (path, f"{path}-sync"):
        with suppress(FileExistsError, FileNotFoundError):
            os.close(os.open(Path(name), os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def connect(path: str, timeout: float = BUSY_SECONDS) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    # a local edit that was acknowledged survives a power cut; what was revoked is overwritten with zeros
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    return connection
