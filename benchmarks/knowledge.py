"""``python -m benchmarks.knowledge``: errors matched among many known problems over HTTP, beside a look-up in SQL.

The problems are made-up errors, each in words of its own; what is asked has other hosts, numbers and paths, and for
"like a known one" also another word. Then what these and other requests cost in processor time, in one process
(``benchmarks/costs.py``).
"""

from __future__ import annotations

import argparse
import json
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg

from benchmarks import costs, load
from benchmarks.hub import Hub, running_hub
from benchmarks.table import Row
from procedures_app import signatures
from procedures_app.signatures.vocabulary import VOCABULARY

TENANT = "bench"
PROBLEMS = 10_000
ASKED, READY_SECONDS, SECONDS = 400, 300.0, 6.0
TYPES = ["TimeoutError", "ConnectionRefusedError", "ValueError", "KeyError", "PermissionError", "OperationalError"]
#: those that tell problems apart; made-up ones would be taken for names
WORDS = sorted(VOCABULARY)
LOOK_UP = """SELECT id FROM knowledge_base
WHERE tenant_id = %s AND user_id IS NULL AND problem_signature = %s AND status = 'active'"""
WAITING = """SELECT count(*) FROM memory_search_index i WHERE tenant_id = %s
AND NOT EXISTS (SELECT FROM memory_context_vectors v WHERE v.row_id = i.id)"""

Said = tuple[str, list[str]]


def word(chance: random.Random) -> str:
    return chance.choice(WORDS)


def problems(count: int) -> list[Said]:
    """Types and words of errors."""
    chance = random.Random(31)
    return [(chance.choice(TYPES), chance.sample(WORDS, 6)) for _ in range(count)]


def message(chance: random.Random, said: Said) -> str:
    """As a program prints it, with variable parts of its own."""
    kind, (first, second, third, *rest) = said
    host = ".".join(str(chance.randrange(1, 255)) for _ in range(4))
    return (
        f"{kind}: {first} {second} failed at {host}:{chance.randrange(1024, 65535)}: {third} "
        f"{' '.join(rest)} after {chance.randrange(2, 900)} ms in /srv/app-{chance.randrange(99)}/run"
    )


def reworded(chance: random.Random, said: Said) -> Said:
    kind, words = said
    at = chance.randrange(len(words))
    return kind, [*words[:at], word(chance), *words[at + 1 :]]


# -- filling ------------------------------------------------------------------------------------------


def fill(hub: Hub, key: str, owner: psycopg.Connection[Any], known: list[Said]) -> None:
    """One problem through the API, which tells the model; the others straight into the tables, with vectors that are
    no problem's: what is measured is the work, not the finding."""
    hub.call(key, "POST", "/memory/errors", {"message": "StartError: the first of all"})
    model, dimension = model_of(owner)
    chance, numbers = random.Random(32), np.random.default_rng(33)
    pool = [written(vector / np.linalg.norm(vector)) for vector in numbers.normal(size=(500, dimension))]
    rows = {uuid.uuid4(): signatures.read(message(chance, said)) for said in known}
    copy_problems(owner, rows)
    solutions = "id, tenant_id, knowledge_id, text, successes, failures, success_rate, usage_count"
    with owner.cursor() as cursor, cursor.copy(f"COPY knowledge_solutions ({solutions}) FROM STDIN") as copy:
        for row_id in rows:
            copy.write_row((uuid.uuid4(), TENANT, row_id, "Start it again.", 3, 1, 0.67, 4))
    with (
        owner.cursor() as cursor,
        cursor.copy(
            "COPY memory_context_vectors (row_id, model, tenant_id, reach, version, embedding) FROM STDIN"
        ) as copy,
    ):
        for place, row_id in enumerate(rows):
            copy.write_row((row_id, model, TENANT, "ykt", 1, pool[place % len(pool)]))
    for table in ("knowledge_base", "knowledge_solutions", "memory_search_index", "memory_context_vectors"):
        owner.execute(f"VACUUM ANALYZE {table}")


def copy_problems(owner: psycopg.Connection[Any], rows: dict[uuid.UUID, signatures.ErrorText]) -> None:
    columns = (
        "id, tenant_id, knowledge_type, title, content, text, problem_signature, error_type, template, occurrences"
    )
    with owner.cursor() as cursor, cursor.copy(f"COPY knowledge_base ({columns}) FROM STDIN") as copy:
        for row_id, read in rows.items():
            said = f"{read.error_type}: {read.template}"
            content = json.dumps({"error": read.template})
            copy.write_row((
                row_id, TENANT, "error_pattern", said[:200], content, said, read.signature, read.error_type,
                read.template, 1,
            ))  # fmt: skip
    columns = "id, kind, tenant_id, scope, tags, memory_type, event_at, created_at, version, content"
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_search_index ({columns}) FROM STDIN") as copy:
        for row_id, read in rows.items():
            said = f"{read.error_type}: {read.template}"
            copy.write_row((row_id, "knowledge", TENANT, "tenant", [], "error_pattern", "now", "now", 1, said))


def model_of(owner: psycopg.Connection[Any]) -> tuple[str, int]:
    """Name and dimension, once the relay has embedded the first problem."""
    deadline = time.monotonic() + READY_SECONDS
    while owner.execute(WAITING, [TENANT]).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The relay did not embed the problem within {READY_SECONDS:.0f} s.")
        time.sleep(0.1)
    row = owner.execute(
        "SELECT model, vector_dims(embedding) FROM memory_context_vectors WHERE tenant_id = %s LIMIT 1", [TENANT]
    ).fetchone()
    assert row is not None
    return str(row[0]), int(row[1])


def written(vector: Any) -> str:
    return "[" + ",".join(f"{value:.5f}" for value in vector) + "]"


# -- measuring ----------------------------------------------------------------------------------------


def floor(app: psycopg.Connection[Any], asked: list[str]) -> list[float]:
    """Milliseconds of the plain look-up by signature, sorted."""
    taken = []
    for signature in [signatures.read(text).signature for text in asked] * 2:
        begin = time.perf_counter()
        app.execute(LOOK_UP, [TENANT, signature], prepare=True).fetchall()
        taken.append((time.perf_counter() - begin) * 1e3)
    return sorted(taken[len(asked) :])


def http_row(hub: Hub, what: str, requests: list[bytes], floor: load.Result) -> Row:
    result = asked_over_http(hub, requests)
    note = f"p95 {result.percentile(0.95):.1f} ms"
    note += f", {result.failed} FAILED" if result.failed else ""
    return Row(what, result.percentile(0.5), "ms p50", floor.percentile(0.5), costs.STORE, note=note)


def asked_over_http(hub: Hub, requests: list[bytes]) -> load.Result:
    def ask(client: int, n: int) -> bytes:
        return requests[n % len(requests)]

    load.run(hub.port, ask, clients=1, seconds=1)
    return load.run(hub.port, ask, clients=1, seconds=SECONDS)


def stored(number: int) -> dict[str, Any]:
    return {"key": f"said-{number}", "value": {"said": word(random.Random(number))}, "scope": "tenant"}


def right(hub: Hub, key: str, texts: list[str], known: list[str]) -> float:
    """The share whose best match is the problem that the text was made from."""
    found = 0
    for text, signature in zip(texts, known, strict=True):
        matches = hub.call(key, "POST", "/memory/knowledge/match", {"message": text, "limit": 1})["matches"]
        found += bool(matches) and matches[0]["knowledge"]["problem_signature"] == signature
    return found / len(texts)


def rows(hub: Hub, key: str, count: int) -> Iterator[Row]:
    known = problems(count)
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as owner:
        fill(hub, key, owner, known)
    chance = random.Random(34)
    asked = chance.choices(known, k=min(ASKED, count))
    exact = [message(chance, said) for said in asked]
    alike = [message(chance, reworded(chance, said)) for said in asked]
    with psycopg.connect(hub.database_url("app"), autocommit=True) as app:
        app.execute("SELECT set_config('memoryhub.tenant', %s, false)", [TENANT])
        beside = floor(app, exact)
    yield Row("look-up of a signature in SQL alone", beside[len(beside) // 2], "ms p50")
    plain = asked_over_http(hub, [load.request_bytes("/memory/context/store", key, stored(n)) for n in range(ASKED)])
    yield Row("plain store", plain.percentile(0.5), "ms p50", note=f"p95 {plain.percentile(0.95):.1f} ms")
    for what, path, texts in (
        ("match of a known error", "knowledge/match", exact),
        ("match of an error like a known one", "knowledge/match", alike),
        ("capture of a known error", "errors", exact),
    ):
        requests = [load.request_bytes(f"/memory/{path}", key, {"message": text}) for text in texts]
        yield http_row(hub, what, requests, plain)
    signature_of = [signatures.read(text).signature for text in exact]
    shares = [right(hub, key, texts[:50], signature_of[:50]) for texts in (exact, alike)]
    print(f"The right problem comes first: known {shares[0]:.0%}, like a known one {shares[1]:.0%} (words alone tell).")


def measure_costs(key: str, count: int, turns: int) -> dict[str, costs.Cost]:
    sent = costs.set_up()
    caller, known, chance = costs.Caller(key), problems(count), random.Random(35)
    kept = caller.post("/memory/knowledge", {"title": "A note", "content": {"text": "Kept."}})["knowledge"]["id"]

    def said(like: bool) -> dict[str, str]:
        one = chance.choice(known)
        return {"message": message(chance, reworded(chance, one) if like else one)}

    def note(turn: int) -> dict[str, Any]:
        return {"title": f"How to {word(chance)} {turn}", "content": {"text": f"{word(chance)} first, then the rest."}}

    return costs.measured(
        {
            costs.STORE: lambda turn: caller.post("/memory/context/store", stored(turn)),
            "match of a known error": lambda turn: caller.post("/memory/knowledge/match", said(like=False)),
            "match of an error like a known one": lambda turn: caller.post("/memory/knowledge/match", said(like=True)),
            "capture of a known error": lambda turn: caller.post("/memory/errors", said(like=False)),
            "capture of an error like a known one": lambda turn: caller.post("/memory/errors", said(like=True)),
            "capture of knowledge": lambda turn: caller.post("/memory/knowledge", note(turn)),
            "read of knowledge": lambda turn: caller.get(f"/memory/knowledge/{kept}"),
            "search of knowledge": lambda turn: caller.post(
                "/memory/knowledge/search", {"query": f"{word(chance)} {word(chance)}"}
            ),
        },
        turns,
        sent,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=PROBLEMS)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--costs", metavar="KEY", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.costs:
        costs.tell(measure_costs(chosen.costs, chosen.problems, chosen.turns))
        return
    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as hub:
        key = hub.key(tenant=TENANT)
        found = list(rows(hub, key, chosen.problems))
        cpu = costs.of_module("benchmarks.knowledge", hub, key, chosen.turns)
    costs.show(f"one client, {chosen.problems:,} problems", found, cpu)


if __name__ == "__main__":
    main()
