"""How long a replica takes to push and another to pull thousands of changed memories, on a real hub.

``python -m benchmarks.replica_sync [--entries 10000]``. The floor reads the same pages of the feed and drops them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.hub import Hub, running_hub
from memoryhub_client import MemoryClient, Replica

AGENT, USER = "alden", "user_123"
FEED_SECONDS = 600


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def edit(replica: Replica, entries: int, turn: int) -> None:
    for number in range(entries):
        replica.put(f"preference_{number}", {"theme": "dark", "number": number, "turn": turn}, importance=0.4)


def read_feed(client: MemoryClient, *, after: int = 0) -> int:
    """Reads all pages after a number and keeps nothing; how many items."""
    epoch = client.changes(AGENT, limit=1)["epoch"]
    count, more = 0, True
    while more:
        page = client.changes(AGENT, after=after, epoch=epoch, limit=500)
        count, after, more = count + len(page["items"]), page["next"], page["more"]
    return count


def wait_for_feed(client: MemoryClient, number: int) -> float:
    """Seconds until the feed has so many numbers."""
    begin = time.perf_counter()
    while client.changes(AGENT, limit=1)["last_seq"] < number:
        if time.perf_counter() - begin > FEED_SECONDS:
            raise RuntimeError(f"The relay did not number {number} changes within {FEED_SECONDS} s.")
        time.sleep(0.1)
    return time.perf_counter() - begin


def measure(hub: Hub, folder: Path, entries: int) -> list[tuple[str, float]]:
    client = MemoryClient(hub.url, hub.key(agent=AGENT), timeout=120)
    rows = []
    with (
        Replica(folder / "one.db", client, agent_id=AGENT, user_id=USER) as one,
        Replica(folder / "two.db", client, agent_id=AGENT, user_id=USER) as two,
    ):
        one.sync()
        two.sync()
        for turn, what in ((1, "new"), (2, "changed")):
            rows.append((f"put, {what}, offline", seconds(lambda turn=turn: edit(one, entries, turn))))  # type: ignore[misc]
            rows.append((f"push, {what}", seconds(lambda: check(one.sync().applied, entries))))
            rows.append((f"numbered by the relay after that, {what}", wait_for_feed(client, turn * entries)))
            after = two.status().cursor
            rows.append((f"floor: read the pages, {what}", seconds(lambda after=after: read_feed(client, after=after))))  # type: ignore[misc]
            rows.append((f"pull, {what}", seconds(lambda: check(two.sync().pulled, entries))))
    client.close()
    return rows


def check(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found} instead of {wanted} arrived.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    entries = parser.parse_args().entries
    settings = {"MEMORYHUB_RATES__PER_KEY_PER_MINUTE": "0", "MEMORYHUB_SEARCH__EMBEDDER": "hashing"}
    with running_hub(**settings) as hub, tempfile.TemporaryDirectory() as folder:
        rows = measure(hub, Path(folder), entries)
    print(f"| {entries} memories | s | a second |\n|---|---|---|")
    for what, taken in rows:
        print(f"| {what} | {taken:.2f} | {entries / max(taken, 1e-9):.0f} |")


if __name__ == "__main__":
    main()
