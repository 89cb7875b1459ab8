"""``python -m benchmarks.rules``: what sharing rules cost a store, inside the database.

Stores run through the hub's write function on one connection, in rounds that take turns: with the house rules taken
out (the floor), in a tenant without rules, and in one with the published ones. What counts is the processor's time of
the server process, without commits: the share of the rules shows larger than a client sees it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import uuid
from collections.abc import Callable
from typing import Any

import psutil
import psycopg

from benchmarks.hub import running_hub
from benchmarks.table import Row, markdown

WRITE = "SELECT status FROM registry_write(%s::text, %s::jsonb, %s::jsonb)"
BODIES = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = ANY (%s)"
EMPTY = {
    "registry_before_write": "BEGIN END",
    "registry_may_write": "BEGIN RETURN NULL; END",
    "registry_after_write": "BEGIN END",
}
KINDS = ("without agent", "by an agent", "agent's own")


def order(kind: str, tenant: str, category: str | None) -> tuple[str, str]:
    address = {"scope": "tenant", "tenant_id": tenant}
    if kind == "agent's own":
        address = {"scope": "agent", "tenant_id": tenant, "agent_id": "alden"}
    what: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "key": f"k-{uuid.uuid4()}",
        "address": address,
        "value": "Prefers dark mode in the evening",
        "content": "Prefers dark mode in the evening",
        "lives": {"short_term": 2_592_000},
        "slides": {},
    }
    if category:
        what["category"] = category
    act: dict[str, Any] = {name: str(uuid.uuid4()) for name in ("version_id", "audit_id", "event_id")}
    act |= {"did": "stored", "label": "k", "targets": [], "actor": "bench", "actor_kind": "key", "request_id": "r"}
    act |= {"tenant_id": tenant, "admin": False, "agent_id": None if kind == "without agent" else "alden"}
    return json.dumps(what), json.dumps(act)


def timed(connection: psycopg.Connection[Any], kind: str, tenant: str, category: str | None, stores: int) -> float:
    """Milliseconds of the server's processor that one store takes."""
    jobs = [order(kind, tenant, category) for _ in range(stores)]
    server = psutil.Process(connection.info.backend_pid)
    begin = server.cpu_times()
    for what, act in jobs:
        [status] = connection.execute(WRITE, [f"{tenant}\n\n", what, act], prepare=True).fetchall()[0]
        assert status == "done", status
    end = server.cpu_times()
    return float(end.user + end.system - begin.user - begin.system) * 1e3 / stores


def without_rules(connection: psycopg.Connection[Any], work: Callable[[], float]) -> float:
    """``work`` with empty house rules; afterwards they are as before."""
    bodies = [row[0] for row in connection.execute(BODIES, [list(EMPTY)])]
    for body in bodies:
        head, _, _ = body.partition("AS $function$")
        name = next(name for name in EMPTY if name in head)
        connection.execute(f"{head} AS $function$ {EMPTY[name]} $function$".encode())
    try:
        return work()
    finally:
        for body in bodies:
            connection.execute(body.encode())


def measured(connection: psycopg.Connection[Any], kind: str, rounds: int, stores: int) -> list[Row]:
    cases: dict[str, tuple[str, str | None]] = {
        "no rules": ("bare", None),
        "published rules": ("ruled", None),
        "published rules, shared category": ("ruled", "preference"),
    }
    figures: dict[str, list[float]] = {name: [] for name in ("floor", *cases)}
    for number in range(rounds + 1):
        found = {name: timed(connection, kind, *case, stores) for name, case in cases.items()}
        found["floor"] = without_rules(connection, lambda: timed(connection, kind, "bare", None, stores))
        if number:  # the first round warms the caches
            for name, value in found.items():
                figures[name].append(value)
    floor = statistics.median(figures.pop("floor"))
    return [
        Row(f"store {kind}, {name}", statistics.median(values), "ms", floor, "no house rules")
        for name, values in figures.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--stores", type=int, default=500)
    chosen = parser.parse_args()
    with running_hub(MEMORYHUB_SEARCH__EMBEDDER="hashing") as hub:
        for tenant in ("bare", "ruled"):
            hub.key(tenant)
        hub.manage("install_agents", "--tenant", "ruled")
        with psycopg.connect(hub.database_url("owner")) as connection:
            rows = [row for kind in KINDS for row in measured(connection, kind, chosen.rounds, chosen.stores)]
            connection.rollback()
    print(markdown(rows))


if __name__ == "__main__":
    main()
