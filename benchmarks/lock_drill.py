"""``python -m benchmarks.lock_drill``: agents take turns at locks, while some of them are stopped past their expiry.

Each agent is a process. It asks for the lock of an entry, waits for its turn, adds one to what it read, and gives the
lock back. Now and then a process is stopped (SIGSTOP) for longer than its lock lasts; when it goes on it writes with a
number that is over, which must be refused. Every answer is journaled, and the database journals every change of a
queue and a lock. The checker compares them:

* two valid holders: a number that was handed out twice, a write accepted after one with a higher number, a write that
  was not built on the one before;
* order: a lock that went to anyone but the first that waited.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.hub import running_hub
from benchmarks.table import Row, markdown

LOCK_SECONDS = 1
STOP_SECONDS = 1.4
FLOOR_SECONDS = 3.0
GIVE_UP_SECONDS = 120.0

#: The drill's own journal of queues and locks, in the database: in the order in which their entry's row was held.
JOURNAL = """
CREATE TABLE lock_drill (id bigserial PRIMARY KEY, entry_id uuid, did text, who text, number bigint);
GRANT SELECT, INSERT ON lock_drill TO PUBLIC;
GRANT USAGE ON SEQUENCE lock_drill_id_seq TO PUBLIC;
CREATE FUNCTION lock_drill_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO lock_drill (entry_id, did, who, number) VALUES (NEW.entry_id, 'queued', NEW.waiter, NEW.id);
  ELSE
    INSERT INTO lock_drill (entry_id, did, who, number) VALUES (OLD.entry_id, 'left', OLD.waiter, OLD.id);
  END IF;
  RETURN NULL;
END $$;
CREATE FUNCTION lock_drill_grant() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO lock_drill (entry_id, did, who, number) VALUES (NEW.entry_id, 'granted', NEW.holder, NEW.fence);
  RETURN NULL;
END $$;
GRANT EXECUTE ON FUNCTION lock_drill_queue(), lock_drill_grant() TO PUBLIC;
CREATE TRIGGER lock_drill_queue AFTER INSERT OR DELETE ON memory_lock_waiters
  FOR EACH ROW EXECUTE FUNCTION lock_drill_queue();
CREATE TRIGGER lock_drill_grant AFTER UPDATE OF fence ON memory_locks
  FOR EACH ROW WHEN (NEW.fence > OLD.fence) EXECUTE FUNCTION lock_drill_grant();
"""
REMOVE = "DROP TABLE lock_drill; DROP FUNCTION lock_drill_queue, lock_drill_grant CASCADE;"


@dataclass
class Report:
    """What the checker found. Everything from ``twice`` on must be zero."""

    acquired: int = 0
    written: int = 0
    late: int = 0
    stops: int = 0
    seconds: float = 0.0
    waits_ms: list[float] = field(default_factory=list, repr=False)
    twice: int = 0
    backwards: int = 0
    not_built_on: int = 0
    unknown_writes: int = 0
    out_of_order: int = 0

    @property
    def clean(self) -> bool:
        return not (self.twice or self.backwards or self.not_built_on or self.unknown_writes or self.out_of_order)


# -- an agent: a process of its own -------------------------------------------------------------------


@dataclass
class Agent:
    """Works off turns at some entries; ``lines`` go to ``journal`` at once."""

    port: int
    key: str
    name: str
    entries: Sequence[str]
    turns: int
    journal: Path

    def run(self) -> None:
        chance = random.Random(self.name)
        self.connection = self.connect()
        with self.journal.open("a", encoding="utf-8") as self.file:
            for _ in range(self.turns):
                self.take_turn(chance.choice(self.entries))

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def take_turn(self, entry: str) -> None:
        began = time.monotonic()
        got = self.acquire(entry)
        waited, fence = (time.monotonic() - began) * 1e3, got["fence"]
        self.note(entry, "acquired", fence=fence, waited_ms=waited)
        _, seen = self.ask("GET", f"context/{entry}")
        value = {"n": seen["value"]["n"] + 1, "by": self.name, "fence": fence}
        # without If-Match: nothing but the lock guards this write
        status, said = self.ask("PATCH", f"context/{entry}", {"value": value}, If_Match="*", Lock_Fence=str(fence))
        if status == 200:
            self.note(entry, "written", fence=fence, version=said["sync_version"])
        else:
            self.note(entry, "refused", fence=fence, status=status, code=said.get("code"))
        self.ask("DELETE", f"context/{entry}/lock", Lock_Fence=str(fence))

    def acquire(self, entry: str) -> dict[str, Any]:
        until = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            status, said = self.ask("POST", f"context/{entry}/lock", {"seconds": LOCK_SECONDS, "wait": True})
            if status == 200:
                return said
            if status not in (202, 429):
                raise RuntimeError(f"{self.name} asked for a lock and got {status}: {said}")
            time.sleep(said.get("retry_after") or 0.5)
        raise RuntimeError(f"{self.name} did not get a lock within {GIVE_UP_SECONDS:.0f} s")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, Any]]:
        sent = {"Authorization": f"Bearer {self.key}", "X-Agent-Id": self.name, "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        for attempt in range(3):
            try:
                self.connection.request(method, f"/memory/{path}", None if body is None else json.dumps(body), sent)
                answer = self.connection.getresponse()
                return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException):  # closed while this process was stopped
                self.connection.close()
                self.connection = self.connect()
                # a write may have been carried out: the value tells
                if method == "PATCH" and attempt == 0 and (mine := self.written_already(path, body)):
                    return 200, mine
        raise RuntimeError(f"{method} {path}: no answer")

    def written_already(self, path: str, body: Any) -> dict[str, Any] | None:
        _, now = self.ask("GET", path)
        return {"sync_version": now["sync_version"]} if now["value"] == body["value"] else None

    def note(self, entry: str, did: str, **what: Any) -> None:
        self.file.write(json.dumps({"entry": entry, "agent": self.name, "did": did, **what}) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())


# -- the drill ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    agents: int = 16
    entries: int = 8
    acquisitions: int = 10_000
    #: Seconds between stops.
    stop_every: float = 1.0
    seed: int = 7


def drill(port: int, key: str, database: psycopg.Connection, folder: Path, plan: Plan) -> Report:
    """Runs it against a hub. ``key`` is bound to no agent; ``database`` may make tables; ``folder`` takes journals."""
    entries = [store(port, key, f"lock-drill-{number}") for number in range(plan.entries)]
    database.execute(JOURNAL)
    report = Report()
    try:
        began = time.monotonic()
        turns = -(-plan.acquisitions // plan.agents)
        agents = [
            Agent(port, key, f"agent-{number}", entries, turns, folder / f"{number}.jsonl")
            for number in range(plan.agents)
        ]
        work_off(agents, plan, report)
        report.seconds = time.monotonic() - began
        check(database, entries, journaled(folder), report)
    finally:
        database.execute(REMOVE)
    return report


def store(port: int, key: str, name: str) -> str:
    agent = Agent(port, key, "drill", [], 0, Path(os.devnull))
    with contextlib.closing(agent.connect()) as agent.connection:
        _, stored = agent.ask("POST", "context/store", {"key": name, "value": {"n": 0, "by": "", "fence": 0}})
    return str(stored["entry_id"])


def work_off(agents: Sequence[Agent], plan: Plan, report: Report) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=agent.run, name=agent.name, daemon=True) for agent in agents]
    for process in processes:
        process.start()
    over = threading.Event()
    stopper = threading.Thread(target=stop_some, args=(processes, over, plan, report))
    stopper.start()
    try:
        for process in processes:
            process.join()
    finally:
        over.set()
        stopper.join()
    failed = [process.name for process in processes if process.exitcode]
    if failed:
        raise RuntimeError(f"these agents ended with an error: {', '.join(failed)}")


def stop_some(processes: Sequence[Any], over: threading.Event, plan: Plan, report: Report) -> None:
    """Stops one process after the other past the end of whatever lock it holds."""
    chance = random.Random(plan.seed)
    while not over.wait(plan.stop_every):
        alive = [process for process in processes if process.is_alive()]
        if not alive:
            return
        with contextlib.suppress(ProcessLookupError):
            pid = chance.choice(alive).pid
            os.kill(pid, signal.SIGSTOP)
            report.stops += 1
            over.wait(STOP_SECONDS)
            os.kill(pid, signal.SIGCONT)


def journaled(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


# -- the checker --------------------------------------------------------------------------------------


def check(database: psycopg.Connection, entries: Sequence[str], lines: list[dict[str, Any]], report: Report) -> None:
    did = {kind: [line for line in lines if line["did"] == kind] for kind in ("acquired", "written", "refused")}
    report.acquired, report.written, report.late = (len(did[kind]) for kind in ("acquired", "written", "refused"))
    report.waits_ms = [line["waited_ms"] for line in did["acquired"]]
    report.twice = handed_out_twice(did["acquired"])
    for entry in entries:
        acknowledged = {line["version"] for line in did["written"] if line["entry"] == entry}
        check_versions(versions_of(database, entry), acknowledged, report)
        report.out_of_order += out_of_order(database, entry)


def handed_out_twice(acquired: list[dict[str, Any]]) -> int:
    """Numbers that two agents got; one agent may get its own again while it holds the lock."""
    holders: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in acquired:
        holders[line["entry"], line["fence"]].add(line["agent"])
    return sum(len(agents) > 1 for agents in holders.values())


def versions_of(database: psycopg.Connection, entry: str) -> list[tuple[int, int, int]]:
    rows = database.execute(
        "SELECT version, (value->>'n')::int, (value->>'fence')::int FROM memory_context_versions "
        "WHERE entry_id = %s ORDER BY version",
        [entry],
    )
    return [(version, n, fence) for version, n, fence in rows.fetchall()]


def check_versions(versions: list[tuple[int, int, int]], acknowledged: set[int], report: Report) -> None:
    for (_, n, fence), (_, following, later) in itertools.pairwise(versions):
        report.not_built_on += following != n + 1
        report.backwards += later < fence
    report.unknown_writes += len({version for version, *_ in versions[1:]} ^ acknowledged)


def out_of_order(database: psycopg.Connection, entry: str) -> int:
    """Grants that passed somebody over: replays the queue as the database saw it."""
    waiting: dict[int, str] = {}
    left: tuple[int, str] | None = None
    wrong = 0
    rows = database.execute("SELECT did, who, number FROM lock_drill WHERE entry_id = %s ORDER BY id", [entry])
    for did, who, number in rows.fetchall():
        if did == "queued":
            waiting[number] = who
        elif did == "left":
            waiting.pop(number)
            left = (number, who)
        else:
            # who leaves the queue for its turn does so right before
            first = left is not None and left[1] == who and all(left[0] < other for other in waiting)
            wrong += bool(waiting) and not first
        if did != "left":
            left = None
    return wrong


# -- its neighbor -------------------------------------------------------------------------------------


def floor(url: str, agents: int, entries: int, seconds: float = FLOOR_SECONDS) -> float:
    """Turns a second of as many connections at rows of PostgreSQL alone: lock, read, write, let go."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS lock_floor; CREATE TABLE lock_floor (id int PRIMARY KEY, n int)")
        database.execute("INSERT INTO lock_floor SELECT g, 0 FROM generate_series(1, %s) g", [entries])
        until = time.monotonic() + seconds
        counts = [0] * agents
        threads = [
            threading.Thread(target=turns_at_rows, args=(url, counts, at, entries, until)) for at in range(agents)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        database.execute("DROP TABLE lock_floor")
    return sum(counts) / seconds


def turns_at_rows(url: str, counts: list[int], at: int, entries: int, until: float) -> None:
    chance = random.Random(at)
    with psycopg.connect(url) as connection:
        while time.monotonic() < until:
            row = chance.randint(1, entries)
            [n] = connection.execute("SELECT n FROM lock_floor WHERE id = %s FOR UPDATE", [row]).fetchone() or [0]
            connection.execute("UPDATE lock_floor SET n = %s WHERE id = %s", [n + 1, row])
            connection.commit()
            counts[at] += 1


def rows(report: Report, turns: float) -> Iterator[Row]:
    waits = sorted(report.waits_ms)
    note = f"{report.acquired:,} acquisitions, {report.stops} stops, {report.late} late writes refused"
    rate = report.acquired / report.seconds
    yield Row("Locks: turns", rate, "1/s", turns, "row locks of PostgreSQL", "", note)
    yield Row("Locks: wait p50", statistics.median(waits), "ms")
    yield Row("Locks: wait p99", waits[int(len(waits) * 0.99)], "ms")
    yield Row("Locks: two valid holders", report.twice + report.backwards + report.not_built_on, "", target="0")
    yield Row("Locks: passed over in the queue", report.out_of_order, "", target="0")
    yield Row("Locks: acknowledged writes not as journaled", report.unknown_writes, "", target="0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=16)
    parser.add_argument("--entries", type=int, default=8)
    parser.add_argument("--acquisitions", type=int, default=10_000)
    parser.add_argument("--stop-every", type=float, default=1.0, help="seconds between stops of an agent")
    options = parser.parse_args()
    plan = Plan(options.agents, options.entries, options.acquisitions, options.stop_every)
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="off", MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        url = hub.database_url("owner")
        folder = hub.home / "journals"
        folder.mkdir()
        with psycopg.connect(url, autocommit=True) as database:
            report = drill(hub.port, hub.key("drill"), database, folder, plan)
        print(markdown(list(rows(report, floor(url, plan.agents, plan.entries)))))
        print(report, file=sys.stderr)
    raise SystemExit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
