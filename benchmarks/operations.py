"""``python -m benchmarks.operations``: what consulting memory before work costs, and what its guard costs the others.

Begin and finish over HTTP by several clients, beside plain stores of the same size in turns of the same run; then what
each costs in processor time, in one process (``benchmarks/costs.py``). The history that ``begin`` searches is filled
before. The guard before every writing door is measured there too: full requests to store with it and without it in
turns, while nothing is enforced; the median of the differences counts.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks import costs, http_rows
from benchmarks.hub import ROOT, Hub, running_hub
from benchmarks.load import Result
from benchmarks.table import Row

CONTEXT = {"changes": ["Added memory integration", "Fixed auth bug"], "risk_level": "medium"}
SERVICES = ("backend", "frontend", "billing", "search", "gateway")
Latencies = dict[str, list[float]]


@dataclass(frozen=True)
class Size:
    rounds: int
    clients: int
    seconds: float
    history: int


class Client:
    """One connection that is kept open."""

    def __init__(self, hub: Hub, key: str) -> None:
        self.key, self.connection = key, http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        self.connection.request("POST", path, json.dumps(body), headers)
        response = self.connection.getresponse()
        answer = dict(json.loads(response.read()))
        if response.status >= 300:
            raise RuntimeError(f"{path}: {response.status} {answer}")
        return answer


def task(number: int) -> dict[str, Any]:
    service = SERVICES[number % len(SERVICES)]
    return {"task": f"Deploy {service} v3.{number // 100}.{number % 100}", "kind": "deployment", "context": CONTEXT}


def consult(client: Client, number: int, taken: Latencies) -> None:
    begun = timed("begin", taken, lambda: client.post("/memory/operations/begin", task(number)))
    end = {"consultation_token": begun["consultation_token"], "success": bool(number % 5), "result": {"n": number}}
    timed("finish", taken, lambda: client.post("/memory/operations/finish", end))


def remember(client: Client, number: int, taken: Latencies) -> None:
    done = task(number)
    work = {"action": done["task"], "kind": done["kind"], "input": CONTEXT, "success": bool(number % 5)}
    client.post("/memory/work-history", work | {"output": {"n": number}})


def fill(hub: Hub, key: str, size: Size) -> None:
    """The history, by all clients together."""

    def run(first: int) -> None:
        client = Client(hub, key)
        for number in range(first, size.history, size.clients):
            remember(client, number, {})

    threads = [threading.Thread(target=run, args=(first,)) for first in range(size.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    http_rows.wait_for_relay(hub)


def store(client: Client, number: int, taken: Latencies) -> None:
    entry = {"key": f"deployment-{number}", "value": task(number), "layer": "long_term", "scope": "tenant"}
    timed("store", taken, lambda: client.post("/memory/context/store", entry))


def timed(name: str, taken: Latencies, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    begin = time.perf_counter()
    answer = work()
    taken.setdefault(name, []).append((time.perf_counter() - begin) * 1e3)
    return answer


def turn(
    hub: Hub, key: str, size: Size, work: Callable[[Client, int, Latencies], None], *, first: int
) -> dict[str, Result]:
    """Several clients at work for some seconds: what each kind of request took."""
    clients = size.clients
    found: list[Latencies] = [{} for _ in range(clients)]
    until = time.monotonic() + size.seconds

    def run(at: int) -> None:
        client, number = Client(hub, key), first + at
        while time.monotonic() < until:
            work(client, number, found[at])
            number += clients

    threads = [threading.Thread(target=run, args=(at,)) for at in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begin
    names = {name for taken in found for name in taken}
    return {name: Result(took, [ms for taken in found for ms in taken.get(name, [])]) for name in names}


def together(results: list[Result]) -> Result:
    latencies = [ms for result in results for ms in result.latencies]
    return Result(sum(result.seconds for result in results), latencies)


def rows(hub: Hub, key: str, size: Size) -> list[Row]:
    fill(hub, key, size)
    found: dict[str, list[Result]] = {"begin": [], "finish": [], "store": []}
    for number in range(size.rounds):
        first = size.history + number * 100_000
        for work in (consult, store):
            for name, result in turn(hub, key, size, work, first=first).items():
                found[name].append(result)
    begin, finish, plain = (together(found[name]) for name in ("begin", "finish", "store"))
    made = [Row("begin and finish, pairs", finish.per_second, "/s", plain.per_second, "plain stores /s")]
    return made + latency_rows({"begin": begin, "finish": finish}, plain)


def latency_rows(results: dict[str, Result], plain: Result) -> list[Row]:
    return [
        Row(f"{name}, p{share * 100:.0f}", result.percentile(share), "ms", plain.percentile(share), costs.STORE)
        for name, result in results.items()
        for share in (0.5, 0.95)
    ]


def guard_rows(hub: Hub, key: str, pairs: int) -> list[Row]:
    command = [sys.executable, "-m", "benchmarks.operations", "--guard", key, "--pairs", str(pairs)]
    printed = subprocess.check_output(command, cwd=ROOT, env=hub.environment, text=True)
    told = json.loads(printed.strip().splitlines()[-1])
    note = f"median of {pairs} differences: {told['difference_us']:+.1f} us; the guard alone {told['alone_us']:.2f} us"
    return [
        Row("store with the guard, nothing enforced", told["with_ms"], "ms", told["without_ms"], "without", note=note)
    ]


def measure_guard(key: str, pairs: int) -> dict[str, float]:
    """In this process, against the hub's database: requests with the guard and without it in turns."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memoryhub.settings")
    django.setup()
    from django.test import Client as Browser

    from memoryhub.access import consulting, credentials
    from procedures_app.services import enforcement

    browser = Browser(headers={"Authorization": f"Bearer {key}"})

    def one(number: int, guards: list[Any]) -> float:
        consulting._guards[:] = guards
        body = json.dumps({"key": f"guard-{number % 50}", "value": task(number), "scope": "tenant"})
        begin = time.perf_counter()
        answer = browser.post("/memory/context/store", body, content_type="application/json")
        took = (time.perf_counter() - begin) * 1e3
        assert answer.status_code == 200, answer.content
        return took

    for number in range(50):
        one(number, [enforcement.guard])
    # who goes first changes from pair to pair
    orders = [([enforcement.guard], []), ([], [enforcement.guard])]
    both: list[tuple[float, float]] = []
    for number in range(pairs):
        first, second = (one(number, guards) for guards in orders[number % 2])
        both.append((first, second) if number % 2 == 0 else (second, first))
    principal = credentials.principal_for(credentials.verify(key), acting_agent=None, request_id="")
    begin = time.perf_counter()
    for _ in range(10_000):
        enforcement.guard(principal)
    alone = (time.perf_counter() - begin) / 10_000 * 1e6
    return {
        "with_ms": statistics.median(guarded for guarded, _ in both),
        "without_ms": statistics.median(plain for _, plain in both),
        "difference_us": statistics.median(guarded - plain for guarded, plain in both) * 1e3,
        "alone_us": alone,
    }


def measure_costs(key: str, turns: int) -> dict[str, costs.Cost]:
    sent = costs.set_up()
    caller = costs.Caller(key)
    begun: dict[str, Any] = {}

    def plain(turn: int) -> None:
        entry = {"key": f"cost-{turn}", "value": task(turn), "layer": "long_term", "scope": "tenant"}
        caller.post("/memory/context/store", entry)

    def begin(turn: int) -> None:
        begun.update(caller.post("/memory/operations/begin", task(5_000_000 + turn)))

    def finish(turn: int) -> None:
        end = {"consultation_token": begun["consultation_token"], "success": bool(turn % 5), "result": {"n": turn}}
        caller.post("/memory/operations/finish", end)

    def embed(turn: int) -> None:
        within = "\nchanges: Added memory integration; changes: Fixed auth bug; risk level: medium"
        asked = f"{task(7_000_000 + turn)['task']}"
        embeddings.embed_queries([asked, asked + within])

    from memoryhub.search import embeddings

    named = {costs.STORE: plain, "begin": begin, "finish": finish, "of begin: the model, two texts": embed}
    return costs.measured(named, turns, sent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--history", type=int, default=1500, help="pieces of work before the measurement")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--guard", metavar="KEY", help=argparse.SUPPRESS)
    parser.add_argument("--costs", metavar="KEY", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.guard:
        print(json.dumps(measure_guard(chosen.guard, chosen.pairs)))
        return
    if chosen.costs:
        costs.tell(measure_costs(chosen.costs, chosen.turns))
        return
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        key = hub.key(agent="deploy-bot")
        found = rows(hub, key, Size(chosen.rounds, chosen.clients, chosen.seconds, chosen.history))
        cpu = costs.of_module("benchmarks.operations", hub, key, chosen.turns)
        cpu += guard_rows(hub, key, chosen.pairs)
    costs.show(f"{chosen.clients} clients, {chosen.history:,} pieces of work in the history", found, cpu)


if __name__ == "__main__":
    main()
