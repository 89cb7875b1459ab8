"""``python -m benchmarks.model_change``: another search model and back, while searches and stores go on.

A hub with some memories changes its search model, is paused and resumed on the way, switches, and goes back. Meanwhile
clients search for memories by their own text, which finds each of them first in whichever model, and store new ones. A
search that fails, falls back to words, misses a memory that was found before or does not find it first counts as wrong;
the run fails if there is any.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.hub import Hub, running_hub

SYLLABLES = ("ka", "lo", "mir", "ten", "vo", "shu", "bel", "dra", "fin", "gro", "pex", "zul", "que", "nal", "wim")
TOPICS = ("garden", "engine", "river", "music", "winter", "bridge", "market", "letter", "mountain", "kitchen", "ocean")
SEARCHERS = 3
WAIT_SECONDS = 1800
Pair = tuple[str, str]


class Drill:
    """``findable``: memories that a search has found; from then on every search must."""

    def __init__(self, hub: Hub, key: str) -> None:
        self.hub, self.key = hub, key
        self.stop = threading.Event()
        self.findable: list[Pair] = []
        self.wrong: list[str] = []
        self.latencies: list[float] = []
        self.stored = 0

    def text(self) -> str:
        self.stored += 1
        chance = random.Random(self.stored)
        name = "".join(chance.choices(SYLLABLES, k=4)).title()
        return f"{name} wrote about {' and '.join(chance.sample(TOPICS, 3))} on day {self.stored}"

    def store(self) -> Pair:
        text = self.text()
        body = {"key": f"memory-{self.stored}", "value": text, "layer": "long_term", "scope": "tenant"}
        return self.hub.call(self.key, "POST", "/memory/context/store", body)["entry_id"], text

    def problem(self, wanted: str, text: str) -> str | None:
        body = {"query": text, "mode": "semantic", "limit": 3, "tenant_id": "bench"}
        began = time.perf_counter()
        try:
            answer = self.hub.call(self.key, "POST", "/memory/context/search", body)
        except urllib.error.HTTPError as error:
            return f"failed: {error.code} {error.read()[:300]!r}"
        self.latencies.append((time.perf_counter() - began) * 1000)
        return what_is_wrong(answer, wanted)

    def searching(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.stop.is_set():
            wanted, text = chance.choice(self.findable)
            problem = self.problem(wanted, text)
            if problem:
                self.wrong.append(f"{time.strftime('%X')} {text}: {problem}")

    def storing(self) -> None:
        waiting: list[Pair] = []
        while not self.stop.is_set():
            waiting.append(self.store())
            self.stop.wait(0.2)
            found = [pair for pair in waiting[:5] if self.problem(*pair) is None]
            self.findable += found
            waiting = [pair for pair in waiting if pair not in found]


def what_is_wrong(answer: dict[str, Any], wanted: str) -> str | None:
    results = answer["results"]
    if answer["degraded"]:
        return "answered by words"
    if not results or results[0]["id"] != wanted:
        return f"found {[result['id'] for result in results]} instead of {wanted}"
    scores = [result["score"] for result in results]
    return None if scores == sorted(scores, reverse=True) else f"scores out of order: {scores}"


def spaces(drill: Drill) -> dict[str, dict[str, Any]]:
    parts = drill.hub.call(drill.key, "GET", "/memory/health")["parts"]
    return {row["name"]: row for row in parts["search"]["spaces"]}


def wait_for(drill: Drill, name: str, state: str) -> float:
    """Until a space is in a state; the seconds that it took."""
    began = time.monotonic()
    while spaces(drill).get(name, {}).get("state") != state:
        if time.monotonic() > began + WAIT_SECONDS or drill.stop.is_set():
            raise RuntimeError(f"{name} did not become {state}: {spaces(drill)}")
        time.sleep(0.5)
    return time.monotonic() - began


def other(hub: Hub, embedder: str) -> Hub:
    """The same hub with another embedder configured, for commands."""
    kind, _, dimension = embedder.partition("-")
    return Hub(hub.home, hub.port, **settings(kind, dimension))


def settings(kind: str, dimension: str) -> dict[str, str]:
    found = {"MEMORYHUB_SEARCH__EMBEDDER": kind, "MEMORYHUB_RATES__PER_KEY_PER_MINUTE": "0"}
    return found | ({"MEMORYHUB_SEARCH__HASHING_DIMENSION": dimension} if dimension else {})


def steps(drill: Drill, to: str) -> Iterator[str]:
    """The change and the way back; says what each step took."""
    hub = drill.hub
    before = next(name for name, row in spaces(drill).items() if row["state"] == "active")
    other(hub, to).manage("reindex", "--space", "start")
    after = next(name for name, row in spaces(drill).items() if row["state"] == "building")
    time.sleep(1)
    yield from pause(drill, after)
    yield f"{after} became active after {wait_for(drill, after, 'active'):.1f} s of building"
    time.sleep(15)
    hub.manage("reindex", "--space", "roll-back")
    yield f"{before} became active again after {wait_for(drill, before, 'active'):.1f} s"
    time.sleep(15)


def pause(drill: Drill, name: str) -> Iterator[str]:
    if spaces(drill)[name]["state"] != "building":
        return
    drill.hub.manage("reindex", "--space", "pause")
    done = spaces(drill)[name]["done"]
    time.sleep(5)
    yield f"paused at {done} rows, {spaces(drill)[name]['done']} five seconds later"
    drill.hub.manage("reindex", "--space", "resume")


def run(drill: Drill, to: str) -> None:
    with ThreadPoolExecutor(SEARCHERS + 1) as pool:
        running = [pool.submit(drill.searching, seed) for seed in range(SEARCHERS)] + [pool.submit(drill.storing)]
        try:
            for line in steps(drill, to):
                say(line)
        finally:
            drill.stop.set()
        for done in running:
            done.result()


def fill(drill: Drill, memories: int) -> None:
    pairs = [drill.store() for _ in range(memories)]
    deadline = time.monotonic() + WAIT_SECONDS
    while pairs and time.monotonic() < deadline:
        if drill.problem(*pairs[-1]) is None:
            drill.findable += pairs
            return
        time.sleep(0.5)
    raise RuntimeError("The memories were not embedded in time.")


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memories", type=int, default=2_000)
    parser.add_argument("--start", default="hashing-256", help="local, or hashing-<dimension>")
    parser.add_argument("--to", default="hashing-512", help="local, or hashing-<dimension>")
    options = parser.parse_args()
    kind, _, dimension = options.start.partition("-")
    with running_hub(**settings(kind, dimension)) as hub:
        drill = Drill(hub, hub.key())
        fill(drill, options.memories)
        drill.latencies.clear()
        run(drill, options.to)
    searches = len(drill.latencies)
    took = f"p50 {percentile(drill.latencies, 0.5):.1f} ms, p99 {percentile(drill.latencies, 0.99):.1f} ms"
    say(f"{searches} searches ({took}), {drill.stored - options.memories} memories stored, {len(drill.wrong)} wrong")
    for line in drill.wrong[:20]:
        say(line)
    return 1 if drill.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
