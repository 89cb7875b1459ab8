"""``python -m benchmarks.lost_updates``: many writers add one to the same number; none of their additions may be lost.

Each reads the entry and writes it back with ``If-Match``: 412 means that somebody was faster, and it tries again. In
the end the number is what all of them added together, and the versions have no gap.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg

from benchmarks.hub import running_hub
from benchmarks.table import Row, markdown

FLOOR_SECONDS = 3.0
#: A refused writer waits for a random time up to this, which doubles with each refusal.
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.2
BUSY = (429, 503)


@dataclass
class Report:
    """``lost`` and ``gaps`` must be zero."""

    acknowledged: int
    refused: int
    seconds: float
    lost: int = 0
    gaps: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.gaps)


class Writer:
    """Adds one, ``times`` times, over a connection of its own."""

    def __init__(self, port: int, key: str, entry: str, times: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.path, self.times, self.refused = f"/memory/context/{entry}", times, 0

    def run(self) -> None:
        with closing(self.connection):
            for _ in range(self.times):
                pause = FIRST_PAUSE
                while not self.add_one():
                    self.refused += 1
                    time.sleep(random.uniform(0, pause))
                    pause = min(2 * pause, LONGEST_PAUSE)

    def add_one(self) -> bool:
        status, seen = self.ask("GET", None, {})
        if status in BUSY:
            return False
        value = {"n": seen["value"]["n"] + 1}
        status, said = self.ask("PATCH", {"value": value}, {"If-Match": f'"{seen["sync_version"]}"'})
        if status not in (200, 412, *BUSY):
            raise RuntimeError(f"adding one was answered {status}: {said}")
        return status == 200

    def ask(self, method: str, body: Any, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        # a request without an answer is not repeated: it would not be known whether it counted
        self.connection.request(method, self.path, json.dumps(body) if body else None, self.headers | headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


def increments(port: int, key: str, entry: str, writers: int, times: int) -> Report:
    """So many writers, as threads of a few processes; returns when all are done."""
    context = multiprocessing.get_context("spawn")
    shares = [writers // 4 + (number < writers % 4) for number in range(4)]
    results = context.SimpleQueue()
    made = [[Writer(port, key, entry, times) for _ in range(share)] for share in shares if share]
    processes = [context.Process(target=work, args=(some, results), daemon=True) for some in made]
    began = time.monotonic()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    seconds = time.monotonic() - began
    if any(process.exitcode for process in processes):
        raise RuntimeError("a writer ended with an error")
    return Report(writers * times, sum(results.get() for _ in processes), seconds)


def work(writers: list[Writer], results: Any) -> None:
    failures: list[BaseException] = []
    in_threads([partial(guarded, one, failures) for one in writers])
    if failures:
        raise failures[0]
    results.put(sum(one.refused for one in writers))


def guarded(writer: Writer, failures: list[BaseException]) -> None:
    try:
        writer.run()
    except BaseException as error:
        failures.append(error)
        raise


def in_threads(jobs: Sequence[Any]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def check(database: psycopg.Connection, entry: str, report: Report) -> None:
    """Compares what was acknowledged with the versions that there are."""
    rows = database.execute(
        "SELECT version, (value->>'n')::int FROM memory_context_versions WHERE entry_id = %s ORDER BY version", [entry]
    ).fetchall()
    report.lost = report.acknowledged - rows[-1][1]
    steps = itertools.pairwise(rows)
    report.gaps = sum((after[0], after[1]) != (before[0] + 1, before[1] + 1) for before, after in steps)
    report.gaps += rows[0] != (1, 0)


def floor(url: str, writers: int, seconds: float = FLOOR_SECONDS) -> float:
    """Additions a second by compare-and-set of one row in PostgreSQL alone."""
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS lost_floor; CREATE TABLE lost_floor (n int, version int)")
        database.execute("INSERT INTO lost_floor VALUES (0, 1)")
        until = time.monotonic() + seconds
        counts = [0] * writers
        in_threads([partial(compare_and_set, url, counts, at, until) for at in range(writers)])
        database.execute("DROP TABLE lost_floor")
    return sum(counts) / seconds


def compare_and_set(url: str, counts: list[int], at: int, until: float) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < until:
            [n, version] = connection.execute("SELECT n, version FROM lost_floor").fetchone() or [0, 0]
            done = connection.execute(
                "UPDATE lost_floor SET n = %s, version = version + 1 WHERE version = %s", [n + 1, version]
            )
            counts[at] += done.rowcount


def rows(report: Report, neighbor: float) -> Iterator[Row]:
    rate = report.acknowledged / report.seconds
    note = f"{report.acknowledged:,} additions, {report.refused:,} times somebody else was faster"
    yield Row("Lost updates: additions", rate, "1/s", neighbor, "compare-and-set of one row", "", note)
    yield Row("Lost updates: lost", report.lost, "", target="0")
    yield Row("Lost updates: gaps between versions", report.gaps, "", target="0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=32)
    parser.add_argument("--times", type=int, default=100)
    options = parser.parse_args()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="off", MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        key, url = hub.key("drill"), hub.database_url("owner")
        body = {"key": "counter", "value": {"n": 0}, "layer": "long_term", "scope": "tenant"}
        entry = hub.call(key, "POST", "/memory/context/store", body)["entry_id"]
        report = increments(hub.port, key, entry, options.writers, options.times)
        with psycopg.connect(url, autocommit=True) as database:
            check(database, entry, report)
        print(markdown(list(rows(report, floor(url, options.writers)))))
        print(report, file=sys.stderr)
    raise SystemExit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
