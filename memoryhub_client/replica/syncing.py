"""One sync: push what was edited here, then pull the feed to its end.

Pushing comes first, so that what is pulled already tells what became of it. Each step is a transaction; killed
between any two of them, the next sync takes up where the file stands.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from memoryhub_client.errors import HubError
from memoryhub_client.replica import meta, pulling, pushing
from memoryhub_client.replica.files import File
from memoryhub_client.replica.reports import SyncReport

Json = dict[str, Any]
PAGE = 500
MOST_IDS = 100
#: Refusals of a whole request that a single one of its changes may have caused.
OF_ONE_CHANGE = (400, 413, 422)


class Client(Protocol):
    """What a replica needs of a client; MemoryClient has it."""

    def register_replica(self, agent_id: str, *, user_id: str | None = None, name: str = "") -> Json: ...

    def changes(
        self,
        agent_id: str,
        *,
        after: int = 0,
        epoch: int | None = None,
        limit: int | None = None,
        user_id: str | None = None,
        replica_id: str | None = None,
    ) -> Json: ...

    def push(self, agent_id: str, replica_id: str, changes: Sequence[Json]) -> list[Json]: ...

    def get_many(self, ids: Sequence[str], *, agent_id: str | None = None) -> list[Json]: ...


class Sync:
    """One run. ``run`` raises HubError and OSError as the client does; what was done until then stays done."""

    def __init__(self, file: File, client: Client, *, name: str = "", page: int = PAGE) -> None:
        self.file = file
        self.client = client
        self.name = name
        self.page = page
        self.report = SyncReport()

    def run(self) -> SyncReport:
        try:
            self._run()
        except HubError as problem:
            if problem.status != 404 or self._meta().replica_id is None:
                raise
            # a hub restored from an older backup does not know this replica: it registers anew, once
            self._save(replica_id=None)
            self._run()
        return self.report

    def _run(self) -> None:
        self._register()
        self._notice_restore()
        self._push()
        self._pull()
        if self._meta().to_scrub:
            self._scrub()

    def _meta(self) -> meta.Meta:
        return meta.Meta.of(self.file.read(meta.SELECT))

    def _save(self, **values: Any) -> None:
        with self.file.transaction() as db:
            meta.save(db, **values)

    def _register(self) -> None:
        known = self._meta()
        if known.replica_id is not None:
            return
        answer = self.client.register_replica(known.agent_id, user_id=known.user_id, name=self.name)
        epoch = int(answer["epoch"])
        with self.file.transaction() as db:
            if known.epoch not in (None, epoch):
                self._begin_again(db, epoch)
            meta.save(db, replica_id=answer["replica_id"], epoch=epoch, stream_url=answer.get("stream_url"))

    def _notice_restore(self) -> None:
        """Base versions of another epoch mean nothing to the hub: the new copy is pulled before pushing."""
        known = self._meta()
        waits = self.file.read("SELECT 1 FROM changes WHERE state <> 'rejected' LIMIT 1")
        if known.to_rebase or (waits and self._ask(known, limit=1)["reset"]):
            self._pull()

    def _push(self) -> None:
        with self.file.transaction() as db:
            through = pushing.last_position(db)
        tried: set[int] = set()
        while True:
            with self.file.transaction() as db:
                rows = pushing.take(db, through=through, tried=tried)
            if not rows:
                return
            self._send(rows)
            tried.update(row["position"] for row in rows)

    def _send(self, rows: Sequence[sqlite3.Row]) -> None:
        known = self._meta()
        assert known.replica_id is not None
        try:
            results = self.client.push(known.agent_id, known.replica_id, [pushing.to_request(row) for row in rows])
        except HubError as problem:
            if problem.status not in OF_ONE_CHANGE:
                raise
            self._send_apart(rows, problem)
            return
        self._take_in(rows, results, self._documents(results, known.agent_id))

    def _send_apart(self, rows: Sequence[sqlite3.Row], problem: HubError) -> None:
        """The hub will not even look at the request: finds the change that it cannot take."""
        if len(rows) > 1:
            middle = len(rows) // 2
            self._send(rows[:middle])
            self._send(rows[middle:])
            return
        with self.file.transaction() as db:
            pushing.refuse(db, rows[0], problem.code, problem.detail)
        self.report.count("rejected")

    def _documents(self, results: Sequence[Json], agent_id: str) -> dict[str, Json]:
        return self._read(pushing.unseen(results), agent_id)

    def _read(self, ids: Sequence[str], agent_id: str) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for start in range(0, len(ids), MOST_IDS):
            for document in self.client.get_many(ids[start : start + MOST_IDS], agent_id=agent_id):
                found[str(document["entry_id"])] = document
        return found

    def _take_in(self, rows: Sequence[sqlite3.Row], results: Sequence[Json], documents: Mapping[str, Json]) -> None:
        answers = {str(result["change_id"]): result for result in results}
        if missing := [row["change_id"] for row in rows if row["change_id"] not in answers]:
            raise HubError(502, {"code": "incomplete_answer", "detail": f"No answer to the changes {missing}."})
        with self.file.transaction() as db:
            outcomes = [self._take_in_one(db, row, answers[row["change_id"]], documents) for row in rows]
        for outcome in outcomes:
            self.report.count(outcome)

    def _take_in_one(
        self, db: sqlite3.Connection, row: sqlite3.Row, result: Json, documents: Mapping[str, Json]
    ) -> str:
        document = documents.get(str(result.get("entry_id")))
        return pushing.take_in(db, row, result, document and {**document, **pulling.marks(document)})

    def _pull(self) -> None:
        if self._meta().cursor == 0:
            self._look_after_unfed()
        more = True
        while more:
            known = self._meta()
            page = self._ask(known, limit=self.page)
            with self.file.transaction() as db:
                if page["reset"]:
                    self._begin_again(db, int(page["epoch"]))
                    continue
                pulled = pulling.apply_page(db, page, epoch=int(page["epoch"]), after=known.cursor)
                more = bool(page["more"])
                if not more:
                    pulling.finish(db)
            self.report.pulled += pulled
        # an answer to a repeated push may be older than what the feed had said before
        self._look_after_unfed()

    def _look_after_unfed(self) -> None:
        known = self._meta()
        ids = [str(entry_id) for (entry_id,) in self.file.read(pulling.UNFED)]
        if not ids:
            return
        found = self._read(ids, known.agent_id)
        with self.file.transaction() as db:
            pulling.forget_missing(db, ids, found)

    def _ask(self, known: meta.Meta, *, limit: int) -> Json:
        return self.client.changes(
            known.agent_id,
            after=known.cursor,
            epoch=known.epoch,
            limit=limit,
            user_id=known.user_id,
            replica_id=known.replica_id,
        )

    def _begin_again(self, db: sqlite3.Connection, epoch: int) -> None:
        pulling.begin_again(db, epoch)
        self.report.reset = True

    def _scrub(self) -> None:
        with self.file.transaction() as db:
            pulling.scrub(db)
        if self.file.empty_log():
            self._save(to_scrub=None)
