"""``python -m benchmarks.serving``: what the bundled model costs a machine, and what a query waits for it.

Two processes ask for the vectors of queries as web workers do, at random times, 40 a second each; a third one, niced
like the relay, embeds a backlog as fast as it can. Each loads the model as the hub's processes do.
Memory is counted by Linux: what a process has alone, and its share of what it has with others (PSS).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.hub import ROOT
from benchmarks.table import Row, markdown
from memoryhub.search.embeddings.local import LocalEmbedder
from memoryhub.search.embeddings.preparation import prepare

QUERIES, PER_SECOND = 400, 40.0
BACKLOG_SECONDS = 10.0
BATCH = 64
NICENESS = 10
WORDS = (ROOT / "README.md").read_text(encoding="utf-8").split()


def text(words: int) -> str:
    return " ".join(random.choice(WORDS) for _ in range(words))


def memory() -> dict[str, float]:
    """MB of this process: ``alone`` and ``share``."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    alone = kilobytes["Private_Dirty"] + kilobytes["Private_Clean"]
    return {"alone": alone / 1024, "share": kilobytes["Pss"] / 1024}


def loaded(home: Path) -> LocalEmbedder:
    embedder = LocalEmbedder(home, batch_size=BATCH)
    if not embedder.warm(120):
        raise RuntimeError(embedder.problem)
    embedder.embed(["the first one takes longer"])
    return embedder


def web(home: Path, orders: Connection) -> None:
    """``run`` answers with the milliseconds of each query, ``memory`` with that of the process."""
    import onnxruntime  # noqa: F401 - what is there without any model
    import tokenizers  # noqa: F401

    before = memory()
    embedder = loaded(home)
    orders.send("ready")
    while (order := orders.recv()) != "end":
        if order == "memory":
            now = memory()
            orders.send(now | {"model": now["alone"] - before["alone"]})
        else:
            orders.send([one_query(embedder) for _ in range(QUERIES)])


def one_query(embedder: LocalEmbedder) -> float:
    time.sleep(random.expovariate(PER_SECOND))
    query = text(random.randint(4, 14))
    started = time.perf_counter()
    embedder.embed_queries([query])
    return (time.perf_counter() - started) * 1000


def relay(home: Path, orders: Connection) -> None:
    """``run`` embeds until the next order, and then answers with texts a second."""
    os.nice(NICENESS)
    embedder = loaded(home)
    batches = [[text(random.choice([8, 15, 25, 40, 80])) for _ in range(BATCH)] for _ in range(20)]
    orders.send("ready")
    while (order := orders.recv()) != "end":
        if order == "memory":
            orders.send(memory())
            continue
        started, done = time.perf_counter(), 0
        while not orders.poll():
            embedder.embed(batches[done % len(batches)])
            done += 1
        orders.recv()
        orders.send(done * BATCH / (time.perf_counter() - started))


@contextmanager
def processes(home: Path) -> Iterator[list[Connection]]:
    """Two web workers and a relay, each at the other end of a pipe."""
    context = multiprocessing.get_context("spawn")
    ends, started = [], []
    for work in (web, web, relay):
        here, there = context.Pipe()
        process = context.Process(target=work, args=(home, there))
        process.start()
        started.append(process)
        ends.append(here)
    for end in ends:
        end.recv()
    try:
        yield ends
    finally:
        for end, process in zip(ends, started, strict=True):
            end.send("end")
            process.join()


def asked(ends: Sequence[Connection], order: str) -> list[object]:
    for end in ends:
        end.send(order)
    return [end.recv() for end in ends]


def query_times(webs: Sequence[Connection]) -> tuple[float, float]:
    """Milliseconds: median and 95th percentile."""
    times = sorted(value for values in asked(webs, "run") for value in values)  # type: ignore[attr-defined]
    return median(times), times[int(len(times) * 0.95)]


def rows(home: Path) -> list[Row]:
    with processes(home) as ends:
        *webs, backlog = ends
        idle = query_times(webs)
        backlog.send("run")
        busy = query_times(webs)
        time.sleep(BACKLOG_SECONDS)
        (rate,) = asked([backlog], "stop")
        memories = [dict(found) for found in asked(ends, "memory")]  # type: ignore[call-overload]
    model = max(found["model"] for found in memories[:2])
    return [
        Row("the model in a web process, memory of its own", model, "MB"),
        Row("two web processes and a relay, all their memory", sum(found["share"] for found in memories), "MB"),
        Row("a query, nothing else at work, p50", idle[0], "ms"),
        Row("a query, nothing else at work, p95", idle[1], "ms"),
        Row("a query beside a backlog, p50", busy[0], "ms", idle[0], "idle"),
        Row("a query beside a backlog, p95", busy[1], "ms", idle[1], "idle"),
        Row("the backlog beside the queries, and alone", float(str(rate)), "texts/s"),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    # as the supervisor sets it
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory(prefix="mhb-") as folder:
        prepare(Path(folder))
        print(markdown(rows(Path(folder))))
    print(f"Load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors.")


if __name__ == "__main__":
    main()
