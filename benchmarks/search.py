"""Search in a tenant of 1,000 memories among 100,000 of others: its SQL beside raw exact SQL, and over HTTP."""

from __future__ import annotations

import json
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import psycopg

from benchmarks import load
from benchmarks.hub import Hub
from benchmarks.table import Row

TENANT = "small"
OWN, FOREIGN, OTHERS = 1_000, 99_000, 99
ROUNDS = 25
TOP = 10
QUERIES = 60
READY_SECONDS = 300.0

WHO = ["Maria", "Jonas", "Aisha", "Pavel", "Chen", "Olivia", "Tomas", "Ines", "Kofi", "Yuki"]
DID = [
    "moved",
    "cancelled",
    "praised",
    "paid",
    "forgot",
    "renamed",
    "repaired",
    "ordered",
    "returned",
    "planned",
    "shared",
    "doubted",
]
WHAT = [
    "the invoice",
    "the weekly report",
    "a blue bicycle",
    "the garden shed",
    "her passport",
    "the train tickets",
    "the dark theme",
    "a piano lesson",
    "the server room",
    "the onboarding guide",
    "his allergy test",
    "the summer camp",
    "a bread recipe",
    "the lease",
    "the quarterly budget",
    "a broken printer",
    "the holiday photos",
    "the warranty claim",
    "the reading group",
    "a dentist visit",
]
WHEN = [
    "on Monday",
    "before lunch",
    "last winter",
    "after the storm",
    "during the sale",
    "in the new office",
    "for a neighbor",
    "without telling anyone",
    "because of the rain",
    "at the very last minute",
    "together with the whole team",
    "in Lisbon",
]

#: Where the features of a row have its likeness to the query.
SIMILARITY = 16
CALL = "SELECT memory_search(%s, %s, %s, %s::halfvec, %s, '{}', %s)"
CLUSTER = """
CREATE TABLE bench_vectors AS SELECT tenant_id, row_id, embedding FROM memory_context_vectors
  WHERE model = {model} ORDER BY tenant_id;
CREATE INDEX ON bench_vectors (tenant_id);
CREATE TABLE bench_words AS
  SELECT id, tenant_id, content, to_tsvector('english', content) AS words FROM memory_search_index;
CREATE INDEX ON bench_words (tenant_id);
ANALYZE bench_vectors, bench_words
"""
EXACT = "SELECT row_id FROM bench_vectors WHERE tenant_id = %s ORDER BY embedding <=> %s::halfvec LIMIT 10"
EXACT_JOINED = """
SELECT i.id FROM memory_search_index i JOIN memory_context_vectors v ON v.row_id = i.id AND v.model = %s
WHERE i.tenant_id = %s ORDER BY v.embedding <=> %s::halfvec LIMIT 10
"""
EXACT_BOTH = """
SELECT b.id, 0.6 * (1 - (v.embedding <=> %s::halfvec)) + 0.4 * ts_rank(b.words, %s::tsquery) AS score
FROM bench_words b JOIN memory_context_vectors v ON v.row_id = b.id AND v.model = %s
WHERE b.tenant_id = %s ORDER BY score DESC LIMIT 10
"""


def sentences(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        first, second = (
            f"{chance.choice(WHO)} {chance.choice(DID)} {chance.choice(WHAT)} {chance.choice(WHEN)}" for _ in range(2)
        )
        yield f"{first}, but {second}"


def questions(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield f"when was it that {chance.choice(WHO)} {chance.choice(DID)} {chance.choice(WHAT)} {chance.choice(WHEN)}"


def written(vector: Any) -> str:
    return "[" + ",".join(f"{value:.5f}" for value in vector) + "]"


# -- filling ------------------------------------------------------------------------------------------


def fill(hub: Hub, key: str, owner: psycopg.Connection[Any]) -> str:
    """The tenant's memories through the API, strewn among foreign rows; the name of the model that embedded them."""
    text = sentences(1)
    names = (f"memory-{number}" for number in range(OWN))
    for _ in range(ROUNDS):
        for name in islice(names, OWN // ROUNDS):
            memory = {"key": name, "value": next(text), "layer": "long_term", "scope": "tenant"}
            hub.call(key, "POST", "/memory/context/store", memory)
        wait_for_vectors(owner)
        add_foreign(owner, text, FOREIGN // ROUNDS)
    for table in ("memory_search_index", "memory_context_vectors"):
        owner.execute(f"VACUUM ANALYZE {table}")
    return model_of(owner)


def model_of(owner: psycopg.Connection[Any]) -> str:
    row = owner.execute("SELECT model FROM memory_context_vectors WHERE tenant_id = %s LIMIT 1", [TENANT]).fetchone()
    assert row is not None
    return str(row[0])


def wait_for_vectors(owner: psycopg.Connection[Any]) -> None:
    missing = (
        "SELECT count(*) FROM memory_search_index i WHERE tenant_id = %s AND NOT EXISTS "
        "(SELECT FROM memory_context_vectors v WHERE v.row_id = i.id)"
    )
    deadline = time.monotonic() + READY_SECONDS
    while owner.execute(missing, [TENANT]).fetchone() != (0,):
        if time.monotonic() > deadline:
            raise RuntimeError(f"The relay did not embed the memories within {READY_SECONDS:.0f} s.")
        time.sleep(0.1)


def add_foreign(owner: psycopg.Connection[Any], text: Iterator[str], count: int) -> None:
    """Rows and vectors of other tenants, written straight into the index."""
    model, chance = model_of(owner), np.random.default_rng(count)
    pool = [written(vector / np.linalg.norm(vector)) for vector in chance.normal(size=(500, dimension_of(owner)))]
    ids = [uuid.uuid4() for _ in range(count)]
    columns = "id, kind, tenant_id, scope, tags, event_at, created_at, version, content"
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_search_index ({columns}) FROM STDIN") as copy:
        for number, id_ in enumerate(ids):
            tenant = f"other-{number % OTHERS}"
            copy.write_row((id_, "entry", tenant, "tenant", [], "now", "now", 1, next(text)))
    columns = "row_id, model, tenant_id, reach, version, embedding"
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_context_vectors ({columns}) FROM STDIN") as copy:
        for number, id_ in enumerate(ids):
            copy.write_row((id_, model, f"other-{number % OTHERS}", "t", 1, pool[number % len(pool)]))


def dimension_of(owner: psycopg.Connection[Any]) -> int:
    row = owner.execute("SELECT vector_dims(embedding) FROM memory_context_vectors LIMIT 1").fetchone()
    assert row is not None
    return int(row[0])


# -- measuring ----------------------------------------------------------------------------------------


class Sql:
    """The statements, on one connection of the app's role and one of the owner's."""

    def __init__(self, app: psycopg.Connection[Any], owner: psycopg.Connection[Any], model: str) -> None:
        self.app, self.owner, self.model = app, owner, model
        self.who = json.dumps({"agent": None, "named_user": "nobody", "admin": False, "everything": False})
        self.how = json.dumps({"top": TOP, "depth": 50, "beside": 50, "cap": 20_000, "archived": False})

    def search(self, mode: str, query: str, vector: str) -> list[str]:
        values = [self.who, query, mode, vector, self.model, self.how]
        row = self.app.execute(CALL, values, prepare=True).fetchone()
        assert row is not None
        features = row[0]["columns"]
        found = sorted(zip(features[0], features[SIMILARITY], strict=True), key=lambda row: -(row[1] or 0))
        return [id_ for id_, _ in found[:TOP]]

    def exact(self, vector: str) -> list[str]:
        return [str(row[0]) for row in self.owner.execute(EXACT, [TENANT, vector], prepare=True)]

    def exact_joined(self, vector: str) -> list[str]:
        return [str(row[0]) for row in self.owner.execute(EXACT_JOINED, [self.model, TENANT, vector], prepare=True)]

    def exact_both(self, query: str, vector: str) -> list[str]:
        words = " | ".join(query.split())
        return [
            str(row[0]) for row in self.owner.execute(EXACT_BOTH, [vector, words, self.model, TENANT], prepare=True)
        ]


def median_ms(run: Callable[[str, str], object], asked: list[tuple[str, str]]) -> float:
    times = []
    for query, vector in asked:
        begin = time.perf_counter()
        run(query, vector)
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def asked_of(owner: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """Questions, each with the vector of a memory of the tenant, moved a little."""
    found = owner.execute("SELECT embedding::text FROM memory_context_vectors WHERE tenant_id = %s", [TENANT])
    vectors = [np.array(json.loads(row[0])) for row in found]
    chance = np.random.default_rng(5)
    text = questions(2)
    near = (vectors[chance.integers(len(vectors))] + 0.03 * chance.normal(size=len(vectors[0])) for _ in range(QUERIES))
    return [(next(text), written(vector)) for vector in near]


def sql_rows(hub: Hub, owner: psycopg.Connection[Any], model: str) -> list[Row]:
    for statement in CLUSTER.format(model=f"'{model}'").split(";"):
        owner.execute(statement)
    with psycopg.connect(hub.database_url("app"), autocommit=True) as app:
        app.execute("SELECT set_config('memoryhub.tenant', %s, false)", [TENANT])
        sql, asked = Sql(app, owner, model), asked_of(owner)
        runs: dict[str, Callable[[str, str], object]] = {
            "semantic": lambda query, vector: sql.search("semantic", query, vector),
            "exact": lambda query, vector: sql.exact(vector),
            "exact joined": lambda query, vector: sql.exact_joined(vector),
            "hybrid": lambda query, vector: sql.search("hybrid", query, vector),
            "exact both": sql.exact_both,
        }
        for run in runs.values():
            median_ms(run, asked)
        taken = {name: median_ms(run, asked) for name, run in runs.items()}
        note = recall(sql, asked)
    where = f"({OWN:,} rows among {OWN + FOREIGN:,}), SQL part"
    clustered = f"vectors alone, copied in the tenant's order: {taken['exact']:.2f} ms"
    return [
        Row(
            f"hybrid search {where}",
            taken["hybrid"],
            "ms p50",
            taken["exact both"],
            "raw exact SQL, vectors and words",
            "≤ 2 × floor",
        ),
        Row(
            f"semantic search {where}",
            taken["semantic"],
            "ms p50",
            taken["exact joined"],
            "raw exact SQL, vectors",
            "≤ 2 × floor, recall ≥ 0.99",
            f"{note}; {clustered}",
        ),
    ]


def recall(sql: Sql, asked: list[tuple[str, str]]) -> str:
    found = hits = 0
    for query, vector in asked:
        results = sql.search("semantic", query, vector)
        found += len(results)
        hits += len(set(results) & set(sql.exact(vector)))
    return f"recall {hits / (TOP * len(asked)):.3f}, {found / len(asked):.1f} of {TOP} rows"


def http_row(hub: Hub, key: str, clients: int) -> Row:
    text = questions(3)

    def make(client: int, n: int) -> bytes:
        return load.request_bytes("/memory/context/search", key, {"query": next(text), "user_id": "nobody"})

    load.run(hub.port, make, clients=clients, seconds=2)
    result = load.run(hub.port, make, clients=clients)
    note = f"p99 {result.percentile(0.99):.1f} ms, {result.per_second:.0f} requests/s"
    return Row(
        f"the same over HTTP, hybrid, embedding each query, {clients} client{'s' if clients > 1 else ''}",
        result.percentile(0.5),
        "ms p50",
        target="≤ 8 ms with one client",
        note=note + (f", {result.failed} FAILED" if result.failed else ""),
    )


def rows(hub: Hub) -> list[Row]:
    """Fills a tenant of its own in the hub, and measures there."""
    key = hub.key(tenant=TENANT, scopes="read,write")
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as owner:
        model = fill(hub, key, owner)
        measured = sql_rows(hub, owner, model)
        owner.execute("DROP TABLE bench_vectors, bench_words")
    return [*measured, http_row(hub, key, 1), http_row(hub, key, 8)]


if __name__ == "__main__":
    from benchmarks.hub import running_hub
    from benchmarks.table import markdown

    with running_hub(MEMORYHUB_RATES__PER_KEY_PER_MINUTE="0") as running:
        print(markdown(rows(running)))
