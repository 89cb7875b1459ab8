"""A small tenant among many rows of others gets all it asked for, and the right ones: search is exact there."""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

import numpy as np
import pytest
from django.db import connection

from memoryhub import config
from memoryhub.access.ids import new_id
from memoryhub.access.walls import behind_walls
from memoryhub.search import embeddings
from memoryhub.search.embeddings import get_embedder
from memoryhub.search.models import IndexRow
from memoryhub.search.services.search import SearchAnswer, search
from tests.conftest import role
from tests.search.conftest import add, caller, ids, index_row

pytestmark = pytest.mark.django_db
WORDS = [f"w{number}x" for number in range(400)]
WEIGHTS = [1 / (number + 2) for number in range(400)]


def sentences(seed: int) -> Iterator[str]:
    chance = random.Random(seed)
    while True:
        yield " ".join(chance.choices(WORDS, WEIGHTS, k=chance.randint(4, 30)))


def fill(own: int, foreign: int) -> list[IndexRow]:
    """Own rows, strewn among those of fifty other tenants."""
    text = sentences(1)
    chance = random.Random(2)
    rows = [index_row(next(text), id=new_id(), tenant_id=f"t{n % 50}") for n in range(foreign)]
    mine = [index_row(next(text), id=new_id()) for _ in range(own)]
    mixed = rows + mine
    chance.shuffle(mixed)
    for start in range(0, len(mixed), 2000):
        add(mixed[start : start + 2000])
    with role("memoryhub_owner"), connection.cursor() as cursor:
        cursor.execute("ANALYZE memory_search_index, memory_context_vectors")
    return mine


def found(query: str, mode: str, limit: int = 10) -> SearchAnswer:
    return search(principal=caller(), query=query, mode=mode, limit=limit)


def nearest(query: str, rows: Sequence[IndexRow], limit: int) -> list[UUID]:
    embedder = get_embedder()
    assert embedder is not None
    vectors = np.array(embedder.embed([row.content for row in rows])).astype(np.float16).astype(np.float64)
    wanted = np.array(embedder.embed([query])[0]).astype(np.float16).astype(np.float64)
    cosines = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
    return [rows[place].id for place in np.argsort(-cosines)[:limit]]


def bm25(query: str, rows: Sequence[IndexRow]) -> dict[UUID, float]:
    """Straight from the textbook, for texts of one passage."""
    texts = {row.id: Counter(row.content.split()) for row in rows}
    mean = sum(text.total() for text in texts.values()) / len(texts)
    scores: defaultdict[UUID, float] = defaultdict(float)
    for word in dict.fromkeys(query.split()):
        df = sum(word in text for text in texts.values())
        idf = math.log(1 + (len(texts) - df + 0.5) / (df + 0.5))
        for id_, text in texts.items():
            if tf := text[word]:
                scores[id_] += idf * tf * 1.9 / (tf + 0.9 * (0.6 + 0.4 * text.total() / mean))
    return scores


def holds(own: int, foreign: int, queries: int) -> None:
    rows = fill(own, foreign)
    query = sentences(3)
    hits = 0
    for text in (next(query) for _ in range(queries)):
        for mode in ("keyword", "semantic", "hybrid"):
            assert len(found(text, mode).results) == 10, mode
        hits += len(set(ids(found(text, "semantic"))) & set(nearest(text, rows, 10)))
        scores = bm25(text, rows)
        for result in found(text, "keyword", 100).results:
            assert result["score"] == pytest.approx(scores[result["id"]], abs=1e-5)
        best = sorted(scores.values(), reverse=True)[:100]
        assert [result["score"] for result in found(text, "keyword", 100).results] == pytest.approx(best, abs=1e-5)
    assert hits / (10 * queries) >= 0.99


@pytest.fixture(autouse=True)
def index_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("memoryhub.search.presenters._loaders", {})


def test_all_and_the_right_ones(tenant):
    holds(own=120, foreign=2500, queries=5)


@pytest.mark.long
def test_a_thousand_rows_among_a_hundred_thousand(tenant):
    holds(own=1000, foreign=99_000, queries=30)


def test_the_planner_has_no_say(tenant):
    """Whatever ways of scanning and joining are allowed, the answer is the same."""
    fill(own=60, foreign=600)
    query = next(sentences(4))
    wanted = {mode: found(query, mode) for mode in ("keyword", "semantic", "hybrid")}
    for forbidden in ("indexscan", "bitmapscan", "indexonlyscan", "hashjoin", "nestloop", "hashagg", "sort"):
        with behind_walls(caller()), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL enable_{forbidden} = off")
            for mode, answer in wanted.items():
                assert found(query, mode).results == answer.results, (forbidden, mode)
            cursor.execute(f"SET LOCAL enable_{forbidden} = on")


def test_archived_rows_that_are_nearer_take_no_place(tenant, monkeypatch):
    monkeypatch.setattr("django.conf.settings.CONFIG.ranking.depth", 10)
    live = [index_row(f"dark theme number {number}") for number in range(6)]
    add(live + [index_row("dark theme", archived=True) for _ in range(40)])
    assert sorted(ids(found("dark theme", "semantic", 6))) == sorted(row.id for row in live)


@pytest.fixture
def long_vectors(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("MEMORYHUB_SEARCH__HASHING_DIMENSION", "2000")
    config.get_config.cache_clear()
    embeddings.reset()
    yield
    config.get_config.cache_clear()
    embeddings.reset()


def test_long_vectors_are_searched_too(tenant, long_vectors):
    """Beyond what a btree row holds, vectors are fetched one by one."""
    wanted = index_row("giraffes in the zoo")
    add([wanted, index_row("weather report")])
    for mode in ("semantic", "hybrid"):
        assert ids(found("giraffe", mode, 1)) == [wanted.id]
