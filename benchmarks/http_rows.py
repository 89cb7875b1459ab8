"""Retrieve, store and messages over HTTP, each beside its floor."""

from __future__ import annotations

import json
import multiprocessing
import time
import uuid
from collections.abc import Callable
from typing import Any

import psycopg

from benchmarks import load
from benchmarks.hub import Hub
from benchmarks.table import Row

CLIENTS = 8
ENTRIES = 10_000
SPREAD = 1000
VALUE = {"theme": "dark", "notifications": True, "language": "en", "density": "compact"}

# The rows that one store writes, as a client without a hub would write them in one transaction.
RAW_STORE = """
INSERT INTO memory_context_registry (id, key, layer, scope, priority, category, source, tenant_id, value, author,
  content, memory_type, tags)
VALUES (%(id)s, %(key)s, 'long_term', 'tenant', 'medium', 'general', 'bench', 'raw', %(value)s, 'raw',
  'theme dark notifications language en density compact', 'general', '{}');
INSERT INTO memory_context_versions (id, entry_id, tenant_id, version, action, value, metadata, attributes, author,
  reason)
VALUES (gen_random_uuid(), %(id)s, 'raw', 1, 'stored', %(value)s, '{}', '{}', 'raw', '');
INSERT INTO memory_audit_trail (id, tenant_id, at, action, outcome, actor, actor_kind, request_id, object_type,
  object_id, reason)
VALUES (gen_random_uuid(), 'raw', now(), 'raw', 'done', 'raw', 'key', '', 'entry', %(key)s, '');
INSERT INTO memory_sync_events (event_id, tenant_id, event_type, context_key, object_id, version, source_system,
  target_systems, priority, payload)
VALUES (gen_random_uuid(), 'raw', 'raw', %(key)s, %(id)s, 1, 'bench', '{none}', 'medium', '{}');
INSERT INTO memory_search_index (id, kind, tenant_id, scope, tags, event_at, created_at, version, content)
VALUES (%(id)s, 'entry', 'raw', 'tenant', '{}', now(), now(), 1, 'theme dark notifications language en density compact')
"""


def fill(hub: Hub, key: str, count: int = ENTRIES) -> None:
    """``count`` entries through the API, in batches."""
    for begin in range(0, count, 500):
        entries = [
            {"key": f"pref-{n}", "value": VALUE, "layer": "long_term", "scope": "tenant"}
            for n in range(begin, min(begin + 500, count))
        ]
        hub.call(key, "POST", "/memory/context/batch", {"entries": entries})


def wait_for_relay(hub: Hub, seconds: float = 300) -> None:
    """Until the relay has caught up, so that each row is measured with its own work in the background only."""
    deadline = time.monotonic() + seconds
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute("SELECT count(*) FROM memory_sync_deliveries WHERE status = 'pending'").fetchone()
            if row == (0,):
                return
            time.sleep(0.5)
    raise RuntimeError(f"the relay did not catch up within {seconds:.0f} s")


def retrieve_row(hub: Hub, key: str, floor: load.Result) -> Row:
    def make(client: int, n: int) -> bytes:
        body = {"key": f"pref-{(client * 1237 + n * 31) % ENTRIES}", "scope": "tenant"}
        return load.request_bytes("/memory/context/retrieve", key, body)

    load.run(hub.port, make, clients=CLIENTS, seconds=2)
    result = load.run(hub.port, make, clients=CLIENTS)
    return Row(
        "authenticated retrieve over HTTP",
        result.per_second,
        "requests/s",
        floor.per_second,
        "DRF POST view without database",
        "≥ 0.5 × floor, p99 ≤ 20 ms",
        describe(result),
    )


def store_row(hub: Hub, key: str) -> Row:
    mark = uuid.uuid4().hex[:6]

    def make(client: int, n: int) -> bytes:
        body = {"key": f"new-{mark}-{client}-{n}", "value": VALUE, "layer": "long_term", "scope": "tenant"}
        return load.request_bytes("/memory/context/store", key, body)

    result = load.run(hub.port, make, clients=CLIENTS, requests=6000)
    return Row(
        "durable store over HTTP",
        result.per_second,
        "requests/s",
        raw_store(hub.database_url("owner")),
        "raw psycopg, the same rows",
        "≥ 700/s and ≥ 0.4 × floor",
        describe(result),
    )


def raw_writer(url: str, seconds: float, pipe: Any) -> None:
    done = 0
    value, until = json.dumps(VALUE), time.monotonic() + seconds
    statements = [part.encode() for part in RAW_STORE.split(";")]
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < until:
            entry = uuid.uuid4()
            row = {"id": entry, "key": f"raw-{entry}", "value": value}
            with connection.transaction():
                for statement in statements:
                    connection.execute(statement, row, prepare=True)
            done += 1
    pipe.send(done)


def raw_store(url: str, seconds: float = 5) -> float:
    """Transactions a second that write what one store writes, from as many clients."""
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(CLIENTS)]
    jobs = [context.Process(target=raw_writer, args=(url, seconds, sender)) for _, sender in pipes]
    for job in jobs:
        job.start()
    total = sum(receiver.recv() for receiver, _ in pipes)
    for job in jobs:
        job.join()
    return float(total / seconds)


def message_rows(hub: Hub, key: str, floor: load.Result) -> list[Row]:
    for number in range(SPREAD):
        hub.call(key, "POST", "/memory/session/start", {"session_id": f"bench-{number}"})
    one = message_row(hub, key, "messages into one session", lambda client, n: 0, "≥ 300/s", floor=floor)
    spread = message_row(
        hub,
        key,
        "messages over 1,000 sessions",
        lambda client, n: 1 + (client * 131 + n * 17) % (SPREAD - 1),
        "≥ 600/s",
        floor=floor,
    )
    return [one, spread]


def message_row(
    hub: Hub, key: str, what: str, session: Callable[[int, int], int], target: str, *, floor: load.Result
) -> Row:
    def make(client: int, n: int) -> bytes:
        body = {"session_id": f"bench-{session(client, n)}", "role": "user", "content": f"line {n} of client {client}"}
        return load.request_bytes("/memory/session/message", key, body)

    result = load.run(hub.port, make, clients=CLIENTS, requests=6000)
    note = f"{describe(result)}; {numbering(hub)}"
    return Row(what, result.per_second, "messages/s", floor.per_second, "DRF POST view without database", target, note)


def numbering(hub: Hub) -> str:
    """Whether any session lost a number."""
    with psycopg.connect(hub.database_url("owner")) as connection:
        row = connection.execute(
            "SELECT count(*) FROM (SELECT count(*) AS n, max(sequence) AS last FROM memory_session_messages "
            "GROUP BY session_id) s WHERE n <> last"
        ).fetchone()
    return "numbers without a gap" if row and row[0] == 0 else f"{row and row[0]} sessions with gaps"


def describe(result: load.Result) -> str:
    text = f"p50 {result.percentile(0.5):.1f} ms, p99 {result.percentile(0.99):.1f} ms"
    return text + (f", {result.failed} FAILED" if result.failed else "")
