"""Vectors follow what is stored, by the relay; and nothing is lost while the model is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from uuid import UUID

import pytest
from django.core.management import call_command

from memoryhub.access.walls import behind_walls
from memoryhub.search import learning, vector_store
from memoryhub.search.embeddings import ModelNotReady
from memoryhub.search.embeddings.hashing import HashingEmbedder
from memoryhub.search.health import waiting
from memoryhub.search.models import IndexRow, Passage, Vector
from memoryhub.search.services import index, vocabulary
from memoryhub.search.services.spaces import active_space
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import relay
from memoryhub.sync.stores import NotReady
from tests.conftest import HubClient, MakeClient
from tests.search.conftest import STAFF, add, caller, index_row
from tests.sync.mirror import registered

pytestmark = pytest.mark.django_db
Deliver = Callable[[], int]


@pytest.fixture
def store() -> Iterator[VectorStore]:
    """The only store."""
    made = VectorStore()
    with registered(made):
        yield made


@pytest.fixture
def deliver(store: VectorStore, as_role: Callable[[str], AbstractContextManager[None]]) -> Deliver:
    """Runs the relay until nothing is due; how many deliveries arrived."""

    def run() -> int:
        with as_role("memoryhub_system"):
            return relay.run_once()

    return run


@pytest.fixture
def client(api: MakeClient, store: VectorStore) -> HubClient:
    return api()


def vectors(**wanted: str) -> dict[str, int]:
    """Version of the vector per content of its row."""
    with behind_walls(STAFF):
        versions = dict(Vector.objects.values_list("row_id", "version"))
        return {row.content: versions[row.id] for row in IndexRow.objects.filter(**wanted) if row.id in versions}


def keep(client: HubClient, key: str, value: object) -> str:
    answer = client.post("/memory/context/store", {"key": key, "value": value, "layer": "long_term"})
    assert answer.status_code in (200, 201), answer.content
    return str(answer.json()["entry_id"])


def say(client: HubClient, *texts: str) -> None:
    client.post("/memory/session/start", {"session_id": "s"})
    body = {"session_id": "s", "messages": [{"role": "user", "content": text} for text in texts]}
    assert client.post("/memory/session/messages", body).status_code == 200


def test_entries_get_vectors_and_new_versions_new_ones(client, deliver):
    keep(client, "color", "red")
    assert vectors() == {}
    assert waiting() == 1
    deliver()
    assert sorted(vectors().values()) == [1]
    assert waiting() == 0
    keep(client, "color", "blue")
    deliver()
    ((content, version),) = vectors().items()
    assert "blue" in content
    assert version == 2


def test_messages_get_vectors_also_when_their_delivery_was_superseded(client, deliver):
    say(client, "one", "two")
    say(client, "three")
    deliver()
    assert vectors(kind="message") == {"one": 1, "two": 1, "three": 1}


def test_long_sessions_take_several_rounds(client, deliver, monkeypatch):
    monkeypatch.setattr(vector_store, "ROWS_AT_A_TIME", 4)
    say(client, *(f"message {number}" for number in range(11)))
    deliver()
    assert len(vectors(kind="message")) == 11


def test_what_there_was_no_time_for_comes_again(client, deliver, monkeypatch):
    keep(client, "color", "red")
    monkeypatch.setattr(vector_store, "LONGEST_SECONDS", -1.0)
    with behind_walls(STAFF):
        (delivery,) = Delivery.objects.select_related("event")
    assert VectorStore().deliver([delivery]).keys() == {delivery.pk}
    monkeypatch.undo()
    deliver()
    assert len(vectors()) == 1


def test_a_model_that_is_not_ready_costs_no_attempt(client, deliver, monkeypatch):
    keep(client, "color", "red")

    def not_ready(self: object, texts: object) -> None:
        raise ModelNotReady

    monkeypatch.setattr(HashingEmbedder, "embed", not_ready)
    assert deliver() == 0
    with behind_walls(STAFF):
        delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts) == ("pending", 0)
    monkeypatch.undo()
    with behind_walls(STAFF):
        Delivery.objects.update(next_at=delivery.created_at)
    assert deliver() == 1
    assert len(vectors()) == 1


def test_a_removed_row_takes_its_vector_along_at_once(client, deliver):
    entry = keep(client, "color", "red")
    deliver()
    assert index.remove(principal=caller(), ids=[UUID(entry)]) == 1
    assert vectors() == {}


def test_an_older_version_never_overwrites_a_newer_vector(tenant):
    row = index_row("red", version=2)
    add([row])
    space = active_space()
    assert space is not None
    index.embed([index.Text(row.id, 1, "stale")], space, principal=STAFF)
    assert vectors() == {"red": 2}


def test_a_row_that_is_gone_gets_no_vector(tenant):
    space = active_space()
    assert space is not None
    index.embed([index.Text(index_row("red").id, 1, "red")], space, principal=STAFF)
    with behind_walls(STAFF):
        assert not Vector.objects.exists()


def test_a_vector_follows_its_row_to_another_reach(tenant):
    row = index_row("red")
    add([row])
    with behind_walls(STAFF):
        IndexRow.objects.filter(pk=row.pk).update(scope="user", user_id="u")
        assert Vector.objects.get().reach == "u:u"


def test_reindex_embeds_what_is_missing_and_makes_words_anew(tenant, as_role, capsys):
    add([index_row("red theme"), index_row("global theme", scope="global", tenant_id=None)], vectors=False)
    with behind_walls(STAFF):
        Passage.objects.all().delete()
    with as_role("memoryhub_system"):
        call_command("reindex")
    assert vectors() == {"red theme": 1, "global theme": 1}
    with behind_walls(STAFF):
        assert Passage.objects.count() == 2
    assert "acme: rows embedded, done." in capsys.readouterr().out


def test_remove_takes_rows_that_the_caller_may_change(tenant):
    row, foreign = index_row("red"), index_row("blue", tenant_id="other")
    add([row, foreign])
    assert index.remove(principal=caller(), ids=[row.id, foreign.id]) == 1
    assert vectors() == {"blue": 1}


def similar(client: HubClient, query: str) -> list[str]:
    answer = client.post("/memory/context/search", {"query": query, "mode": "fuzzy"})
    assert answer.status_code == 200, answer.content
    return [found.get("content") or found["key"] for found in answer.json()["results"]]


def test_misspelled_words_are_found_once_the_relay_has_read_them(client, deliver):
    keep(client, "user_preferences.theme", "dark")
    say(client, "Please remember the umbrella")
    assert similar(client, "umbrela") == similar(client, "prefrences.theem") == []

    deliver()

    assert similar(client, "umbrela") == ["Please remember the umbrella"]
    assert similar(client, "user_prefrences.theem") == ["user_preferences.theme"]


def test_words_need_no_model(client, deliver, monkeypatch):
    keep(client, "color", "turquoise")
    monkeypatch.setattr(vector_store, "active_space", lambda: None)
    deliver()

    assert similar(client, "turqouise") == ["color"]


def test_words_of_long_sessions_are_read_in_parts(client, deliver, monkeypatch):
    monkeypatch.setattr(vocabulary, "ROWS_AT_A_TIME", 4)
    say(client, *(f"message {number}" for number in range(11)), "umbrella")
    deliver()

    assert similar(client, "umbrela") == ["umbrella"]


def test_words_there_was_no_time_for_cost_no_attempt_and_hold_up_nobody_else(client, deliver, monkeypatch):
    monkeypatch.setattr(vocabulary, "ROWS_AT_A_TIME", 1)
    monkeypatch.setattr(learning, "LONGEST_SECONDS", -1.0)
    say(client, "sunshine", "umbrella")
    with behind_walls(STAFF):
        large = Delivery.objects.get(store="vector", version=2).pk
    keep(client, "color", "turquoise")
    with behind_walls(STAFF):
        batch = list(Delivery.objects.filter(store="vector").select_related("event").order_by("pk"))

    problems = VectorStore().deliver(batch)

    assert list(problems) == [large]
    assert isinstance(problems[large], NotReady)
    assert similar(client, "turqouise") == ["color"]
    assert similar(client, "sunshien") == ["sunshine"]
    assert similar(client, "umbrela") == []


def test_reindex_reads_words_that_nobody_has_read(client, as_role):
    keep(client, "color", "turquoise")
    with as_role("memoryhub_system"):
        call_command("reindex", "--words-only")

    assert similar(client, "turqouise") == ["color"]
