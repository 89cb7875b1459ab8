"""``python -m benchmarks.regrant``: a sharing rule over 100,000 stored memories, while writers store at a steady pace.

The floor is the same pace of writers with nothing else to do, measured just before. At the end every memory must have
the grant that the rule promises, those too that were stored meanwhile.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg

from benchmarks.hub import Hub, running_hub
from benchmarks.load import Result, request_bytes
from benchmarks.paced import paced
from benchmarks.table import Row, markdown

TENANT, CATEGORY = "bench", "bench_notes"
AGENTS = ("alden", "alice", "sentry", "mimic")
WAIT_SECONDS = 1800
WARM_SECONDS = 5
# Rows as old stores left them. The index of the search is another matter, and left out.
FILL = """
INSERT INTO memory_context_registry (id, key, layer, scope, priority, category, source, tenant_id, agent_id, value,
  author, owner)
SELECT agents_new_id(), 'old-' || n, 'long_term', 'agent', 'medium', %(category)s, 'api', %(tenant)s,
  (%(agents)s::text[])[1 + n %% 4], to_jsonb('memory ' || n), 'bench', 'bench' FROM generate_series(1, %(entries)s) n
"""
MISSING = """
SELECT count(*) FROM memory_context_registry r JOIN unnest(%(to)s::text[]) AS receiver ON receiver <> r.agent_id
WHERE r.tenant_id = %(tenant)s AND r.scope = 'agent' AND r.category = %(category)s AND NOT EXISTS (
  SELECT FROM memory_grants g WHERE g.entry_id = r.id AND g.agent_id = receiver)
"""


def fill(hub: Hub, entries: int) -> None:
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as connection:
        named = {"category": CATEGORY, "tenant": TENANT, "agents": list(AGENTS), "entries": entries}
        connection.execute(FILL, named)
        connection.execute("VACUUM ANALYZE memory_context_registry")


def missing(hub: Hub) -> int:
    with psycopg.connect(hub.database_url("owner")) as connection:
        named = {"to": ["alice", "mimic"], "tenant": TENANT, "category": CATEGORY}
        row = connection.execute(MISSING, named).fetchone()
        assert row is not None
        return int(row[0])


def stores(keys: list[str], seconds: float, per_second: float) -> list[bytes]:
    """Stores under ever new keys by each agent in turn, more than can be sent in the time."""
    return list(itertools.islice(endless(keys), int(seconds * per_second) + 100))


def endless(keys: list[str]) -> Iterator[bytes]:
    for n, key in enumerate(itertools.cycle(keys)):
        body = {"key": f"new-{n}-{uuid.uuid4()}", "value": f"memory {n}", "scope": "agent", "category": CATEGORY}
        yield request_bytes("/memory/context/store", key, body)


def wait_until_done(hub: Hub, key: str, regrant_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = hub.call(key, "GET", "/memory/agents/regrants")["results"]
        row: dict[str, Any] = next(row for row in found if row["regrant_id"] == regrant_id)
        if row["status"] in ("done", "failed"):
            return row
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not done after {WAIT_SECONDS} s: {row}")
        time.sleep(0.5)


def report(alone: Result, beside: Result, seconds: float, done: dict[str, Any]) -> str:
    what = f"{done['grants_made']:,} grants, {done['done']:,} memories"
    rows = [
        Row("re-granting, until done", seconds, "s", note=what),
        Row("p95 of a store beside it", beside.percentile(0.95), "ms", alone.percentile(0.95), "alone", "≤ 2×"),
        Row("p99 of a store beside it", beside.percentile(0.99), "ms", alone.percentile(0.99), "alone"),
        Row("stores refused", beside.failed + alone.failed, "", target="0"),
    ]
    return markdown(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--per-second", type=float, default=30)
    parser.add_argument("--alone-seconds", type=float, default=20)
    chosen = parser.parse_args()
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0", MEMORYHUB_SEARCH__EMBEDDER="hashing") as hub:
        key = hub.key(TENANT)
        keys = [hub.key(TENANT, agent=agent) for agent in AGENTS]
        fill(hub, chosen.entries)
        for seconds in (WARM_SECONDS, chosen.alone_seconds):  # the first stores of a process meet cold caches
            with paced(hub.port, stores(keys, seconds, chosen.per_second), chosen.per_second) as alone:
                time.sleep(seconds)
        begin = time.monotonic()
        with paced(hub.port, stores(keys, 600, chosen.per_second), chosen.per_second) as beside:
            rule = {"category": CATEGORY, "action": "share", "to_agents": ["alice", "mimic"]}
            made = hub.call(key, "POST", "/memory/agents/sharing-rules", rule)
            done = wait_until_done(hub, key, made["regrant"]["regrant_id"])
            taken = time.monotonic() - begin
        lost = missing(hub)
        print(report(alone.result, beside.result, taken, done))
    if lost or done["status"] != "done" or beside.result.failed:
        sys.exit(f"{lost} grants are missing; {done['status']}: {done['error']}")


if __name__ == "__main__":
    main()
