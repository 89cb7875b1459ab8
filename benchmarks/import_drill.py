"""``python -m benchmarks.import_drill``: a big import, and what it does to others who use the hub meanwhile.

Messages go in over HTTP in batches and are followed until the last has its vector, while another tenant searches and
reads at a fixed pace. Prints the rates, and the latency of that pace alone and beside the import.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from benchmarks import load
from benchmarks.hub import ROOT, Hub, running_hub
from benchmarks.load import Result
from benchmarks.paced import paced
from benchmarks.retrieval.corpus import CONTEXT_WORDS
from benchmarks.retrieval.dataset import load as load_set
from benchmarks.retrieval.through_hub import wait_until_indexed
from benchmarks.table import Row, markdown
from memoryhub.search.embeddings.local import LocalEmbedder
from memoryhub_client.transport import Transport

IMPORTER, OTHER = "importer", "other"
PER_SESSION = 200
BATCH = 100
USERS = 50
OTHERS_MESSAGES = 1_000
OTHERS_ENTRIES = 500
ALONE_SECONDS = 30
SAMPLE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--per-second", type=float, default=20, help="requests of the other tenant")
    parser.add_argument("--connections", type=int, default=2, help="of the import")
    parser.add_argument("--hours", type=float, default=3, help="the longest that indexing may take")
    options = parser.parse_args()
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        hub.manage("prepare_model")
        print(markdown(drill(hub, options)))


def drill(hub: Hub, options: argparse.Namespace) -> list[Row]:
    floor = embedding_rate(hub)
    requests = other_tenant(hub)
    with paced(hub.port, requests, options.per_second) as alone:
        time.sleep(ALONE_SECONDS)
    say("the other tenant alone: " + described(alone.result))
    with paced(hub.port, requests, options.per_second) as beside:
        taken = import_all(hub, options)
    say("the other tenant beside the import: " + described(beside.result))
    return rows(options, taken, alone.result, beside.result, floor)


# -- texts --------------------------------------------------------------------------------------------


def texts(seed: int) -> Iterator[str]:
    """Endless messages, most of them a sentence or two, some of a page: pieces of our conversations, mixed."""
    paths = sorted((ROOT / "tests/data/conversations").glob("*.json"))
    said = [item.text.split() for path in paths for user in load_set(path).users for item in user.items]
    chance = random.Random(seed)
    while True:
        words: list[str] = []
        wanted = min(400, int(chance.lognormvariate(2.8, 0.9)) + 1)
        while len(words) < wanted:
            turn = chance.choice(said)
            begin = chance.randrange(len(turn))
            words += turn[begin : begin + chance.randint(3, 9)]
        yield " ".join(words[:wanted])


# -- the import ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Taken:
    """Seconds until the last message was acknowledged, and until the last had its vector."""

    imported: float
    indexed: float


def import_all(hub: Hub, options: argparse.Namespace) -> Taken:
    key = hub.key(tenant=IMPORTER, scopes="read,write")
    begin = time.perf_counter()
    add_messages(hub, key, options.messages, options.connections, seed=1)
    imported = time.perf_counter() - begin
    say(f"{options.messages} messages imported in {imported:.0f} s")
    wait_until_indexed(hub, key, IMPORTER, options.messages, seconds=options.hours * 3600, pause=1)
    return Taken(imported, time.perf_counter() - begin)


def add_messages(hub: Hub, key: str, count: int, connections: int, seed: int) -> None:
    """Messages in sessions of 200, as many sessions at a time as there are connections."""
    sizes = [min(PER_SESSION, count - begin) for begin in range(0, count, PER_SESSION)]
    text = texts(seed)
    work = [(number, list(itertools.islice(text, size))) for number, size in enumerate(sizes)]
    transport = Transport(hub.url, key, timeout=120)
    with ThreadPoolExecutor(connections) as pool:
        for _ in pool.map(lambda part: add_session(transport, *part), work):
            pass


def add_session(transport: Transport, number: int, said: Sequence[str]) -> None:
    names = {"session_id": f"talk-{number}", "user_id": f"user-{number % USERS}"}
    transport.call_now("POST", "/memory/session/start", names)
    messages = [as_message(place, text) for place, text in enumerate(said)]
    for begin in range(0, len(messages), BATCH):
        body = names | {"messages": messages[begin : begin + BATCH]}
        transport.call_now("POST", "/memory/session/messages", body)


def as_message(place: int, text: str) -> dict[str, Any]:
    role, name = (("user", "Ilse"), ("assistant", "Botho"))[place % 2]
    return {"role": role, "name": name, "content": text}


# -- the other tenant ---------------------------------------------------------------------------------


def other_tenant(hub: Hub) -> list[bytes]:
    """Fills a small tenant and waits for its index; its requests, searches and reads by turns."""
    key = hub.key(tenant=OTHER, scopes="read,write")
    for number in range(OTHERS_ENTRIES):
        hub.call(
            key, "POST", "/memory/context/store", {"key": f"k-{number}", "value": {"n": number}, "scope": "tenant"}
        )
    add_messages(hub, key, OTHERS_MESSAGES, connections=2, seed=2)
    wait_until_indexed(hub, key, OTHER, OTHERS_MESSAGES)
    queries = [" ".join(text.split()[:8]) for text in itertools.islice(texts(seed=3), 500)]
    searches = [
        load.request_bytes("/memory/context/search", key, {"query": query, "user_id": f"user-{place % 10}"})
        for place, query in enumerate(queries)
    ]
    reads = [
        load.request_bytes("/memory/context/retrieve", key, {"key": f"k-{number}", "scope": "tenant"})
        for number in range(OTHERS_ENTRIES)
    ]
    return [request for pair in zip(searches, reads, strict=False) for request in pair]


def embedding_rate(hub: Hub) -> float:
    """Messages a second that one thread embeds alone: each text by itself and behind the words before it."""
    embedder = LocalEmbedder(hub.home)
    if not embedder.warm(60):
        raise SystemExit(f"The drill needs the embedding model. {embedder.problem or ''}")
    sample = list(itertools.islice(texts(seed=4), SAMPLE))
    turns = list(itertools.pairwise([sample[-1], *sample]))
    begin = time.perf_counter()
    embedder.embed(sample)
    embedder.embed([" ".join([*before.split()[-CONTEXT_WORDS:], text]) for before, text in turns])
    return SAMPLE / (time.perf_counter() - begin)


# -- telling ------------------------------------------------------------------------------------------


def rows(options: argparse.Namespace, taken: Taken, alone: Result, beside: Result, floor: float) -> list[Row]:
    count, pace = options.messages, f"{options.per_second:g} requests/s of another tenant"
    return [
        Row(f"{count:,} messages imported", count / taken.imported, "messages/s", note=f"{taken.imported:.0f} s"),
        Row(
            f"{count:,} messages imported and indexed",
            count / taken.indexed,
            "messages/s",
            floor,
            "the model alone, one thread",
            note=f"{taken.indexed:.0f} s",
        ),
        Row(
            f"{pace}, beside the import",
            beside.percentile(0.95),
            "ms p95",
            alone.percentile(0.95),
            "the same alone",
            "≤ 2 × alone",
            f"alone: {described(alone)}; beside: {described(beside)}",
        ),
    ]


def described(result: Result) -> str:
    p50, p95 = result.percentile(0.5), result.percentile(0.95)
    failed = f", {result.failed} FAILED" if result.failed else ""
    return f"{len(result.latencies)} answers, p50 {p50:.1f} ms, p95 {p95:.1f} ms{failed}"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
