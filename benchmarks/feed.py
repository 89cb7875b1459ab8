"""Ten thousand changed entries: through the relay into the change feed, and read page by page as a replica does.

The relay is stopped while the entries change, so that all of them wait for it. Floor: one statement that numbers as
many items, and one that reads as many documents, over the same table in the same run. Run it with
``python -m benchmarks.feed``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
from typing import Any
from urllib.parse import urlencode

import psycopg

from benchmarks.hub import Hub, running_hub
from benchmarks.table import Row, markdown

AGENT = "writer"
BATCH = 500
TARGET_SECONDS = 10.0
FLOOR_NUMBERS = """
CREATE TEMP TABLE floor_feed AS
SELECT row_number() OVER (ORDER BY e.updated_at) AS seq, e.id, e.sync_version FROM memory_context_registry e
WHERE e.agent_id = 'writer'
"""
FLOOR_READS = """
SELECT f.seq, registry_document(e) FROM floor_feed f JOIN memory_context_registry e ON e.id = f.id
WHERE f.seq > %s AND f.seq <= %s ORDER BY f.seq
"""


def store(hub: Hub, key: str, count: int, value: int) -> float:
    """Stores the entries; seconds."""
    begin = time.monotonic()
    for start in range(0, count, BATCH):
        entries = [
            {"key": f"k{n}", "scope": "agent", "value": {"n": n, "text": f"memory {n} of round {value}"}}
            for n in range(start, min(start + BATCH, count))
        ]
        hub.call(key, "POST", "/memory/context/batch", {"entries": entries}, X_Agent_Id=AGENT)
    return time.monotonic() - begin


def page(hub: Hub, key: str, **query: Any) -> dict[str, Any]:
    return hub.call(key, "GET", f"/memory/agents/{AGENT}/changes?{urlencode(query)}", X_Agent_Id=AGENT)


def caught_up(hub: Hub, key: str, after: int, epoch: int, count: int) -> tuple[float, float, int]:
    """Reads until so many items have come: seconds, seconds until the feed held them all, where the feed ends."""
    begin, numbered, got = time.monotonic(), 0.0, 0
    start = after
    while got < count:
        found = page(hub, key, after=after, epoch=epoch)
        after, got = found["next"], got + len(found["items"])
        if not numbered and found["last_seq"] >= start + count:
            numbered = time.monotonic() - begin
        if not found["items"]:
            time.sleep(0.02)
    return time.monotonic() - begin, numbered, after


def relay_process(hub: Hub) -> int:
    state = json.loads((hub.home / "run" / "supervisor.json").read_text())
    return int(state["processes"]["relay"]["pid"])


def wait_until_numbered(hub: Hub, key: str, count: int) -> dict[str, Any]:
    while (found := page(hub, key, limit=1))["last_seq"] < count:
        time.sleep(0.1)
    return found


def floor_seconds(hub: Hub, count: int) -> float:
    begin = time.monotonic()
    with psycopg.connect(hub.database_url("system")) as connection:
        connection.execute(FLOOR_NUMBERS)
        for start in range(0, count, BATCH):
            connection.execute(FLOOR_READS, [start, start + BATCH]).fetchall()
    return time.monotonic() - begin


def measure(hub: Hub, count: int) -> list[Row]:
    key = hub.key()
    store(hub, key, count, 1)
    found = wait_until_numbered(hub, key, count)
    relay = relay_process(hub)
    os.kill(relay, signal.SIGSTOP)
    try:
        store(hub, key, count, 2)
    finally:
        os.kill(relay, signal.SIGCONT)
    seconds, numbered, _ = caught_up(hub, key, count, found["epoch"], count)
    again, _, _ = caught_up(hub, key, 0, found["epoch"], count)
    floor = floor_seconds(hub, count)
    what = f"{count:,} changed entries"
    return [
        Row(
            f"{what}: relay, feed, pages",
            seconds,
            "s",
            floor,
            "raw SQL",
            f"≤ {TARGET_SECONDS:g} s",
            f"numbered after {numbered:.1f} s, {count / max(numbered, 0.001):,.0f} entries/s",
        ),
        Row(f"{what}: a fresh replica's pages", again, "s", floor, "raw SQL", note=f"{count / again:,.0f} entries/s"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    options = parser.parse_args()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing", MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        print(markdown(measure(hub, options.entries)))


if __name__ == "__main__":
    main()
