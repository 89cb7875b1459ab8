"""Kills the hub's processes under load and counts what was lost or doubled.

Writers journal every acknowledged answer (fsync) and repeat what was not acknowledged with the same
Idempotency-Key. Between kills at least ``--writes`` writes are acknowledged. At the end the database
must hold every acknowledged write exactly once, messages must be numbered without a gap, and the
outbox must run dry.

    python -m benchmarks.kill_drill --kills 10 --writes 200
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import random
import signal
import threading
import time
import urllib.error
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.hub import Hub, running_hub

TARGETS = ("web", "relay", "jobs", "postgres")
RETRY_SECONDS = 120
DRAIN_SECONDS = 120
BACK_SECONDS = 60
SESSIONS = 4


class Journal:
    """Acknowledged writes, one JSON line each, on disk before it counts."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")
        self.lines: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def close(self) -> None:
        self.file.close()

    def add(self, **line: Any) -> None:
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
            self.lines.append(line)


@dataclass
class Report:
    """What the checker found; everything but ``acknowledged`` and ``kills`` must be zero."""

    acknowledged: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    gaps: int = 0
    undelivered: int = 0
    longest_outage_seconds: float = 0.0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.gaps or self.undelivered)


class Writer(threading.Thread):
    """Stores entries and says messages, in turn, each repeated until acknowledged."""

    def __init__(self, hub: Hub, key: str, number: int, journal: Journal, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.hub, self.key, self.number, self.journal, self.stop = hub, key, number, journal, stop
        self.longest = 0.0
        self.failure: BaseException | None = None

    def run(self) -> None:
        turn = 0
        try:
            while not self.stop.is_set():
                turn += 1
                self.store(f"drill-{self.number}-{turn}") if turn % 2 else self.say(turn)
        except BaseException as error:  # noqa: BLE001  (reported by the main thread)
            self.failure = error

    def store(self, name: str) -> None:
        body = {"key": name, "value": {"n": name}, "layer": "long_term", "scope": "tenant"}
        answer = self.until_acknowledged("/memory/context/store", body)
        self.journal.add(kind="entry", key=name, id=answer["entry_id"], version=answer["sync_version"])

    def say(self, turn: int) -> None:
        session, mark = f"drill-{self.number % SESSIONS}", f"{self.number}-{turn}"
        body = {"session_id": session, "role": "user", "content": f"message {mark}"}
        answer = self.until_acknowledged("/memory/session/message", body)
        self.journal.add(kind="message", session=session, content=body["content"], sequence=answer["sequence"])

    def until_acknowledged(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        name, begin = uuid.uuid4().hex, time.monotonic()
        while time.monotonic() - begin < RETRY_SECONDS:
            try:
                answer = self.hub.call(self.key, "POST", path, body, Idempotency_Key=name)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code not in (409, 429, 500, 502, 503):
                    raise
            except (OSError, http.client.HTTPException, ValueError):
                pass
            else:
                self.longest = max(self.longest, time.monotonic() - begin)
                return answer
            time.sleep(0.05)
        raise RuntimeError(f"{path} was not acknowledged within {RETRY_SECONDS} s")


def victims(hub: Hub, target: str) -> list[psutil.Process]:
    """The processes that a kill of ``target`` may hit."""
    found = []
    for process in psutil.process_iter(["pid", "ppid", "cmdline", "environ"]):
        with contextlib.suppress(psutil.Error):
            if belongs(process, hub) and role_of(process) == target:
                found.append(process)
    return found


def belongs(process: psutil.Process, hub: Hub) -> bool:
    home = str(hub.home.resolve())
    return process.environ().get("MEMORYHUB_HOME") == str(hub.home) or home in " ".join(process.cmdline())


def role_of(process: psutil.Process) -> str:
    line = " ".join(process.cmdline())
    marks = {"granian": "web", " relay": "relay", " qcluster": "jobs", "postgres -D": "postgres"}
    return next((role for mark, role in marks.items() if mark in line), "")


def heads(found: list[psutil.Process]) -> list[psutil.Process]:
    """Those that were not started by another of them."""
    pids = {process.pid for process in found}
    return [process for process in found if process.info["ppid"] not in pids]


def kill_one(hub: Hub, target: str, rng: random.Random, *, head: bool = False) -> None:
    """Kills any process of ``target``, or with ``head`` the one that started the others.

    A worker of the jobs that is killed may keep the queue's lock, and the watchdog needs minutes to notice; without
    its head the cluster starts again at once. What other kills took with them is waited for.
    """
    deadline = time.monotonic() + BACK_SECONDS
    while not (found := heads(victims(hub, target)) if head else victims(hub, target)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"no process of '{target}' is running")
        time.sleep(0.1)
    process = rng.choice(found)
    os.kill(process.pid, signal.SIGKILL)


def wait_for_writes(journal: Journal, count: int, writers: list[Writer]) -> None:
    while len(journal.lines) < count:
        for writer in writers:
            if writer.failure is not None:
                raise writer.failure
        time.sleep(0.02)


def drill(hub: Hub, *, kills: int, writes: int, clients: int = 6, seed: int = 7) -> Report:
    """Runs the drill on a running hub."""
    rng, stop = random.Random(seed), threading.Event()
    key = hub.key("drill")
    for number in range(SESSIONS):
        hub.call(key, "POST", "/memory/session/start", {"session_id": f"drill-{number}"})
    journal = Journal(hub.home / "journal.jsonl")
    writers = [Writer(hub, key, number, journal, stop) for number in range(clients)]
    report = Report()
    for writer in writers:
        writer.start()
    for turn in range(kills):
        wait_for_writes(journal, len(journal.lines) + writes, writers)
        target = TARGETS[turn % len(TARGETS)]
        kill_one(hub, target, rng)
        report.kills[target] += 1
    wait_for_writes(journal, len(journal.lines) + writes, writers)
    stop.set()
    for writer in writers:
        writer.join(RETRY_SECONDS)
    journal.close()
    report.longest_outage_seconds = max(writer.longest for writer in writers)
    check(hub, journal, report)
    return report


def check(hub: Hub, journal: Journal, report: Report) -> None:
    """Compares the journal with the database."""
    report.acknowledged = len(journal.lines)
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as database:
        check_entries(database, journal, report)
        check_messages(database, journal, report)
        report.undelivered = wait_for_empty_outbox(database)


def check_entries(database: psycopg.Connection, journal: Journal, report: Report) -> None:
    rows = database.execute("SELECT key, sync_version FROM memory_context_registry WHERE key LIKE 'drill-%'").fetchall()
    stored: dict[str, int] = dict(rows)
    for line in journal.lines:
        if line["kind"] == "entry":
            report.lost += line["key"] not in stored
            report.doubled += stored.get(line["key"], 1) != 1


def check_messages(database: psycopg.Connection, journal: Journal, report: Report) -> None:
    rows = database.execute(
        "SELECT s.session_id, m.sequence, m.content FROM memory_session_messages m "
        "JOIN memory_session_context s ON s.id = m.session_id ORDER BY 1, 2"
    ).fetchall()
    stored = Counter((session, content) for session, _, content in rows)
    at = {(session, sequence): content for session, sequence, content in rows}
    for line in journal.lines:
        if line["kind"] == "message":
            report.lost += at.get((line["session"], line["sequence"])) != line["content"]
    report.doubled += sum(count - 1 for count in stored.values())
    numbers: dict[str, list[int]] = {}
    for session, sequence, _ in rows:
        numbers.setdefault(session, []).append(sequence)
    report.gaps = sum(found != list(range(1, len(found) + 1)) for found in numbers.values())


def wait_for_empty_outbox(database: psycopg.Connection) -> int:
    """Deliveries that are still waiting or parked when time is up."""
    deadline = time.monotonic() + DRAIN_SECONDS
    left = 1
    while left and time.monotonic() < deadline:
        row = database.execute(
            "SELECT count(*) FROM memory_sync_deliveries WHERE status IN ('pending', 'parked')"
        ).fetchone()
        left = int(row[0]) if row else 0
        time.sleep(0.2)
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--writes", type=int, default=200, help="acknowledged writes between kills")
    options = parser.parse_args()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing") as hub:
        report = drill(hub, kills=options.kills, writes=options.writes)
    print(report)
    raise SystemExit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
