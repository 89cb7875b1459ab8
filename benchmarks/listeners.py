"""A thousand live listeners held: what other requests feel of them, and how soon a write reaches them.

Reads come at a fixed rate, first without listeners (the floor) and then with all of them, while some agents' memories
change. Run it with ``python -m benchmarks.listeners``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import threading
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from benchmarks.hub import Hub, running_hub
from benchmarks.load import Result, request_bytes
from benchmarks.paced import paced
from benchmarks.table import Row, markdown

AGENTS = 20
#: Connections that are being opened at a time.
OPENING = 50
SETTLE_SECONDS = 3.0


def listen_all(url: str, key: str, count: int, signals: tuple[Any, Any, Any]) -> None:
    """Listens in a process of its own; sends when each entry's event reached each listener (seconds since 1970)."""
    ready, stop, pipe = signals
    arrivals: dict[str, list[float]] = {}
    lost = [0]

    async def one(number: int, opening: asyncio.Semaphore, opened: asyncio.Semaphore) -> None:
        place = urlsplit(url)
        async with opening:
            reader, writer = await asyncio.open_connection(place.hostname, place.port)
            head = f"GET /memory/agents/agent-{number % AGENTS}/stream HTTP/1.1\r\nHost: {place.netloc}\r\n"
            writer.write(f"{head}Authorization: Bearer {key}\r\n\r\n".encode())
            status = await reader.readline()
            if b" 200 " not in status:
                raise RuntimeError(f"A listener was refused: {status!r}")
            await reader.readuntil(b": connected\n")
        opened.release()
        while line := await reader.readline():
            if line.startswith(b"data: "):
                arrivals.setdefault(json.loads(line[6:])["entry_id"], []).append(time.time())
        lost[0] += 1

    async def everybody() -> None:
        opening, opened = asyncio.Semaphore(OPENING), asyncio.Semaphore(0)
        tasks = [asyncio.create_task(one(number, opening, opened)) for number in range(count)]
        for _ in tasks:
            await opened.acquire()
        ready.set()
        await asyncio.to_thread(stop.wait)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(everybody())
    pipe.send((arrivals, lost[0]))


def store(hub: Hub, key: str, agent: str, number: int) -> str:
    body = {"key": f"live-{number % 50}", "scope": "agent", "value": {"n": number}}
    return str(hub.call(key, "POST", "/memory/context/store", body, X_Agent_Id=agent)["entry_id"])


def write_until(hub: Hub, key: str, stop: threading.Event, per_second: float, written: list[tuple[str, float]]) -> None:
    number = 0
    while not stop.wait(1 / per_second):
        entry = store(hub, key, f"agent-{number % AGENTS}", AGENTS + number)
        written.append((entry, time.time()))
        number += 1


def loaded(hub: Hub, key: str, per_second: float, seconds: float) -> Result:
    requests = [
        request_bytes("/memory/context/retrieve", key, {"key": f"pref-{n}", "scope": "tenant"}) for n in range(9)
    ]
    with paced(hub.port, requests, per_second) as load:
        time.sleep(seconds)
    return load.result


def delays(written: list[tuple[str, float]], arrivals: dict[str, list[float]]) -> list[float]:
    """Milliseconds from the answer to a write to its event at each listener; the last write of each entry counts."""
    last = dict(written)
    return sorted(
        (arrived - at) * 1e3 for entry, at in last.items() for arrived in arrivals.get(entry, []) if arrived >= at
    )


def share(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def measure(hub: Hub, listeners: int, per_second: float, seconds: float) -> list[Row]:
    key = hub.key()
    for number in range(9):
        hub.call(key, "POST", "/memory/context/store", {"key": f"pref-{number}", "scope": "tenant", "value": number})
    for number in range(AGENTS):
        store(hub, key, f"agent-{number}", number)
    url = str(hub.call(key, "GET", "/memory/agents/agent-0/changes")["stream_url"])
    loaded(hub, key, per_second, 2)
    written: list[tuple[str, float]] = []
    without = with_writer(hub, key, per_second, seconds, [])
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    receiver, sender = context.Pipe(duplex=False)
    job = context.Process(target=listen_all, args=(url, key, listeners, (ready, stop, sender)))
    begin = time.monotonic()
    job.start()
    assert ready.wait(300), "not all listeners came in"
    opened = time.monotonic() - begin
    time.sleep(SETTLE_SECONDS)
    beside = with_writer(hub, key, per_second, seconds, written)
    time.sleep(SETTLE_SECONDS)
    stop.set()
    arrivals, lost = receiver.recv()
    job.join()
    found = delays(written, arrivals)
    note = f"{listeners:,} listeners in {opened:.1f} s, {len(written)} writes, {len(found):,} events, {lost} lost"
    p95 = beside.percentile(0.95)
    return [
        Row("p95 of reads beside listeners", p95, "ms", without.percentile(0.95), "without", "≤ 2 ×", note),
        Row("write to event, p50", share(found, 0.5), "ms"),
        Row("write to event, p95", share(found, 0.95), "ms"),
    ]


def with_writer(hub: Hub, key: str, per_second: float, seconds: float, written: list[tuple[str, float]]) -> Result:
    stop = threading.Event()
    writer = threading.Thread(target=write_until, args=(hub, key, stop, 5.0, written))
    writer.start()
    try:
        return loaded(hub, key, per_second, seconds)
    finally:
        stop.set()
        writer.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--per-second", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing", MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        print(markdown(measure(hub, options.listeners, options.per_second, options.seconds)))


if __name__ == "__main__":
    main()
