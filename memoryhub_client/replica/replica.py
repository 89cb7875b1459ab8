"""The replica: what an agent reads, writes and syncs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from memoryhub_client.replica import changes, conflicts, meta
from memoryhub_client.replica.changes import ATTRIBUTES, Edit
from memoryhub_client.replica.exceptions import NotInReplica
from memoryhub_client.replica.files import File
from memoryhub_client.replica.ids import is_id, new_id
from memoryhub_client.replica.listening import Listener
from memoryhub_client.replica.reports import KnownConflict, LocalChange, LocalEntry, Status, SyncReport
from memoryhub_client.replica.syncing import Client, Sync
from memoryhub_client.replica.words import query_of

SHOWN = "SELECT document, own, can_write, pending FROM shown"
ALIVE = "(expires IS NULL OR expires > :now)"
#: Own before granted, what was just written before what came from the hub, about the user before about nobody.
BY_KEY = f"""
{SHOWN} WHERE key = :key AND {ALIVE} AND (:user IS NULL OR user_id IS NULL OR user_id = :user)
ORDER BY own DESC, pending DESC, user_id IS :user DESC, user_id IS NULL DESC, entry_id LIMIT 1
"""
BY_ID = f"""
{SHOWN} WHERE entry_id IN (:key, (SELECT entry_id FROM ids WHERE given_id = :key)) AND {ALIVE} LIMIT 1
"""
WRITABLE = f"""
{SHOWN} WHERE key = :key AND {ALIVE} AND user_id IS :user AND (own OR can_write)
ORDER BY own DESC, pending DESC, entry_id LIMIT 1
"""
COUNTS = """
SELECT (SELECT count(*) FROM entries), (SELECT count(*) FROM changes WHERE state <> 'rejected'),
    (SELECT count(*) FROM changes WHERE state = 'rejected'), (SELECT count(*) FROM conflicts WHERE status = 'open')
"""
#: The best are chosen before their documents are touched; as many more as have expired may have to be passed over.
SEARCH = f"""
SELECT document, own, can_write, pending FROM (
    SELECT rowid AS found, rank FROM words WHERE words MATCH :query AND rank MATCH 'bm25(2.0, 1.0)' ORDER BY rank
    LIMIT :limit + (SELECT count(*) FROM shown WHERE expires <= :now)
) JOIN shown ON number = found WHERE {ALIVE} ORDER BY rank, number LIMIT :limit
"""


class Replica:
    """A copy of an agent's slice in one SQLite file: reads in-process, writes offline, syncs when asked.

    ``client``: a MemoryClient. ``user_id``: holds only what is about that user or about nobody. Opening needs no
    hub; the first ``sync`` registers the replica. Threads may share it, and several processes may open one file:
    their transactions wait for each other, and one of them syncs at a time.

    An own memory wins over a granted one under the same key. Errors: ReplicaError (its subclasses say what is the
    matter with the file), and from ``sync`` HubError (refused) and OSError (the hub is away).
    """

    def __init__(
        self, path: str | Path, client: Client, *, agent_id: str, user_id: str | None = None, name: str = ""
    ) -> None:
        self.path = str(path)
        self.client = client
        self.agent_id = agent_id
        self.user_id = user_id
        self.name = name
        self._file = File(self.path)
        self._listener: Listener | None = None
        try:
            with self._file.transaction() as db:
                meta.claim(db, self.path, agent_id, user_id)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops listening and closes the file. Closing twice is no error."""
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        self._file.close()

    # reading

    def get(self, key: str, *, user_id: str | None = None) -> LocalEntry | None:
        """The memory under a key or an id, or None. ``user_id``: whom it is about, if not the replica's user."""
        given = {"key": key, "user": user_id or self.user_id, "now": time.time()}
        found = self._file.read(BY_KEY, given)
        if not found and is_id(key):
            found = self._file.read(BY_ID, given)
        return entry(found[0]) if found else None

    def search(self, text: str, limit: int = 10) -> list[LocalEntry]:
        """Memories with any of the words, best match (BM25) first."""
        query = query_of(text)
        if not query:
            return []
        return [entry(row) for row in self._file.read(SEARCH, {"query": query, "limit": limit, "now": time.time()})]

    def entries(self) -> list[LocalEntry]:
        """All memories that are shown, by key."""
        rows = self._file.read(f"{SHOWN} WHERE {ALIVE} ORDER BY key, entry_id", {"now": time.time()})
        return [entry(row) for row in rows]

    # writing

    def put(
        self, key: str, value: Any, *, user_id: str | None = None, strategy: str | None = None, **attributes: Any
    ) -> str:
        """Writes at once here, and at the hub with the next sync; answers the id.

        ``key``: an id names precisely that memory; a key names the agent's own about the user, else one that was
        granted for writing, else a new one. ``value``: any JSON. ``attributes``: category, importance, memory_type,
        tags, metadata, layer, priority. ``strategy``: how to decide if others changed it meanwhile.
        """
        if unknown := attributes.keys() - ATTRIBUTES:
            raise TypeError(f"put() takes no {', '.join(sorted(unknown))}; it takes {', '.join(sorted(ATTRIBUTES))}.")
        json.dumps([value, attributes], allow_nan=False)
        user = user_id or self.user_id
        with self._file.transaction() as db:
            target = self._target(db, key, user) or self._fresh(key, user)
            edit = Edit(op="put", value=value, attributes=attributes, strategy=strategy, **target)
            changes.add(db, edit)
        return edit.entry_id

    def delete(self, key: str, *, user_id: str | None = None) -> bool:
        """Deletes here at once, and at the hub with the next sync. False: there is nothing of that name."""
        with self._file.transaction() as db:
            target = self._target(db, key, user_id or self.user_id)
            if target is not None:
                changes.add(db, Edit(op="delete", **target))
        return target is not None

    def _target(self, db: Any, key: str, user: str | None) -> dict[str, Any] | None:
        given = {"key": key, "user": user, "now": time.time()}
        rows = db.execute(WRITABLE, given).fetchall()
        if not rows and is_id(key):
            rows = db.execute(BY_ID, given).fetchall()
        if not rows:
            return None
        found = json.loads(rows[0][0])
        owner = found.get("agent_id") or self.agent_id
        return {"entry_id": found["entry_id"], "key": found["key"], "owner": owner, "user_id": found.get("user_id")}

    def _fresh(self, key: str, user: str | None) -> dict[str, Any]:
        if is_id(key):
            raise NotInReplica(f"There is no memory {key} here. Name a key to write a new one.")
        return {"entry_id": new_id(), "key": key, "owner": self.agent_id, "user_id": user}

    # what became of it

    def pending(self) -> list[LocalChange]:
        """Edits that the hub has not answered yet, oldest first."""
        return self._changes("state <> 'rejected'")

    def rejected(self) -> list[LocalChange]:
        """Edits that the hub refused, with code and detail: kept until ``retry`` or ``discard``."""
        return self._changes("state = 'rejected'")

    def retry(self, change_id: str) -> str:
        """Lets a refused edit be pushed again; answers its new change_id."""
        with self._file.transaction() as db:
            return changes.retry(db, change_id)

    def discard(self, change_id: str) -> None:
        """Gives up an edit that is waiting or was refused."""
        with self._file.transaction() as db:
            changes.discard(db, change_id)

    def conflicts(self, *, decided: bool = False) -> list[KnownConflict]:
        """Open conflicts that concern the agent, with what was offered from here; ``decided`` lists the others."""
        condition = "status <> 'open'" if decided else "status = 'open'"
        rows = self._file.read(f"{conflicts.SELECT} WHERE {condition} ORDER BY conflict_id")
        return [conflicts.known_conflict(row) for row in rows]

    def status(self) -> Status:
        known = meta.Meta.of(self._file.read(meta.SELECT))
        entries, pending, rejected, open_ones = self._file.read(COUNTS)[0]
        return Status(
            path=self.path,
            agent_id=known.agent_id,
            user_id=known.user_id,
            replica_id=known.replica_id,
            epoch=known.epoch,
            cursor=known.cursor,
            last_sync_at=known.last_sync_at,
            stream_url=known.stream_url,
            entries=entries,
            pending=pending,
            rejected=rejected,
            conflicts=open_ones,
        )

    def _changes(self, condition: str) -> list[LocalChange]:
        rows = self._file.read(f"SELECT {changes.COLUMNS} FROM changes WHERE {condition} ORDER BY position")
        return [changes.local_change(row) for row in rows]

    # syncing

    def sync(self) -> SyncReport:
        """Pushes what was edited here and pulls the feed to its end; what it did.

        May be repeated at any time: what was pushed before its answer was lost is not done twice.
        """
        with self._file.one_at_a_time():
            return Sync(self._file, self.client, name=self.name).run()

    def listen(
        self,
        *,
        on_sync: Callable[[SyncReport], object] | None = None,
        on_problem: Callable[[Exception], object] | None = None,
    ) -> None:
        """Follows the hub's stream in a thread and syncs as soon as something changed, until ``close``.

        A lost connection is opened again, with growing pauses; ``on_problem`` hears of it.
        """
        if self._listener is None:
            self._listener = Listener(self, on_sync=on_sync, on_problem=on_problem)
            self._listener.start()


def entry(row: tuple[Any, ...]) -> LocalEntry:
    document, own, can_write, pending = row
    return LocalEntry(json.loads(document), bool(own), bool(can_write), bool(pending))
