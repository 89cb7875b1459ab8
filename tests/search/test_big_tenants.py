"""Vector indexes of single tenants: built in the background, used as the hub decides, gone when no longer needed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from django.db import DatabaseError, connection
from django.urls import reverse

from memoryhub.access.ids import new_id
from memoryhub.access.walls import behind_walls
from memoryhub.search import health
from memoryhub.search.big_tenants import Place
from memoryhub.search.models import IndexRow, Vector, VectorIndex
from memoryhub.search.services import vector_indexes
from tests.conftest import role
from tests.search.conftest import STAFF, caller, index_row
from tests.sync.test_processes import database_of_the_tests, manage
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

CAP, DIMENSION, MODEL = 100, 16, "m"
NEAREST = "SELECT row_id, similarity FROM search_nearest(%s, %s, %s::halfvec, %s, %s, %s)"
STATEMENT = "SELECT search_nearest_statement(%s, %s, %s, %s, %s)"
FORCED = "SELECT unnest(proconfig) FROM pg_proc WHERE proname = 'search_nearest'"
LOCKED = "SELECT FROM pg_locks WHERE locktype = 'advisory'"

Found = list[tuple[UUID, float]]


@pytest.fixture(autouse=True)
def small_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.CONFIG.search.candidate_cap", CAP)
    # the other tests go on with this connection
    monkeypatch.setattr(vector_indexes, "yield_to_others", lambda: None)


@pytest.fixture(autouse=True)
def no_index_stays() -> Iterator[None]:
    yield
    with role("memoryhub_owner"):
        VectorIndex.objects.all().delete()
        for name in indexes():
            vector_indexes.drop_index(name)


def written(vector: Any) -> str:
    return "[" + ",".join(f"{value:.6f}" for value in vector) + "]"


def some_vectors(count: int, seed: int = 1, dimension: int = DIMENSION) -> Any:
    """Means of two unit vectors, around a dozen centers."""
    chance = np.random.default_rng(seed)
    centers = np.random.default_rng(0).normal(size=(12, dimension))
    pair = centers[chance.integers(12, size=count)] + 0.8 * chance.normal(size=(2, count, dimension))
    pair /= np.linalg.norm(pair, axis=2, keepdims=True)
    return pair.mean(axis=0).astype(np.float16)


def fill(count: int, *, model: str = MODEL, vectors: Any = None, **fields: Any) -> dict[UUID, Any]:
    """Index rows with vectors; the vectors by id."""
    made = some_vectors(count, seed=count) if vectors is None else vectors
    rows = [index_row("text", id=new_id(), **fields) for _ in range(count)]
    with behind_walls(STAFF):
        IndexRow.objects.bulk_create(rows)
        Vector.objects.bulk_create(
            Vector(row_id=row.id, model=model, tenant_id=row.tenant_id, reach=row.reach, version=1, embedding=vector)
            for row, vector in zip(rows, made, strict=True)
        )
    return {row.id: vector.astype(np.float64) for row, vector in zip(rows, made, strict=True)}


def tend() -> list[str]:
    said: list[str] = []
    with role("memoryhub_owner"):
        vector_indexes.tend(said.append)
    return said


def indexes() -> dict[str, bool]:
    """Those in the database, and whether each is whole."""
    return {name: valid for name, valid, _ in vector_indexes.rows_of(vector_indexes.INDEXES, "vectors_near_")}


def state() -> dict[str | None, str]:
    with role("memoryhub_owner"):
        return dict(VectorIndex.objects.values_list("reach", "status"))


def ask(query: Any, *reaches: str | tuple[str, str], top: int = 10, tenant: str = "acme", model: str = MODEL) -> Found:
    """As the search function asks, in the rights of the owner."""
    low, high = ends(reaches)
    with role("memoryhub_owner"), behind_walls(caller(tenant_id=tenant)), connection.cursor() as cursor:
        cursor.execute(NEAREST, [tenant, model, written(query), low, high, top])
        return list(cursor.fetchall())


def ends(reaches: Sequence[str | tuple[str, str]]) -> tuple[list[str], list[str]]:
    pairs = [(reach, reach) if isinstance(reach, str) else reach for reach in reaches]
    return [low for low, _ in pairs], [high for _, high in pairs]


def exact(query: Any, vectors: dict[UUID, Any], top: int = 10) -> Found:
    wanted = query.astype(np.float64)
    found = [(id_, float(vector @ wanted)) for id_, vector in vectors.items()]
    return sorted(found, key=lambda hit: (-hit[1], hit[0]))[:top]


def recall(vectors: dict[UUID, Any], *reaches: str | tuple[str, str], **wanted: Any) -> float:
    """Share of the ten nearest that are found, over forty queries; every query gets ten, nearest first."""
    hits = 0
    for query in some_vectors(40, seed=99):
        found = ask(query, *reaches, **wanted)
        assert len(found) == 10
        assert [hit[1] for hit in found] == sorted((hit[1] for hit in found), reverse=True)
        for id_, similarity in found:
            assert similarity == pytest.approx(float(vectors[id_] @ query.astype(np.float64)), abs=1e-5)
        hits += len({hit[0] for hit in found} & {hit[0] for hit in exact(query, vectors)})
    return hits / 400


# -- which indexes there are --------------------------------------------------------------------------


def test_a_tenant_above_the_cap_gets_an_index_and_a_small_one_none(tenant: str) -> None:
    fill(CAP + 1)
    fill(CAP, tenant_id="globex")
    assert re.match(r"Built the vector index of acme .*: 101 rows, 0 MB, \d+ s\.", tend()[0])
    with role("memoryhub_owner"):
        row = VectorIndex.objects.get()
    assert (row.tenant_id, row.model, row.reach, row.rows, row.dimension) == ("acme", MODEL, None, CAP + 1, DIMENSION)
    assert row.status == "ready"
    assert row.bytes > 0
    assert row.seconds is not None
    assert row.large_reaches == ["t"]
    assert indexes() == {row.name: True}
    assert tend() == []


def test_each_model_has_its_own(tenant: str) -> None:
    vectors = {model: fill(CAP + 50, model=model) for model in ("old", "new")}
    tend()
    assert len(indexes()) == 2
    for model, found in vectors.items():
        assert recall(found, "t", model=model) >= 0.95


def test_a_large_reach_in_a_much_larger_tenant_has_one_as_well(tenant: str) -> None:
    fill(4 * CAP)
    own = fill(CAP + 20, scope="user", user_id="ann")
    fill(CAP - 20, scope="user", user_id="bob")
    tend()
    assert state() == {None: "ready", "u:ann": "ready"}
    assert plan_of("u:ann") == {name_of("u:ann")}
    assert recall(own, "u:ann") >= 0.95


def test_it_goes_when_the_tenant_has_shrunk_well_below_the_cap(tenant: str) -> None:
    kept = list(fill(CAP + 1))
    tend()
    delete(kept[:20])
    assert tend() == []
    delete(kept[20:40])
    assert tend() == ["Dropped the vector index of acme in m: exact search is as fast again."]
    assert indexes() == {}
    fill(30)
    assert tend() == []


def delete(ids: list[UUID]) -> None:
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk__in=ids).delete()


def test_it_goes_with_its_model(tenant: str) -> None:
    fill(CAP + 1)
    tend()
    with behind_walls(STAFF):
        Vector.objects.filter(model=MODEL).delete()
    tend()
    assert indexes() == {}
    assert state() == {}


def test_what_it_covers_is_kept_up_to_date(tenant: str) -> None:
    fill(CAP + 1)
    tend()
    fill(3 * CAP, scope="user", user_id="ann")
    tend()
    with role("memoryhub_owner"):
        row = VectorIndex.objects.get(reach=None)
    assert row.rows == 4 * CAP + 1
    assert row.large_reaches == ["t", "u:ann"]


def test_names_are_quoted(tenant: str) -> None:
    odd, model = "o'brien\"; %s --", "m'\\%(x)s\""
    vectors = fill(CAP + 60, tenant_id=odd, model=model)
    tend()
    assert list(indexes().values()) == [True]
    assert recall(vectors, "t", tenant=odd, model=model) >= 0.95


# -- what a search gets -------------------------------------------------------------------------------


def test_the_nearest_are_found_and_new_rows_at_once(tenant: str) -> None:
    vectors = fill(12 * CAP)
    tend()
    assert recall(vectors, "t") >= 0.95
    query = some_vectors(1, seed=5)[0]
    [(added, _)] = fill(1, vectors=(2 * query)[None]).items()
    assert ask(query, "t", top=1)[0][0] == added
    delete([added])
    assert ask(query, "t", top=1)[0][0] != added


def test_a_small_reach_in_a_big_tenant_gets_all_it_asks_for(tenant: str) -> None:
    fill(12 * CAP)
    own = fill(30, scope="user", user_id="ann")
    tend()
    assert recall(own, "u:ann") == 1.0
    assert len(ask(some_vectors(1)[0], "u:ann", top=50)) == 30


def test_small_and_large_reaches_are_searched_together(tenant: str) -> None:
    vectors = fill(12 * CAP)
    vectors |= fill(30, scope="user", user_id="ann")
    vectors |= fill(20, scope="agent", agent_id="a")
    fill(40, scope="user", user_id="bob")
    tend()
    assert recall(vectors, "t", "a:a", "u:ann", "s:none") >= 0.95


def test_a_range_of_many_small_reaches_is_large(tenant: str) -> None:
    fill(6 * CAP)
    users: dict[UUID, Any] = {}
    for number in range(10):
        users |= fill(20 + number, scope="user", user_id=f"u{number}")
    tend()
    assert plan_of(("u:", "u;")) == {"vectors_by_reach"}
    assert recall(users, ("u:", "u;")) == 1.0
    with role("memoryhub_owner"):
        # what counts as few grows with the tenant: here it is the cap
        VectorIndex.objects.update(rows=1)
    assert plan_of(("u:", "u;")) == {name_of()}
    assert recall(users, ("u:", "u;")) >= 0.95
    assert recall(all_vectors(), ("a", "v")) >= 0.95


def all_vectors() -> dict[UUID, Any]:
    with behind_walls(STAFF):
        rows = Vector.objects.values_list("row_id", "embedding")
        return {id_: np.array(vector) for id_, vector in rows}


def test_without_a_ready_index_there_are_no_rows(tenant: str) -> None:
    fill(CAP + 1)
    query = some_vectors(1)[0]
    assert ask(query, "t") == []
    tend()
    assert len(ask(query, "t")) == 10
    assert ask(some_vectors(1, dimension=8)[0], "t") == []
    with role("memoryhub_owner"):
        VectorIndex.objects.update(status="building")
    assert ask(query, "t") == []


def test_the_settings_of_the_search_do_not_stay(tenant: str) -> None:
    fill(CAP + 1)
    tend()
    asked = "SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan')"
    with role("memoryhub_owner"), behind_walls(caller()), connection.cursor() as cursor:
        cursor.execute("SELECT '[1]'::halfvec")
        cursor.execute(asked)
        before = cursor.fetchone()
        cursor.execute(NEAREST, ["acme", MODEL, written(some_vectors(1)[0]), ["t"], ["t"], 10])
        cursor.execute(asked)
        assert cursor.fetchone() == before


def test_tenants_stay_apart(tenant: str) -> None:
    fill(CAP + 50)
    other = fill(CAP + 50, tenant_id="globex", vectors=some_vectors(CAP + 50, seed=7))
    tend()
    query = some_vectors(1)[0]
    assert {id_ for id_, _ in ask(query, "t", top=500, tenant="globex")} <= set(other)
    values: list[Any] = ["globex", MODEL, written(query), ["t"], ["t"], 10]
    for name in ("memoryhub_owner", "memoryhub_app"):
        with pytest.raises(DatabaseError, match="belongs to one tenant"), role(name), behind_walls(caller()):
            connection.cursor().execute(NEAREST, values)
    with behind_walls(caller()), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM memory_vector_indexes")
        assert cursor.fetchone() == (1,)


# -- the hub decides, not the planner -----------------------------------------------------------------


def name_of(reach: str | None = None) -> str:
    return Place("acme", MODEL, reach).name


def plan_of(*reaches: str | tuple[str, str]) -> set[str]:
    """Indexes in the plan of a search, made with the settings that the search function has."""
    low, high = ends(reaches)
    with role("memoryhub_owner"), behind_walls(caller()), connection.cursor() as cursor:
        cursor.execute(STATEMENT, ["acme", MODEL, DIMENSION, low, high])
        [statement] = cursor.fetchone()
        cursor.execute(FORCED)
        for name, _, value in (row[0].partition("=") for row in cursor.fetchall()):
            cursor.execute(f"SET LOCAL {name} = '{value}'")
        vector = written(some_vectors(1)[0])
        cursor.execute("EXPLAIN " + statement.replace("$1", f"'{vector}'::halfvec").replace("$2", "10"))
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
    return set(re.findall(r"using (\w+)", plan))


def test_the_plan_is_the_one_that_was_decided(tenant: str) -> None:
    fill(4 * CAP)
    fill(CAP + 20, scope="user", user_id="ann")
    fill(30, scope="user", user_id="bob")
    tend()
    for analyzed in (False, True):
        assert plan_of("t") == {name_of()}
        assert plan_of("u:ann") == {name_of("u:ann")}
        assert plan_of("u:bob") == {"vectors_by_reach"}
        assert plan_of("t", "u:ann", "u:bob") == {name_of(), name_of("u:ann"), "vectors_by_reach"}
        if not analyzed:
            with role("memoryhub_owner"), connection.cursor() as cursor:
                cursor.execute("ANALYZE memory_context_vectors")


# -- the process that builds --------------------------------------------------------------------------


@pytest.fixture
def capped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same cap for other processes."""
    monkeypatch.setenv("MEMORYHUB_SEARCH__CANDIDATE_CAP", str(CAP))


def test_built_by_a_process_of_its_own(tenant: str, capped: None) -> None:
    fill(CAP + 1)
    with manage("build_vector_indexes") as builder:
        said, _ = builder.communicate(timeout=120)
    assert builder.returncode == 0, said
    assert "Built the vector index of acme" in said
    assert state() == {None: "ready"}


def test_a_killed_builder_leaves_no_harm(tenant: str, capped: None) -> None:
    vectors = fill(CAP + 60)
    with psycopg.connect(database_of_the_tests()["MIGRATION_DATABASE_URL"]) as writer:
        # a build waits for whoever was writing when it began
        writer.execute("UPDATE memory_context_vectors SET version = 1")
        with manage("build_vector_indexes") as builder:
            until(lambda: indexes() == {name_of(): False}, 60)
            builder.kill()
        assert state() == {None: "building"}
        assert ask(some_vectors(1)[0], "t") == []
        until(lambda: not vector_indexes.rows_of(LOCKED), 30, "the server to notice")
    fill(1)
    assert tend()[0] == "Dropped a vector index that was left half built."
    assert indexes() == {name_of(): True}
    assert recall(vectors | all_vectors(), "t") >= 0.95


def test_one_at_a_time(tenant: str) -> None:
    fill(CAP + 1)
    with psycopg.connect(database_of_the_tests()["MIGRATION_DATABASE_URL"], autocommit=True) as other:
        other.execute(vector_indexes.LOCK)
        assert tend() == ["Another process is at work on the vector indexes."]
    until(lambda: tend() != ["Another process is at work on the vector indexes."])
    assert state() == {None: "ready"}


def test_an_index_that_somebody_dropped_is_built_again(tenant: str) -> None:
    fill(CAP + 1)
    tend()
    with role("memoryhub_owner"):
        vector_indexes.drop_index(name_of())
    assert "Built" in tend()[0]
    assert indexes() == {name_of(): True}


def test_an_index_without_a_row_is_dropped(tenant: str) -> None:
    fill(CAP + 1)
    tend()
    with role("memoryhub_owner"):
        VectorIndex.objects.all().delete()
    assert tend()[0] == "Dropped a vector index that was left half built."
    assert state() == {None: "ready"}


def test_a_build_that_fails_says_why_and_waits_ever_longer(tenant: str, sign_in: Any) -> None:
    fill(CAP)
    strays = list(fill(1, vectors=some_vectors(1, dimension=8)))
    for _ in range(2):
        assert "vectors of different lengths" in tend()[0]
    assert tend() == []
    with role("memoryhub_owner"):
        assert VectorIndex.objects.get().attempts == 2
    assert health.vector_indexes().document() == {
        "ok": False,
        "problem": "A large tenant is searched slowly: its vector index could not be built. "
        "See Vector indexes in the admin.",
        "in_use": 0,
        "building": 0,
        "failed": 1,
    }
    assert "vectors of different lengths" in sign_in().get(change_page()).content.decode()
    assert ask(some_vectors(1)[0], "t") == []
    delete(strays)
    fill(1)
    with role("memoryhub_owner"):
        VectorIndex.objects.update(started_at="2026-01-01T00:00Z")
    assert "Built" in tend()[0]
    assert health.vector_indexes().ok


def change_page() -> str:
    with role("memoryhub_owner"):
        return reverse("admin:search_vectorindex_change", args=[VectorIndex.objects.get().pk])


# -- the admin ----------------------------------------------------------------------------------------


def test_the_list_shows_what_is_in_use(tenant: str, sign_in: Any) -> None:
    fill(CAP + 1)
    tend()
    page = sign_in("Auditor").get(reverse("admin:search_vectorindex_changelist")).content.decode()
    assert "acme" in page
    assert "In use" in page
    assert "101" in page
    assert name_of() in sign_in("Auditor").get(change_page()).content.decode()


def test_nobody_edits_it_and_other_tenants_are_not_there(tenant: str, sign_in: Any, make_key: Any) -> None:
    fill(CAP + 1)
    tend()
    make_key(tenant="globex")
    address = change_page()
    assert sign_in().post(address, {"tenant_id": "x"}).status_code == 403
    browser = sign_in("Administrator", tenants=["globex"])
    assert browser.get(address).status_code == 302
    assert name_of() not in browser.get(reverse("admin:search_vectorindex_changelist")).content.decode()
