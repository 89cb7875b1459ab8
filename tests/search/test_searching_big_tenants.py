"""Searches in a tenant above the cap find what they would find by comparing all, with an index and without."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from django.db import connection

from memoryhub.access.ids import new_id
from memoryhub.access.models import Grant
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow, VectorIndex
from memoryhub.search.requests import Filters
from memoryhub.search.services import vector_indexes
from memoryhub.search.services.search import SearchAnswer, search
from tests.conftest import role
from tests.search.conftest import STAFF, Remember, add, caller, ids, index_row

pytestmark = pytest.mark.django_db(transaction=True)

CAP = 100
WORDS = [f"w{number}x" for number in range(300)]
USED = "SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE starts_with(indexrelname, 'vectors_near_')"


@pytest.fixture(autouse=True)
def small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.CONFIG.search.candidate_cap", CAP)
    monkeypatch.setattr("memoryhub.search.presenters._loaders", {})
    monkeypatch.setattr(vector_indexes, "yield_to_others", lambda: None)


@pytest.fixture(autouse=True)
def no_index_stays() -> Iterator[None]:
    yield
    with role("memoryhub_owner"):
        for row in VectorIndex.objects.all():
            vector_indexes.drop_index(row.name)
        VectorIndex.objects.all().delete()


@pytest.fixture
def big(tenant: str) -> list[IndexRow]:
    """Four times the cap, of one tenant."""
    chance = random.Random(1)
    rows = [index_row(" ".join(chance.sample(WORDS, 12)), id=new_id()) for _ in range(4 * CAP)]
    add(rows)
    return rows


def build() -> None:
    with role("memoryhub_owner"):
        vector_indexes.tend(lambda line: None)
        assert VectorIndex.objects.get().status == "ready"


def found(query: str, mode: str = "semantic", limit: int = 10, filters: Filters | None = None) -> SearchAnswer:
    return search(principal=caller(agent_id="a"), query=query, mode=mode, limit=limit, filters=filters)


def queries() -> list[str]:
    chance = random.Random(2)
    return [" ".join(chance.sample(WORDS, 4)) for _ in range(10)]


def times_used() -> int:
    with role("memoryhub_owner"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(USED)
        return int(cursor.fetchone()[0] or 0)


@pytest.mark.parametrize("mode", ["semantic", "hybrid", "keyword"])
def test_as_good_as_comparing_all(big: list[IndexRow], monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    without = {query: ids(found(query, mode)) for query in queries()}
    build()
    with_index = {query: found(query, mode) for query in queries()}
    assert (times_used() > 0) == (mode != "keyword")
    monkeypatch.setattr("django.conf.settings.CONFIG.search.candidate_cap", 20_000)
    hits = without_hits = 0
    for query, answer in with_index.items():
        exact = ids(found(query, mode))
        assert len(answer.results) == 10
        hits += len(set(ids(answer)) & set(exact))
        without_hits += len(set(without[query]) & set(exact))
    assert min(hits, without_hits) >= 0.95 * 100


def test_a_filter_that_leaves_few_gets_all_of_them(big: list[IndexRow]) -> None:
    build()
    rare = [row.id for row in big[::90]]
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk__in=rare).update(category="rare")
    for mode in ("semantic", "hybrid"):
        assert sorted(ids(found("w1x w2x", mode, filters=Filters(category="rare")))) == sorted(rare)


def test_a_filter_and_a_word_that_very_many_hold_find_all_that_match(tenant: str) -> None:
    every = [index_row(f"report {WORDS[number % 300]}", id=new_id()) for number in range(4 * CAP)]
    last = [index_row(f"report {word}", category="rare") for word in WORDS[:15]]
    add([*every, *last])
    answer = found("report", "keyword", limit=20, filters=Filters(category="rare"))
    assert sorted(ids(answer)) == sorted(row.id for row in last)
    assert not answer.truncated


def test_what_lies_outside_of_the_tenants_rows_is_found_by_meaning(big: list[IndexRow], remember: Remember) -> None:
    build()
    shared = remember("giraffes in the zoo", scope="global", tenant_id=None)
    granted = remember("giraffes in a zoo", scope="agent", agent_id="b")
    with behind_walls(STAFF):
        Grant.objects.create(tenant_id="acme", entry_id=granted, agent_id="a", created_by="t")
    assert set(ids(found("giraffe zoo", limit=2))) == {shared, granted}


def test_until_there_is_an_index_much_from_outside_hides_nothing(big: list[IndexRow]) -> None:
    add([index_row(f"zebra number {number}", scope="global", tenant_id=None) for number in range(15)])
    own = index_row("giraffes in the zoo")
    add([own])
    for _ in range(2):
        assert ids(found("giraffes in the zoo"))[0] == own.id
        build()
