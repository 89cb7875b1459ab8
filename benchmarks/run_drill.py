"""Kills the hub's processes while agents follow runs, and counts what was lost, doubled or out of order.

Agents share the runs: each asks one of them for its next step, completes it with evidence, and journals every
acknowledged answer (fsync); some die with a step in their hands. A call to another system is among the steps. At the
end every run must be completed, every step done exactly once and by the acknowledged lease, events without a gap.

    python -m benchmarks.run_drill --kills 10 --runs 30
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg

from benchmarks.hub import Hub, free_port, running_hub
from benchmarks.kill_drill import Journal, kill_one

TARGETS = ("web", "jobs", "web", "postgres")
NAME = "drill"
PATIENCE_SECONDS = 300
#: How long a dead agent's step is out of reach.
SHORT_LEASE, LEASE = 1, 20


def allowed(port: int) -> str:
    """The setting that lets steps call the drill's own server."""
    return json.dumps([f"http://127.0.0.1:{port}"])


def document(port: int) -> dict[str, Any]:
    evidence = [{"name": "seen", "type": "text", "required": True}]
    called = {"method": "POST", "url": f"http://127.0.0.1:{port}/call", "body": {"n": 1}}
    stored = {"do": "store", "with": {"key": "drill", "value": 1}}
    tried = {"on_failure": "retry", "max_attempts": 20}
    return {
        "title": "A drill",
        "summary": "Followed while processes are killed.",
        "steps": [
            {"id": "first", "title": "First", "evidence": evidence},
            {"id": "call", "title": "Call", "kind": "http", "request": called, **tried},
            {"id": "note", "title": "Note", "kind": "memory", "action": stored},
            {"id": "second", "title": "Second", "evidence": evidence},
            {"id": "third", "title": "Third"},
        ],
    }


@dataclass
class RunReport:
    """What the checker found; what follows ``seconds`` must be zero."""

    runs: int = 0
    acknowledged: int = 0
    died: int = 0
    calls: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    unfinished: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    gaps: int = 0
    keys_mixed: int = 0

    @property
    def clean(self) -> bool:
        return not (self.unfinished or self.lost or self.doubled or self.out_of_order or self.gaps or self.keys_mixed)


class Called(ThreadingHTTPServer):
    """What the steps call. ``keys``: how often each Idempotency-Key came."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        self.keys: Counter[str] = Counter()
        super().__init__(("127.0.0.1", port), Answers)


class Answers(BaseHTTPRequestHandler):
    server: Called

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.keys[self.headers["Idempotency-Key"]] += 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *about: object) -> None:
        """Silent."""


@contextmanager
def called(port: int) -> Iterator[Called]:
    with Called(port) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class Agent(threading.Thread):
    """Takes whatever step comes next in any of the runs, until all are over."""

    def __init__(self, hub: Hub, key: str, number: int, open_runs: set[str], journal: Journal) -> None:
        super().__init__(daemon=True)
        self.hub, self.key, self.agent, self.journal = hub, key, f"agent-{number}", journal
        self.open_runs, self.rng = open_runs, random.Random(number)
        self.died, self.failure = 0, None  # type: int, BaseException | None
        self.deadline = time.monotonic() + PATIENCE_SECONDS

    def run(self) -> None:
        try:
            while self.open_runs:
                if time.monotonic() > self.deadline:
                    return
                self.work_on(self.rng.choice(sorted(self.open_runs) or [""]))
        except BaseException as error:  # noqa: BLE001  (reported by the main thread)
            self.failure = error

    def work_on(self, run: str) -> None:
        if not run:
            return
        dies = self.rng.random() < 0.05
        found = self.ask(f"/memory/runs/{run}/next", {"lease_seconds": SHORT_LEASE if dies else LEASE})
        if found is None:
            time.sleep(0.05)
        elif found["state"] == "over":
            self.open_runs.discard(run)
        elif found["state"] != "step":
            time.sleep(0.05)
        elif dies:
            self.died += 1
            self.agent = f"{self.agent}-again"[-60:]  # it comes back as somebody else
        else:
            self.complete(run, found)

    def complete(self, run: str, found: dict[str, Any]) -> None:
        step, lease = found["step"], found["lease"]["token"]
        body = {"lease": lease, "evidence": {one["name"]: self.agent for one in step["evidence"]}}
        while time.monotonic() < self.deadline:
            answer = self.ask(f"/memory/runs/{run}/steps/{step['id']}/complete", body)
            if answer is not None and answer.get("success"):
                self.journal.add(run=run, step=step["id"], lease=lease, agent=self.agent)
            if answer is not None:
                return
            time.sleep(0.05)

    def ask(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """The answer, a refusal included; None where none came."""
        try:
            return self.hub.call(self.key, "POST", path, body, X_Agent_Id=self.agent)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in (429, 500, 502, 503):
                    return None
                refused: dict[str, Any] = json.load(error)
            if error.code != 409 or refused["code"] not in ("lease_lost", "step_required", "run_not_open"):
                raise RuntimeError(f"{path}: {refused}") from error
            return refused
        except (OSError, http.client.HTTPException, ValueError):
            return None


def publish(hub: Hub, key: str, port: int) -> None:
    hub.call(key, "POST", "/memory/procedures", {"name": NAME, "document": document(port)})
    hub.call(key, "POST", f"/memory/procedures/{NAME}/publish", {"revision": 1, "note": "For the drill."})


def drill(
    hub: Hub, port: int, *, kills: int, runs: int, agents: int = 6, seed: int = 7, head: bool = False
) -> RunReport:
    """Follows ``runs`` on a running hub that may call ``port`` here, with ``kills`` evenly among the completions.

    With ``head`` it is always the first process of the jobs that is killed: they are back at once.
    """
    report, rng, key = RunReport(runs=runs), random.Random(seed), hub.key(f"drill-{seed}")
    publish(hub, key, port)
    ids = {hub.call(key, "POST", "/memory/runs", {"procedure": NAME})["id"] for _ in range(runs)}
    journal = Journal(hub.home / f"runs-{seed}.jsonl")
    with called(port) as server:
        started = time.monotonic()
        workers = [Agent(hub, key, number, ids, journal) for number in range(agents)]
        for worker in workers:
            worker.start()
        for turn in range(kills):
            wait_for(journal, (turn + 1) * runs * 3 // (kills + 1), workers)
            target = TARGETS[turn % len(TARGETS)]
            kill_one(hub, target, rng, head=head and target == "jobs")
            report.kills[target] += 1
        for worker in workers:
            worker.join()
        report.seconds = round(time.monotonic() - started, 1)
        journal.close()
        raise_failures(workers)
        report.died = sum(worker.died for worker in workers)
        check(hub, journal, server, report)
    return report


def wait_for(journal: Journal, count: int, workers: list[Agent]) -> None:
    while len(journal.lines) < count and any(worker.is_alive() for worker in workers):
        raise_failures(workers)
        time.sleep(0.02)


def raise_failures(workers: list[Agent]) -> None:
    for worker in workers:
        if worker.failure is not None:
            raise worker.failure


STEPS = """
SELECT s.run_id::text, s.step_id, s.status, s.lease_token, s.lease_agent, s.id::text
FROM procedure_step_runs s JOIN procedure_runs r ON r.id = s.run_id
JOIN operational_procedures p ON p.id = r.procedure_id WHERE p.name = %s AND p.tenant_id = %s ORDER BY 1, s.position
"""
EVENTS = """
SELECT e.run_id::text, e.number, e.event, e.step_id FROM procedure_run_events e
JOIN procedure_runs r ON r.id = e.run_id JOIN operational_procedures p ON p.id = r.procedure_id
WHERE p.name = %s AND p.tenant_id = %s ORDER BY 1, 2
"""
ORDER = ["first", "call", "note", "second", "third"]


def check(hub: Hub, journal: Journal, server: Called, report: RunReport) -> None:
    """Compares the journal and the calls with the database."""
    tenant = journal.file.name.rsplit("runs-", 1)[-1].removesuffix(".jsonl")
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as database:
        steps = database.execute(STEPS, [NAME, f"drill-{tenant}"]).fetchall()
        events = database.execute(EVENTS, [NAME, f"drill-{tenant}"]).fetchall()
    report.acknowledged, report.calls = len(journal.lines), server.keys.total()
    report.unfinished = report.runs * len(ORDER) - sum(step[2] == "done" for step in steps)
    stood = {(step[0], step[1]): step for step in steps}
    for line in journal.lines:
        step = stood[line["run"], line["step"]]
        report.lost += (step[2], step[3], step[4]) != ("done", line["lease"], line["agent"])
    check_events(events, report)
    keys = {f"{step[5]}-1" for step in steps if step[1] == "call"}
    report.keys_mixed = len(keys ^ set(server.keys))


def check_events(events: list[tuple[Any, ...]], report: RunReport) -> None:
    by_run: dict[str, list[tuple[Any, ...]]] = {}
    for event in events:
        by_run.setdefault(event[0], []).append(event)
    for found in by_run.values():
        report.gaps += [event[1] for event in found] != list(range(1, len(found) + 1))
        done = [event[3] for event in found if event[2] == "step.done"]
        report.doubled += len(done) - len(set(done))
        report.out_of_order += sorted(set(done), key=done.index) != ORDER


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    port = free_port()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing", MEMORYHUB_PROCEDURES__ALLOWED_HOSTS=allowed(port)) as hub:
        report = drill(hub, port, kills=options.kills, runs=options.runs)
    print(report)
    raise SystemExit(0 if report.clean else 1)


if __name__ == "__main__":
    main()
