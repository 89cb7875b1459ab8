"""``python -m benchmarks.runs``: how fast agents get through procedures, beside plain stores in turns of the same run.

Several clients over HTTP, each with a run of its own at a time: ``next``, then ``complete`` with evidence, to the end
of the run; then the next run. A step is one ``next`` and one ``complete``; starting runs is part of what is measured.
Then what each costs in processor time, in one process (``benchmarks/costs.py``).
"""

from __future__ import annotations

import argparse
from dataclasses import astuple
from typing import Any

from benchmarks import costs
from benchmarks.hub import Hub, running_hub
from benchmarks.load import Result
from benchmarks.operations import Client, Latencies, Size, latency_rows, store, task, timed, together, turn
from benchmarks.table import Row

NAME, STEPS = "bench", 8
EVIDENCE = {"summary": "All 412 tests passed in 38 s; coverage is 93 %.", "passed": True}


def publish(client: Client) -> None:
    evidence = [
        {"name": "summary", "type": "text", "required": True, "description": "What came of it."},
        {"name": "passed", "type": "boolean", "required": True, "must_be": True},
    ]
    steps: list[dict[str, Any]] = [
        {"id": f"step-{n}", "title": f"Step {n}", "instruction": "Do {{inputs.service}}.", "evidence": evidence}
        for n in range(1, STEPS + 1)
    ]
    inputs = [{"name": "service", "type": "text", "required": True}]
    document = {"title": "Measured", "summary": "Followed by the benchmark.", "inputs": inputs, "steps": steps}
    client.post("/memory/procedures", {"name": NAME, "document": document})
    client.post(f"/memory/procedures/{NAME}/publish", {"revision": 1, "note": "For the benchmark."})


def follow(client: Client, number: int, taken: Latencies) -> None:
    """One run from its start to its end."""
    begun = {"procedure": NAME, "inputs": {"service": f"service-{number}"}}
    run = timed("start", taken, lambda: client.post("/memory/runs", begun))["id"]
    for _ in range(STEPS):
        found = timed("next", taken, lambda: client.post(f"/memory/runs/{run}/next", {}))
        done = {"lease": found["lease"]["token"], "evidence": EVIDENCE}
        path = f"/memory/runs/{run}/steps/{found['step']['id']}/complete"
        timed("complete", taken, lambda path=path, done=done: client.post(path, done))  # type: ignore[misc]


def rows(hub: Hub, key: str, size: Size) -> list[Row]:
    publish(Client(hub, key))
    found: dict[str, list[Result]] = {"start": [], "next": [], "complete": [], "store": []}
    for number in range(size.rounds):
        for work in (follow, store):
            for name, result in turn(hub, key, size, work, first=number * 100_000).items():
                found[name].append(result)
    results = {name: together(all_of) for name, all_of in found.items()}
    plain = results["store"]
    made = [Row("steps (next and complete)", results["complete"].per_second, "/s", plain.per_second, "plain stores /s")]
    return made + latency_rows({name: results[name] for name in ("start", "next", "complete")}, plain)


class Follower:
    """Takes one step of a run at each turn; a new run where the last one is over."""

    def __init__(self, caller: costs.Caller) -> None:
        self.caller = caller
        self.run: str = ""
        self.left = 0
        self.found: dict[str, Any] = {}

    def store(self, turn: int) -> None:
        entry = {"key": f"cost-{turn}", "value": task(turn), "layer": "long_term", "scope": "tenant"}
        self.caller.post("/memory/context/store", entry)

    def start(self, turn: int) -> None:
        begun = {"procedure": NAME, "inputs": {"service": f"service-{turn}"}}
        run = self.caller.post("/memory/runs", begun)["id"]
        if not self.left:
            self.run, self.left = run, STEPS

    def take(self, turn: int) -> None:
        self.found = self.caller.post(f"/memory/runs/{self.run}/next", {})

    def complete(self, turn: int) -> None:
        done = {"lease": self.found["lease"]["token"], "evidence": EVIDENCE}
        self.caller.post(f"/memory/runs/{self.run}/steps/{self.found['step']['id']}/complete", done)
        self.left -= 1


def measure_costs(key: str, turns: int) -> dict[str, costs.Cost]:
    sent = costs.set_up()
    at = Follower(costs.Caller(key))
    found = costs.measured(
        {costs.STORE: at.store, "start": at.start, "next": at.take, "complete": at.complete}, turns, sent
    )
    taken, done = found["next"], found["complete"]
    both = [one + other for one, other in zip(astuple(taken), astuple(done), strict=True)]
    return found | {"a step (next and complete)": costs.Cost(*both)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--costs", metavar="KEY", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.costs:
        costs.tell(measure_costs(chosen.costs, chosen.turns))
        return
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        key = hub.key(agent="deploy-bot")
        found = rows(hub, key, Size(chosen.rounds, chosen.clients, chosen.seconds, history=0))
        cpu = costs.of_module("benchmarks.runs", hub, key, chosen.turns)
    costs.show(f"{chosen.clients} clients, {STEPS} steps a run", found, cpu)


if __name__ == "__main__":
    main()
