"""Reads of a replica, beside what bare sqlite3 takes for one select by key of the same file.

``python -m benchmarks.replica [--entries 10000] [--reads 20000]``
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from memoryhub_client import MemoryClient, Replica
from memoryhub_client.replica import overlay

SEED = 7
AGENT = "alden"
#: Frequent and rare words in the proportions of a language (Zipf).
WORDS = [f"word{n}" for n in range(5000)]
WEIGHTS = [1 / (n + 10) for n in range(5000)]


def document(number: int, draw: random.Random) -> dict[str, Any]:
    return {
        "entry_id": f"01890000-0000-7000-8000-{number:012d}",
        "key": f"preference_{number}",
        "value": {"theme": draw.choice(["dark", "light"]), "note": " ".join(draw.choices(WORDS, WEIGHTS, k=20))},
        "scope": "agent",
        "agent_id": AGENT,
        "user_id": "user_123",
        "category": "user_preferences",
        "importance": 0.5,
        "tags": ["ui"],
        "metadata": {},
        "sync_version": 1,
        "expires_at": None,
        "disputed": False,
        "alternatives": [],
    }


def fill(replica: Replica, entries: int) -> float:
    """Seconds for taking in that many entries, as pages of a sync do."""
    draw = random.Random(SEED)
    documents = [document(number, draw) for number in range(entries)]
    begin = time.perf_counter()
    for start in range(0, entries, 500):
        with replica._file.transaction() as db:
            for made in documents[start : start + 500]:
                overlay.put(db, made, can_write=True, fed=True)
    return time.perf_counter() - begin


def microseconds(work: Callable[[str], object], keys: Sequence[str]) -> list[float]:
    """Of each call, sorted."""
    taken = []
    for key in keys:
        begin = time.perf_counter_ns()
        work(key)
        taken.append((time.perf_counter_ns() - begin) / 1000)
    return sorted(taken)


def row(name: str, taken: Sequence[float]) -> str:
    p99 = taken[int(len(taken) * 0.99)]
    return f"| {name} | {statistics.median(taken):.1f} | {taken[int(len(taken) * 0.95)]:.1f} | {p99:.1f} |"


def floor(path: Path, keys: Sequence[str]) -> list[float]:
    """One connection, one select by an indexed key, the row as it is."""
    connection = sqlite3.connect(path)
    select = "SELECT document FROM shown WHERE key = ?"
    try:
        return microseconds(lambda key: connection.execute(select, [key]).fetchall(), keys)
    finally:
        connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--reads", type=int, default=20_000)
    options = parser.parse_args()
    draw = random.Random(SEED)
    keys = [f"preference_{draw.randrange(options.entries)}" for _ in range(options.reads)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replica.db"
        with Replica(path, MemoryClient(), agent_id=AGENT) as replica:
            seconds = fill(replica, options.entries)
            replica.get(keys[0])
            bare, read = floor(path, keys), microseconds(replica.get, keys)
            questions = [" ".join(draw.choices(WORDS, WEIGHTS, k=3)) for _ in range(min(500, options.reads))]
            found = microseconds(replica.search, questions)
            written = microseconds(lambda key: replica.put(key, {"theme": "dim"}), keys[: min(200, options.reads)])
    print(f"{options.entries} entries taken in within {seconds:.2f} s")
    print("| what | p50 µs | p95 µs | p99 µs |\n|---|---|---|---|")
    print(row("floor: bare sqlite3 select by key", bare))
    print(row("Replica.get", read))
    print(row("Replica.search, three words", found))
    print(row("Replica.put, on disk", written))


if __name__ == "__main__":
    main()
