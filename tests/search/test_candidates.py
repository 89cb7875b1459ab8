"""What the database finds for ranking: features of rows, the messages beside them, word groups, participants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.conf import settings as hub_settings
from django.db import connection

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow, Passage, Vector
from memoryhub.search.ranking import Candidate, Found, authors, candidates
from memoryhub.search.requests import USUAL_KINDS, Filters, Mode
from memoryhub.search.services.spaces import active_space
from tests.search.conftest import STAFF, add, caller, index_row

pytestmark = pytest.mark.django_db


def find(
    query: str,
    mode: Mode = "hybrid",
    *,
    principal: Principal | None = None,
    filters: Filters | None = None,
    words: Sequence[Sequence[str]] | None = None,
    explain: bool = False,
    limit: int = 10,
) -> Found:
    space = active_space()
    assert space is not None
    return candidates(
        query=query,
        mode=mode,
        vector=None if mode == "keyword" else np.asarray(embedded(query)),
        model=space.name,
        kinds=USUAL_KINDS,
        filters=filters or Filters(),
        limit=limit,
        explain=explain,
        principal=principal or caller(named_user="u"),
        words=words,
    )


def embedded(text: str) -> list[float]:
    space = active_space()
    assert space is not None
    return [float(value) for value in space.embedder.embed([text])[0]]


def by_id(found: Found) -> dict[UUID, Candidate]:
    assert len({row.id for row in found.candidates}) == len(found.candidates)
    return {row.id: row for row in found.candidates}


def score(row: Candidate) -> float:
    assert row.bm25 is not None
    return row.bm25


def likeness(row: Candidate) -> float:
    assert row.similarity is not None
    return row.similarity


def counted(row: Candidate) -> dict[str, tuple[int, int]]:
    """How often each term occurs, and in how many rows."""
    assert row.terms is not None
    return {name: (tf, df) for name, tf, df, *_ in row.terms}


def message(content: str, sequence: int, **fields: Any) -> IndexRow:
    said = {"kind": "message", "scope": "user", "user_id": "u", "session_id": "s", "author": "Ann", "layer": None}
    return index_row(content, sequence=sequence, **(said | fields))


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leg takes eleven rows, so that others are left to be found as neighbors."""
    monkeypatch.setattr(hub_settings.CONFIG.ranking, "depth", 1)


def conversation(*contents: str, **fields: Any) -> list[IndexRow]:
    return [message(content, number, **fields) for number, content in enumerate(contents, 1)]


def noise(count: int = 30) -> list[IndexRow]:
    return [index_row(f"giraffe number {number}", scope="user", user_id="u") for number in range(count)]


def test_a_row_tells_what_ranking_needs(tenant):
    asked = message("Did you paint the house last week?", 7, importance=0.25, event_at="2024-05-05T00:00:00Z")
    add([asked])
    [row] = find("paint").candidates
    assert (row.id, row.kind, row.scope, row.user_id, row.session_id) == (asked.id, "message", "user", "u", "s")
    assert (row.author, row.sequence, row.words, row.importance) == ("Ann", 7, 7, 0.25)
    assert (row.question, row.tells_time, row.neighbor) == (True, True, False)
    assert row.event_at == 1714867200
    assert row.bm25 is not None
    assert row.similarity is not None


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("We met yesterday", True),
        ("See you next Morning", True),
        ("In MAY, we go", False),
        ("In May we go", True),
        ("You may go", False),
        ("since 2019", True),
        ("number 20199", False),
        ("on tuesday", True),
        ("the lasting weeks", False),
    ],
)
def test_what_tells_a_time(tenant, content, wanted):
    add([index_row(content)], vectors=False)
    with behind_walls(STAFF):
        assert IndexRow.objects.get().tells_time is wanted


def test_messages_beside_a_hit_come_along(tenant, shallow):
    before, *_ = said = conversation("good morning", "the quarterly census", "indeed", "bye")
    add([*said, *noise()])
    found = by_id(find("census quarterly"))
    assert found[before.id].neighbor
    assert found[before.id].bm25 is None
    assert found[before.id].similarity is not None


def test_neighbors_are_as_near_as_they_are(tenant, shallow):
    before, _, _ = said = conversation("a morning", "the quarterly census", "a quarterly census morning")
    add([*said, *noise()])
    row = by_id(find("census quarterly", "hybrid"))[before.id]
    wanted = np.array(embedded("a morning")) @ np.array(embedded("census quarterly"))
    assert row.similarity == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize(
    "hidden",
    [
        {"user_id": "v"},
        {"tenant_id": "other"},
        {"archived": True},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"scope": "session"},
    ],
)
@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_a_neighbor_that_the_caller_may_not_see_is_none(tenant, shallow, hidden, mode):
    secret = message("my secret", 1, **hidden)
    add([secret, message("the quarterly census", 2), *noise()])
    assert secret.id not in by_id(find("quarterly census", mode))


def test_neighbors_match_the_filters_too(tenant, shallow):
    said = [message("hello", 1, author="Ben"), message("the quarterly census", 2), message("well done", 3)]
    add([*said, *noise()])
    found = by_id(find("census", filters=Filters(author="Ann")))
    assert set(found) == {said[1].id, said[2].id}


def test_the_likeness_is_the_inner_product(tenant):
    row = index_row("the dark theme")
    add([row])
    [before] = find("dark theme").candidates
    half = [value / 2 for value in embedded(row.content)]
    with behind_walls(STAFF):
        Vector.objects.filter(row_id=row.id).update(embedding=half)
    [after] = find("dark theme").candidates
    assert likeness(after) == pytest.approx(likeness(before) / 2, abs=1e-3)


def test_any_word_of_a_group_counts_as_the_group(tenant):
    went, gone, both = rows = [index_row(text) for text in ("she went home", "they are gone", "went and gone")]
    add([*rows, index_row("a painting")], vectors=False)
    found = by_id(find("go", "keyword", words=[["go", "went", "gone"], ["paint"]], explain=True))
    assert len(found) == 4
    assert counted(found[both.id]) == {"go": (2, 3)}
    assert counted(found[went.id]) == {"go": (1, 3)}
    assert score(found[both.id]) > score(found[gone.id])


def test_words_that_are_one_stem_count_once(tenant):
    add([index_row("she paints")], vectors=False)
    [row] = find("painting paint Paints", "keyword", explain=True).candidates
    assert len(counted(row)) == 1
    [again] = find("x", "keyword", words=[["painting"], ["paint", "paints"]], explain=True).candidates
    assert again.bm25 == row.bm25


def test_a_long_text_is_found_by_its_best_passage(tenant):
    filler = " ".join(f"filler{number}" for number in range(200))
    long = index_row(f"{filler} giraffe zebra {filler} giraffe")
    add([long, index_row("zebra")], vectors=False)
    with behind_walls(STAFF):
        passages = list(Passage.objects.filter(row_id=long.id).order_by("number"))
        assert [passage.length for passage in passages] == [110, 110, 110, 73]
        assert IndexRow.objects.get(pk=long.id).words == 403
    row = by_id(find("giraffe zebra", "keyword", explain=True))[long.id]
    assert counted(row) == {"giraffe": (1, 1), "zebra": (1, 2)}
    assert sum(term[4] for term in row.terms or []) == pytest.approx(score(row))


def test_a_language_without_a_stemmer_works(tenant):
    with behind_walls(STAFF), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_tenants SET text_search_config = 'simple' WHERE tenant_id = %s", [tenant])
    row = index_row("Kissa istuu matolla the")
    add([row])
    for word in ("kissa", "MATOLLA", "the"):
        assert row.id in by_id(find(word, "keyword")), word
    assert not find("kiss", "keyword").candidates


def test_global_rows_speak_english_whatever_the_tenant_does(tenant):
    with behind_walls(STAFF), connection.cursor() as cursor:
        cursor.execute("UPDATE memory_tenants SET text_search_config = 'german' WHERE tenant_id = %s", [tenant])
    rows = [index_row("painted houses", scope="global", tenant_id=None), index_row("viele Häuser")]
    add(rows)
    assert {row.id for row in find("painting", "keyword").candidates} == {rows[0].id}
    assert {row.id for row in find("haus", "keyword").candidates} == {rows[1].id}
    assert {row.id for row in find("haus").candidates} == {row.id for row in rows}


def test_words_follow_a_row(tenant):
    row = index_row("giraffe")
    add([row])
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row.pk).update(scope="user", user_id="v")
    assert not find("giraffe", "keyword").candidates
    assert find("giraffe", "keyword", principal=caller(named_user="v")).candidates
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row.pk).update(content="zebra")
    assert not find("giraffe", "keyword", principal=caller(named_user="v")).candidates
    assert find("zebra", "keyword", principal=caller(named_user="v")).candidates
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row.pk).delete()
        assert not Passage.objects.exists()


def test_archived_rows_are_counted_apart(tenant):
    add([index_row("giraffe"), index_row("giraffe", archived=True), index_row("x", archived=True)])
    assert find("giraffe").count == 1
    with_archived = find("giraffe", filters=Filters(include_archived=True))
    assert with_archived.count == 3
    assert len(with_archived.candidates) == 3


def test_who_sees_all_users_finds_words_of_all(tenant):
    rows = [index_row("giraffe", scope="user", user_id=user) for user in ("a", "b", "c")]
    add([*rows, index_row("giraffe", scope="agent", agent_id="z")])
    admin = caller(permissions=frozenset({"read", "admin"}))
    found = find("giraffe", "keyword", principal=admin)
    assert {row.id for row in found.candidates} == {row.id for row in rows}
    assert len({row.bm25 for row in found.candidates}) == 1


def test_a_crowd_of_rows_that_may_not_be_seen_takes_no_place(tenant, shallow):
    """Rows of another user by the same agent are nearer, and none of the bound user's business."""
    mine = [index_row("the dark theme of mine", scope="agent", agent_id="a", user_id="u") for _ in range(3)]
    theirs = [index_row("dark theme", scope="agent", agent_id="a", user_id="v") for _ in range(40)]
    add([*mine, *theirs])
    bound = caller(agent_id="a", bound_user="u", named_user="u")
    for mode in ("keyword", "semantic", "hybrid"):
        found = find("dark theme", mode, principal=bound)
        assert {row.id for row in found.candidates} == {row.id for row in mine}, mode


def test_the_same_question_has_the_same_answer(tenant):
    add([index_row(f"dark theme {number % 7} of {number % 5}") for number in range(60)])
    for mode in ("keyword", "semantic", "hybrid"):
        assert find("dark theme 3", mode) == find("dark theme 3", mode)


def test_authors_are_those_whom_the_caller_may_search(tenant):
    add(
        [
            *conversation("one", "two", author="Ann"),
            *conversation("three", author="Ben", session_id="s2"),
            *conversation("four", author="Cem", user_id="v", session_id="s3"),
            *conversation("five", author="Dot", archived=True, session_id="s4"),
            *conversation("six", author="Eve", tenant_id="other"),
            index_row("seven", author="Fox"),
            index_row("eight"),
        ],
        vectors=False,
    )
    assert authors(caller(named_user="u")) == ["Ann", "Ben", "Fox"]
    assert authors(caller(named_user="v")) == ["Cem", "Fox"]
    assert authors(caller(named_user="w")) == ["Fox"]
    assert authors(caller(named_session="s3")) == ["Cem", "Fox"]
    assert authors(caller(permissions=frozenset({"read", "admin"}))) == ["Ann", "Ben", "Cem", "Fox"]


def test_authors_are_at_most_two_hundred(tenant):
    add([index_row("x", author=f"name {number:03}") for number in range(250)], vectors=False)
    assert authors(caller()) == [f"name {number:03}" for number in range(200)]


def test_words_alone_and_vectors_alone_are_found_above_the_cap(tenant, monkeypatch):
    monkeypatch.setattr(hub_settings.CONFIG.search, "candidate_cap", 5)
    shared = index_row("giraffe", scope="global", tenant_id=None)
    add([shared, *noise(20)])
    for mode in ("keyword", "semantic", "hybrid"):
        found = find("giraffe", mode, limit=3)
        assert shared.id in by_id(found), mode
        assert found.count > 5


def test_common_words_of_a_big_tenant_count_for_what_rarer_ones_choose(tenant, monkeypatch):
    monkeypatch.setattr(hub_settings.CONFIG.search, "candidate_cap", 60)
    monkeypatch.setattr(hub_settings.CONFIG.ranking, "depth", 1)
    rare = index_row("a giraffe and a zebra")
    add([rare, *(index_row(f"zebra number {number}") for number in range(80)), index_row("giraffe")], vectors=False)
    found = find("giraffe zebra", "keyword")
    assert max(found.candidates, key=score).id == rare.id
    assert set(counted(by_id(find("giraffe zebra", "keyword", explain=True))[rare.id])) == {"giraffe", "zebra"}
    assert found.truncated
    assert not find("giraffe", "keyword").truncated


def test_where_all_words_are_common_rows_with_most_of_them_are_found(tenant, monkeypatch):
    monkeypatch.setattr(hub_settings.CONFIG.search, "candidate_cap", 20)
    monkeypatch.setattr(hub_settings.CONFIG.ranking, "depth", 1)
    both = index_row("a zebra, its number unknown, and its color")
    words = [index_row(f"zebra number {number}") for number in range(30)]
    add([*words, both, *(index_row(f"color {number}") for number in range(30))], vectors=False)
    found = find("zebra number color", "keyword")
    assert max(found.candidates, key=score).id == both.id
    assert len(found.candidates) >= 11
    assert found.truncated
