"""Hybrid search over HTTP in tenants of 5,000, 10,000 and many rows, each beside raw SQL over the same vectors.

``python -m benchmarks.big`` fills 60,000 rows and takes some minutes; ``--rows 1000000`` gives the largest tenant
200,000 of a million rows and takes about half an hour. Vectors are those of ``corpus.py``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from pgvector import HalfVector
from pgvector.psycopg import register_vector
from psycopg import sql

from benchmarks import corpus, load
from benchmarks.corpus import Corpus
from benchmarks.hub import Hub, running_hub
from benchmarks.table import Row, markdown

TOP = 10
CAP = 20_000
TARGETS = {"five": "≤ 10 ms", "ten": "≤ 15 ms", "large": "≤ 25 ms"}
INSERTS_PER_SECOND, INSERT_SECONDS = 200, 30.0

EXACT = """
SELECT row_id FROM memory_context_vectors
WHERE tenant_id = %s AND model = %s AND reach = 't' AND vector_dims(embedding) <= 1200
ORDER BY embedding <#> %s LIMIT 10
"""
COUNT = "SELECT count(*) FROM memory_context_vectors WHERE tenant_id = %s AND model = %s"
NEAREST = "SELECT row_id FROM search_nearest(%s, %s, %s, '{t}', '{t}', %s)"
RAW_NEAREST = """
SELECT row_id FROM memory_context_vectors WHERE tenant_id = {tenant} AND model = {model}
  AND row_id >= '00000000-0000-0000-0000-000000000000'
ORDER BY embedding::halfvec({dimension}) <#> %s::halfvec({dimension}) LIMIT 10
"""
BUILT = "SELECT rows, bytes, seconds FROM memory_vector_indexes WHERE tenant_id = 'large' AND reach IS NULL"

Ask = Callable[[Any], list[Any]]


def sizes_of(rows: int) -> dict[str, int]:
    """Rows of each tenant: 5,000, 10,000, a fifth of all but more than are compared exactly, and the rest by 10,000."""
    large = max(rows // 5, CAP + CAP // 2)
    others = max(0, rows - large - 15_000)
    rest = {f"other-{number}": min(10_000, others - 10_000 * number) for number in range(-(-others // 10_000))}
    return {"five": 5_000, "ten": 10_000, "large": large, **rest}


# -- SQL ----------------------------------------------------------------------------------------------


class Sql:
    """Statements on a connection of the owner, which has the settings of a search."""

    def __init__(self, connection: psycopg.Connection[Any], data: Corpus) -> None:
        self.connection, self.data = connection, data
        register_vector(connection)
        connection.execute("SET enable_seqscan = off; SET jit = off")

    def exact(self, tenant: str) -> Ask:
        return lambda vector: self.ids(EXACT, [tenant, self.data.model, vector])

    def nearest(self, tenant: str, count: int = TOP) -> Ask:
        self.connection.execute("SELECT set_config('memoryhub.tenant', %s, false)", [tenant])
        return lambda vector: self.ids(NEAREST, [tenant, self.data.model, vector, count])[:TOP]

    def raw_median_ms(self, tenant: str, asked: Sequence[Any]) -> float:
        """Of the tenant's index, asked by somebody who knows that it is there."""
        dimension = sql.Literal(len(self.data.asked[0]))
        statement = sql.SQL(RAW_NEAREST).format(tenant=tenant, model=self.data.model, dimension=dimension)
        with self.connection.transaction():
            self.connection.execute("SET LOCAL hnsw.ef_search = 400; SET LOCAL enable_sort = off")
            return self.median_ms(lambda vector: self.ids(statement, [vector]), asked)

    def ids(self, statement: Any, values: list[Any]) -> list[Any]:
        return [row[0] for row in self.connection.execute(statement, values)]

    def count(self, tenant: str) -> int:
        return int(self.ids(COUNT, [tenant, self.data.model])[0])

    def median_ms(self, ask: Ask, asked: Sequence[Any]) -> float:
        self.all_ms(ask, asked[:20])
        return statistics.median(self.all_ms(ask, asked))

    def all_ms(self, ask: Ask, asked: Sequence[Any]) -> list[float]:
        return [taken_ms(partial(ask, vector)) for vector in asked]


def taken_ms(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1e3


def recall(found: Ask, wanted: Ask, asked: Sequence[Any]) -> float:
    return sum(len(set(found(vector)) & set(wanted(vector))) for vector in asked) / (TOP * len(asked))


# -- rows of the table --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """A hub that was filled with ``sizes`` rows a tenant."""

    hub: Hub
    sql: Sql
    data: Corpus
    sizes: dict[str, int]

    def where(self, tenant: str) -> str:
        return f"{self.sizes[tenant]:,}-row tenant among {sum(self.sizes.values()):,}"

    def vectors(self, count: int = corpus.QUESTIONS) -> list[HalfVector]:
        return [HalfVector(vector) for vector in self.data.asked[:count]]


def http_row(bench: Bench, tenant: str, floor: float, floor_name: str) -> Row:
    key = bench.hub.key(tenant=tenant, scopes="read,write")
    text = words_of(bench.data.questions)

    def request(client: int, n: int) -> bytes:
        return load.request_bytes("/memory/context/search", key, {"query": next(text), "user_id": "nobody"})

    load.run(bench.hub.port, request, clients=1, seconds=3, requests=300)
    result = load.run(bench.hub.port, request, clients=1, seconds=10, requests=2000)
    note = f"p99 {result.percentile(0.99):.0f} ms" + (f", {result.failed} FAILED" if result.failed else "")
    what = f"hybrid search over HTTP, {bench.where(tenant)}"
    return Row(what, result.percentile(0.5), "ms p50", floor, floor_name, TARGETS[tenant], note)


def words_of(questions: Sequence[str]) -> Iterator[str]:
    """Questions without end, each new, so that every one is embedded."""
    chance = random.Random(5)
    while True:
        one, other = chance.sample(questions, 2)
        yield f"{one} or {' '.join(chance.sample(other.split(), 2))}"


def exact_row(bench: Bench, tenant: str) -> Row:
    floor = bench.sql.median_ms(bench.sql.exact(tenant), bench.vectors(60))
    return http_row(bench, tenant, floor, "raw exact SQL, vectors alone")


def large_rows(bench: Bench) -> list[Row]:
    run, asked = bench.sql, bench.vectors()
    exact = run.median_ms(run.exact("large"), asked[:20])
    nearest = run.median_ms(run.nearest("large"), asked)
    legs = run.median_ms(run.nearest("large", 110), asked)
    found = recall(run.nearest("large"), run.exact("large"), asked)
    raw = run.raw_median_ms("large", asked)
    row = run.connection.execute(BUILT).fetchone()
    assert row is not None
    built = f"index of {row[0]:,} rows: {row[1] / 1e6:.0f} MB, built in {row[2]:.0f} s"
    return [
        Row(f"nearest ten, SQL, {bench.where('large')}", nearest, "ms p50", raw, "its index alone", "≤ 8 ms", built),
        Row("the same, nearest 110", legs, "ms p50", raw, "its index alone, ten"),
        Row("the same, exact", exact, "ms p50"),
        Row("recall of the ten", found, "", target="≥ 0.95", note=f"{len(asked)} questions, against exact"),
        http_row(bench, "large", raw, "its index alone"),
    ]


# -- while it is written ------------------------------------------------------------------------------


@contextmanager
def inserting(bench: Bench) -> Iterator[None]:
    """Inside, rows and vectors come into the tenant of 10,000 steadily, as the relay brings them, by a process."""
    writer = multiprocessing.get_context("fork").Process(target=insert, args=(bench,))
    writer.start()
    try:
        yield
    finally:
        writer.terminate()
        writer.join()


def insert(bench: Bench) -> None:
    made, batch = bench.data.rows(10**9, seed=77), INSERTS_PER_SECOND // 10
    with psycopg.connect(bench.hub.database_url("owner"), autocommit=True) as connection:
        register_vector(connection)
        due = time.monotonic()
        while True:
            corpus.write(connection, [(uuid.uuid4(), "ten", *next(made)) for _ in range(batch)], bench.data.model)
            due += batch / INSERTS_PER_SECOND
            time.sleep(max(0.0, due - time.monotonic()))


def inserting_row(bench: Bench) -> Row:
    """Exact search before, during and after steady inserts: it reads an index alone while that is fresh."""
    ask, asked = bench.sql.exact("ten"), bench.vectors(60)
    before = bench.sql.median_ms(ask, asked)
    during: list[float] = []
    with inserting(bench):
        end = time.monotonic() + INSERT_SECONDS
        while time.monotonic() < end:
            during += bench.sql.all_ms(ask, asked[:10])
            time.sleep(0.1)
    after, count = bench.sql.median_ms(ask, asked), bench.sql.count("ten")
    return Row(
        f"exact search, 10,000-row tenant while {INSERTS_PER_SECOND} rows a second come in",
        statistics.median(during[-len(during) // 5 :]),
        "ms p50",
        before * count / bench.sizes["ten"],
        f"before, for as many rows: {count:,}",
        note=f"10,000 rows before: {before:.1f} ms; after the last insert: {after:.1f} ms",
    )


# -- all of it ----------------------------------------------------------------------------------------


def measure(hub: Hub, rows: int) -> list[Row]:
    sizes = sizes_of(rows)
    with psycopg.connect(hub.database_url("owner"), autocommit=True) as owner:
        data = corpus.make(hub, owner, sizes["large"])
        print(f"A row's vector, guessed from its sentences, and as really embedded: cosine {data.likeness:.3f}")
        seconds = taken_ms(lambda: corpus.load(owner, data, sizes)) / 1e3
        print(f"{sum(sizes.values()):,} rows written in {seconds:.0f} s")
        print(hub.manage("build_vector_indexes"), flush=True)
        bench = Bench(hub, Sql(owner, data), data, sizes)
        measured = [exact_row(bench, name) for name in ("five", "ten")]
        return [*measured, *large_rows(bench), inserting_row(bench)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=60_000, help="Rows of all tenants together.")
    rows = parser.parse_args().rows
    quiet = {"MEMORYHUB_RATES__PER_KEY_PER_MINUTE": "0", "MEMORYHUB_SEARCH__INDEX_CHECK_SECONDS": "86400"}
    with running_hub(**quiet) as hub:
        print(markdown(measure(hub, rows)))


if __name__ == "__main__":
    main()
