"""Vectors of messages in their context: what was said before belongs to them, and goes with what is erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from memoryhub.access.walls import behind_walls
from memoryhub.search.contexts import statements, words_before
from memoryhub.search.embeddings.hashing import HashingEmbedder
from memoryhub.search.models import IndexRow, Vector
from memoryhub.search.ranking import written
from memoryhub.search.services import index, spaces
from memoryhub.search.services.index import Text
from memoryhub.search.services.spaces import Space, active_space
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.models import SyncEvent
from memoryhub.sync.services import relay
from tests.search.conftest import STAFF, add, index_row
from tests.sync.mirror import registered

pytestmark = pytest.mark.django_db
Query = Callable[[int], AbstractContextManager[object]]


def said(*texts: str, session: str = "s", first: int = 1, step: int = 1) -> list[IndexRow]:
    """Messages of a session as index rows, without vectors."""
    rows = [
        index_row(text, kind="message", session_id=session, sequence=first + step * place)
        for place, text in enumerate(texts)
    ]
    add(rows, vectors=False)
    return rows


def as_texts(rows: Sequence[IndexRow]) -> list[Text]:
    return [Text(row.id, row.version, row.content, row.tenant_id, row.session_id, row.sequence) for row in rows]


def before(rows: Sequence[IndexRow], words: int = 40) -> list[str]:
    with behind_walls(STAFF):
        found = words_before(as_texts(rows), words)
    return [found.get(row.id, "") for row in rows]


def space() -> Space:
    found = active_space()
    assert found is not None
    return found


def embed_all() -> None:
    index.embed_lacking(principal=STAFF.within("acme"), space=space())


def vector_of(row: IndexRow) -> np.ndarray:
    with behind_walls(STAFF):
        return np.array(Vector.objects.get(row_id=row.id).embedding)


def unit(text: str) -> np.ndarray:
    return HashingEmbedder().embed([text])[0]


def test_the_words_before_a_message_are_the_last_ones_of_those_before_it(tenant):
    rows = said("one two", "three", "four five", "six")
    assert before(rows) == ["", "one two", "one two three", "one two three four five"]
    assert before(rows, words=3) == ["", "one two", "one two three", "three four five"]
    assert before(rows, words=0) == ["", "", "", ""]


def test_messages_wanted_from_the_middle_of_a_session_find_what_was_said_before(tenant):
    rows = said(*(f"word{number}" for number in range(60)))
    (context,) = before(rows[50:51])
    assert context.split() == [f"word{number}" for number in range(10, 50)]
    assert before([rows[1], rows[59]], words=2) == ["word0", "word57 word58"]


def test_sessions_tenants_and_entries_are_kept_apart(tenant):
    rows = [*said("here"), *said("there", session="t"), *said("next", first=2), index_row("an entry", session_id="s")]
    foreign = index_row("elsewhere", kind="message", session_id="s", sequence=0, tenant_id="other")
    add([foreign, rows[-1]], vectors=False)
    assert before(rows[:3]) == ["", "", "here"]
    with behind_walls(STAFF):
        assert words_before([Text(rows[-1].id, 1, "an entry", "acme")], 40) == {}


def test_all_contexts_of_a_batch_take_one_query(tenant, django_assert_num_queries):
    rows = [row for session in range(5) for row in said("one", "two", "three", session=f"s{session}")]
    with behind_walls(STAFF), django_assert_num_queries(1):
        words_before(as_texts(rows), 40)


def test_a_vector_is_the_mean_of_the_text_alone_and_in_its_context(tenant):
    first, second = said("Shall we go to the lake?", "Yes, on Friday!")
    add([entry := index_row("the lake")], vectors=False)
    embed_all()
    in_context = unit("Shall we go to the lake? Yes, on Friday!")
    assert vector_of(first) == pytest.approx(unit("Shall we go to the lake?"), abs=1e-3)
    assert vector_of(entry) == pytest.approx(unit("the lake"), abs=1e-3)
    assert vector_of(second) == pytest.approx((unit("Yes, on Friday!") + in_context) / 2, abs=1e-3)
    query = unit("lake on Friday")
    mean = (query @ unit("Yes, on Friday!") + query @ in_context) / 2
    assert vector_of(second) @ query == pytest.approx(mean, abs=1e-3)


def test_the_number_of_words_is_part_of_the_name_of_the_space(tenant, settings):
    search = settings.CONFIG.search.model_copy(update={"context_words": 0})
    settings.CONFIG = settings.CONFIG.model_copy(update={"search": search})
    spaces.forget()
    _, second = said("Shall we go to the lake?", "Yes, on Friday!")
    embed_all()
    assert space().name == "hashing-256/said-0"
    assert vector_of(second) == pytest.approx(unit("Yes, on Friday!"), abs=1e-3)


def renew(as_role: Callable[[str], AbstractContextManager[None]]) -> None:
    with registered(VectorStore()), as_role("memoryhub_system"):
        relay.run_once()


def remove(row_id: UUID) -> None:
    assert index.remove(principal=STAFF, ids=[row_id]) == 1


def test_words_of_a_removed_message_leave_the_vectors_of_the_next_ones(tenant, as_role):
    rows = said("nothing before", "the secret is out", "yes", "what now " * 110, "later")
    embed_all()
    old = [vector_of(row) for row in rows]
    remove(rows[1].id)
    renew(as_role)
    assert vector_of(rows[2]) == pytest.approx((unit("yes") + unit("nothing before yes")) / 2, abs=1e-3)
    assert vector_of(rows[3]) != pytest.approx(old[3], abs=1e-3)
    assert vector_of(rows[0]) == pytest.approx(old[0])
    with behind_walls(STAFF):
        assert IndexRow.objects.get(pk=rows[4].id).version == 1  # too far away to have held a word of it


def test_an_edited_message_renews_the_next_ones(tenant, as_role):
    rows = said("at the lake", "yes")
    embed_all()
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=rows[0].id).update(content="at the sea", version=2)
    renew(as_role)
    assert vector_of(rows[1]) == pytest.approx((unit("yes") + unit("at the sea yes")) / 2, abs=1e-3)


def test_a_vector_made_with_words_that_went_meanwhile_counts_as_lacking(tenant, as_role):
    rows = said("the secret is out", "yes")
    with behind_walls(STAFF):
        (text,) = index.in_contexts(as_texts(rows[1:]), space())
    remove(rows[0].id)
    vectors = index.vectors_of([text], space())
    index.write([(replace(text, space=space().name), written(vectors[0]))], principal=STAFF)
    renew(as_role)
    assert vector_of(rows[1]) == pytest.approx(unit("yes"), abs=1e-3)


def test_a_session_that_goes_as_a_whole_asks_for_nothing(tenant):
    rows = said(*(f"message {number}" for number in range(30)))
    assert index.remove(principal=STAFF, ids=[row.id for row in rows]) == 30
    with behind_walls(STAFF):
        assert not SyncEvent.objects.exists()


def test_making_words_anew_renews_no_vectors(tenant):
    said("one", "two")
    embed_all()
    index.make_words(principal=STAFF.within("acme"))
    with behind_walls(STAFF):
        assert set(IndexRow.objects.values_list("version", flat=True)) == {1}


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("I start on Monday. How was your trip?", "I start on Monday."),
        ("How was your trip? I start on Monday! Can't wait.", "I start on Monday! Can't wait."),
        ("How was your trip? And the food?", "How was your trip? And the food?"),
        ("see https://example.org/?q=1 for more", "see https://example.org/?q=1 for more"),
        ("", ""),
    ],
)
def test_what_a_message_states_is_what_it_does_not_ask(text, states):
    assert statements(text) == states


def test_what_a_message_asks_counts_in_its_context_only(tenant):
    rows = said("I start on Monday. How was your trip?")
    embed_all()
    whole = unit("I start on Monday. How was your trip?")
    assert vector_of(rows[0]) == pytest.approx((unit("I start on Monday.") + whole) / 2, abs=1e-3)
