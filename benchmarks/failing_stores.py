"""``python -m benchmarks.failing_stores``: stores that fail one time in five end up equal to the registry.

Agents store entries and change them while every store fails one time in five: the vector store and the change feed
inside of the hub, and a store in another process that is spoken to over HTTP. Then they are healed, and the time is
taken until each of them holds every entry at the version and with the value of the registry.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.hub import ROOT, Hub, free_port, running_hub
from benchmarks.kill_drill import victims
from benchmarks.table import Row, markdown

SECRET = "of-the-drill"
AGENTS = ("alden", "alice", "sentry", "mimic")
BATCH = 250
FAIL_EVERY = 5
HEALING_SECONDS = 60.0
#: Some failures must have been seen before the stores are healed.
FAILING_SECONDS = 5.0
SLOWEST_SECONDS = 600.0

ENTRIES = "SELECT id::text, sync_version, value FROM memory_context_registry WHERE key LIKE 'event-%'"
#: What each store inside of the hub lacks or has wrong.
DIFFERENCES = {
    "vector": "SELECT count(*) FROM memory_context_registry e WHERE key LIKE 'event-%' AND NOT EXISTS "
    "(SELECT 1 FROM memory_context_vectors v WHERE v.row_id = e.id AND v.version = e.sync_version)",
    "feed": "SELECT count(*) FROM memory_context_registry e WHERE key LIKE 'event-%' AND NOT EXISTS "
    "(SELECT 1 FROM memory_change_feed f WHERE f.object_id = e.id AND f.agent_id = e.agent_id AND f.kind = 'put' "
    "AND f.version = e.sync_version)",
}
ATTEMPTS = "SELECT coalesce(sum(attempts), 0), count(*), count(*) FILTER (WHERE status = 'parked') "
ATTEMPTS += "FROM memory_sync_deliveries"


@dataclass
class Report:
    """``different``: entries that a store did not hold as the registry does, when time was up; must be all zero."""

    events: int = 0
    failing_seconds: float = 0.0
    healed_seconds: dict[str, float] = field(default_factory=dict)
    different: dict[str, int] = field(default_factory=dict)
    attempts: int = 0
    deliveries: int = 0
    parked: int = 0
    healthy_per_second: float = 0.0

    @property
    def clean(self) -> bool:
        return not any(self.different.values()) and max(self.healed_seconds.values()) <= HEALING_SECONDS


class Elsewhere:
    """A store in another process, as somebody else would write it. What it accepted survives its end."""

    def __init__(self, port: int, path: Path) -> None:
        self.port, self.path = port, path
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        command = [sys.executable, "-m", "tests.sync.store_server", str(self.path), SECRET, "--port", str(self.port)]
        self.process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not answers(self.port):
            if time.monotonic() > deadline:
                raise RuntimeError("the store outside of the hub does not answer")
            time.sleep(0.05)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def objects(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=60) as answer:
            return dict(json.load(answer)["objects"])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def flaky_relay(hub: Hub, healed: Path) -> Iterator[None]:
    """In place of the hub's own relay, which stands still meanwhile."""
    own = [process.pid for process in victims(hub, "relay")]
    for pid in own:
        os.kill(pid, signal.SIGSTOP)
    command = [sys.executable, "-m", "benchmarks.flaky_relay", str(healed)]
    process = subprocess.Popen(command, cwd=ROOT, env=hub.environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
        for pid in own:
            os.kill(pid, signal.SIGCONT)


def write(hub: Hub, key: str, first: int, entries: int, turn: int) -> None:
    """Stores so many entries, or changes them, in batches of agents in turn."""
    for begin in range(first, first + entries, BATCH):
        numbers = range(begin, min(begin + BATCH, first + entries))
        items = [
            {
                "key": f"event-{number}",
                "value": {"n": number, "turn": turn, "text": f"event {number} turn {turn}"},
                "scope": "agent",
                "layer": "long_term",
            }
            for number in numbers
        ]
        agent = AGENTS[begin // BATCH % len(AGENTS)]
        answer = hub.call(key, "POST", "/memory/context/batch", {"entries": items}, X_Agent_Id=agent)
        if answer["failed"]:
            raise RuntimeError(f"the hub refused {answer['failed']} of {len(items)} entries")


def drill(hub: Hub, elsewhere: Elsewhere, events: int) -> Report:
    key, report = hub.key("drill"), Report(events)
    healed = hub.home / "healed"
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as database:
        report.healthy_per_second = healthy_rate(hub, key, database, max(events // 10, 10))
        elsewhere.stop()
        elsewhere.start("--fail-every", str(FAIL_EVERY))
        with flaky_relay(hub, healed):
            began = time.monotonic()
            for turn in (2, 3):
                write(hub, key, 0, events // 2, turn)
            time.sleep(FAILING_SECONDS)
            report.failing_seconds = time.monotonic() - began
            healed.touch()
            elsewhere.stop()
            elsewhere.start()
            catch_up(database, elsewhere, report)
        row = database.execute(ATTEMPTS).fetchone()
        report.attempts, report.deliveries, report.parked = row or (0, 0, 0)
    return report


def healthy_rate(hub: Hub, key: str, database: psycopg.Connection, entries: int) -> float:
    """The neighbor: events a second from the first store to the last delivery, when nothing fails."""
    began = time.monotonic()
    write(hub, key, 0, entries, 1)
    pending = "SELECT count(*) FROM memory_sync_deliveries WHERE status = 'pending'"
    wait(lambda: database.execute(pending).fetchone() == (0,), SLOWEST_SECONDS)
    return entries / (time.monotonic() - began)


def catch_up(database: psycopg.Connection, elsewhere: Elsewhere, report: Report) -> None:
    """Seconds from healing until each store is equal to the registry, and what differs when time is up."""
    began = time.monotonic()
    looks = {name: partial(number, database, statement) for name, statement in DIFFERENCES.items()}
    looks["elsewhere"] = partial(differing, database, elsewhere)
    open_ = set(looks)
    while open_ and time.monotonic() - began < 2 * HEALING_SECONDS:
        for name in sorted(open_):
            if looks[name]() == 0:
                report.healed_seconds[name] = time.monotonic() - began
                open_.discard(name)
        time.sleep(0.5)
    report.different = {name: looks[name]() for name in looks}
    report.healed_seconds |= dict.fromkeys(open_, time.monotonic() - began)


def number(database: psycopg.Connection, statement: str) -> int:
    row = database.execute(statement).fetchone()
    return int(row[0]) if row else 0


def differing(database: psycopg.Connection, elsewhere: Elsewhere) -> int:
    held = elsewhere.objects()
    rows = database.execute(ENTRIES).fetchall()
    wrong = 0
    for entry, version, value in rows:
        there = held.get(entry) or {}
        wrong += there.get("version") != version or (there.get("state") or {}).get("value") != value
    return wrong


def wait(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited for {seconds:.0f} s in vain")
        time.sleep(0.1)


def rows(report: Report) -> Iterator[Row]:
    failures = f"{report.events:,} events, {report.deliveries:,} deliveries, {report.attempts:,} attempts"
    failing = report.events / report.failing_seconds
    healthy = (report.healthy_per_second, "delivered when nothing fails")
    yield Row("Failing stores: events while failing", failing, "1/s", *healthy, note=failures)
    for name, seconds in sorted(report.healed_seconds.items()):
        note = f"{report.different[name]} entries differ"
        yield Row(f"Failing stores: '{name}' equal to the registry", seconds, "s", target="60", note=note)
    yield Row("Failing stores: parked for a human", report.parked, "", note="after eight failures in a row")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    options = parser.parse_args()
    port = free_port()
    stores = json.dumps([{"name": "elsewhere", "url": f"http://127.0.0.1:{port}/", "timeout_seconds": 10}])
    settings = {
        "MEMORYHUB_SEARCH__EMBEDDER": "hashing",
        "MEMORYHUB_RATES__PER_KEY_PER_MINUTE": "0",
        "MEMORYHUB_SYNC__HTTP_STORES": stores,
        "MEMORYHUB_ACCESS__WEBHOOK_SECRET": SECRET,
    }
    with running_hub(**settings) as hub:
        elsewhere = Elsewhere(port, hub.home / "elsewhere.jsonl")
        elsewhere.start()
        try:
            report = drill(hub, elsewhere, options.events)
        finally:
            elsewhere.stop()
    print(markdown(list(rows(report))))
    print(report, file=sys.stderr)
    raise SystemExit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
