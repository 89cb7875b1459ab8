"""The hub with its embeddings from elsewhere, through its doors: storing, searching, health, the outbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

import pytest
from django.db import connection

from memoryhub import config
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.search import embeddings
from memoryhub.search.embeddings import circuit, remote
from memoryhub.search.embeddings.hashing import DIMENSION
from memoryhub.search.models import Vector, VectorSpace
from memoryhub.search.services import building, space_changes, spaces
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import relay
from tests.conftest import HubClient, MakeClient, role
from tests.search.conftest import STAFF, add, index_row
from tests.search.embeddings import endpoint_server as days
from tests.search.embeddings.endpoint_server import KEY, Server
from tests.sync.mirror import registered
from tests.waiting import until

pytestmark = pytest.mark.django_db
Deliver = Callable[[], int]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The endpoint that this hub is configured to ask."""
    with days.running() as made:
        settings = {"URL": made.url, "MODEL": "m", "DIMENSION": str(DIMENSION), "API_KEY": KEY}
        monkeypatch.setenv("MEMORYHUB_SEARCH__EMBEDDER", "remote")
        configure(monkeypatch, **settings)
        monkeypatch.setattr(circuit, "FIRST_PAUSE", 0.02)
        monkeypatch.setattr(remote, "FIRST_SLEEP", 0.001)
        # on a busy machine an answer may take longer than the setting lets queries wait
        monkeypatch.setattr(remote.RemoteEmbedder, "query_seconds", 60.0)
        forget()
        yield made
        monkeypatch.undo()
        forget()


def configure(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Settings of ``search.remote``, which count from the next start on."""
    for name, value in settings.items():
        monkeypatch.setenv(f"MEMORYHUB_SEARCH__REMOTE__{name}", value)


def forget() -> None:
    config.get_config.cache_clear()
    embeddings.reset()


@pytest.fixture
def deliver(as_role: Callable[[str], AbstractContextManager[None]]) -> Iterator[Deliver]:
    def run() -> int:
        with behind_walls(STAFF):
            for waiting in Delivery.objects.filter(status="pending"):
                Delivery.objects.filter(pk=waiting.pk).update(next_at=waiting.created_at)
        with as_role("memoryhub_system"):
            return relay.run_once(most_rounds=3)

    with registered(VectorStore()):
        yield run


@pytest.fixture
def client(api: MakeClient, server: Server, deliver: Deliver) -> HubClient:
    return api()


def keep(client: HubClient, key: str, value: str) -> None:
    answer = client.post("/memory/context/store", {"key": key, "value": value, "layer": "long_term", "scope": "tenant"})
    assert answer.status_code in (200, 201), answer.content


def search(client: HubClient, query: str) -> dict[str, Any]:
    answer = client.post("/memory/context/search", {"query": query})
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def allowed_again() -> None:
    embedder = embeddings.get_embedder()
    assert isinstance(embedder, remote.RemoteEmbedder)
    until(lambda: embedder.circuit.seconds_left == 0, what="the end of the pause")


def model_names() -> set[str]:
    with behind_walls(STAFF):
        return set(Vector.objects.values_list("model", flat=True))


def test_entries_are_embedded_and_found_by_it(client, server, deliver):
    keep(client, "color", "dark theme")
    assert server.requests == [], "storing asks nobody"
    assert deliver() == 1
    assert model_names() == {f"remote:m:{DIMENSION}/said-40"}
    found = search(client, "dark theme")
    assert (found["degraded"], found["result_count"]) == (False, 1)


@pytest.mark.parametrize("day", [days.status(500), days.hang_up, days.status(200, b"?"), days.status(429)])
def test_while_it_is_away_words_decide_and_afterwards_all_is_made_good(client, server, deliver, day):
    keep(client, "first", "dark theme")
    deliver()
    server.react = day
    keep(client, "second", "light theme")
    for _ in range(10):  # more often than failures park a delivery
        assert deliver() == 0
    with behind_walls(STAFF):
        waiting = Delivery.objects.get(status="pending")
    assert waiting.attempts == 0
    found = search(client, "theme")
    assert (found["degraded"], found["result_count"]) == (True, 2)
    assert "keyword" in found["notice"]

    server.react = days.well
    allowed_again()
    assert deliver() == 1
    found = search(client, "theme")
    assert (found["degraded"], found["result_count"]) == (False, 2)


def test_health_says_what_is_wrong_and_sees_by_itself_when_it_is_well_again(client, server):
    server.react = days.with_rows(lambda rows: [row | {"embedding": [1.0, 2.0]} for row in rows])
    search(client, "theme")
    part = client.get("/memory/health").json()["parts"]["search"]
    assert "vectors of 2 numbers" in part["problem"]
    assert KEY not in str(part)
    server.react = days.well
    embedder = embeddings.get_embedder()
    assert isinstance(embedder, remote.RemoteEmbedder)
    embedder.circuit._open_until = 0.0

    def well_again() -> bool:
        return bool(client.get("/memory/health").json()["parts"]["search"]["ok"])

    until(well_again, what="health to be well")
    assert search(client, "theme")["degraded"] is False
    search(client, "theme")
    assert client.get("/memory/health").json()["parts"]["search"]["queries"]["hits"] == 1


SECRET = "The giraffe of another tenant"


def echo(handler: days.Handler) -> None:
    """As many endpoints do: what was asked stands in the answer, and even in its status line."""
    if any(SECRET in text for text in handler.asked["input"]):
        handler.send_response(400, SECRET)
        body = str(handler.asked["input"]).encode()
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    else:
        days.well(handler)


def test_health_quotes_nothing_that_an_endpoint_answers(client, server, as_role, caplog):
    row = index_row(SECRET)
    add([row], vectors=False)
    space = spaces.active_row()
    VectorSpace.objects.filter(pk=space.pk).update(state="building")
    VectorSpace.objects.create(
        name="hashing-64/said-0", embedder="hashing-64", kind="hashing", settings={"dimension": 64}, dimension=64,
        context_words=0, state="active", asked_by="test",
    )  # fmt: skip
    server.react = echo
    stopping = iter([False, True, True])
    with as_role("memoryhub_system"):
        building.work(principal=STAFF, stopping=lambda: next(stopping))
    space.refresh_from_db()
    assert SECRET in space.error, "staff that sees all tenants finds out what was wrong"
    answer = client.get("/memory/health").content.decode()
    assert "See Search models in the admin" in answer
    for told in (answer, caplog.text):
        assert "giraffe" not in told
    assert str(row.id) not in answer


@pytest.mark.parametrize("status", [400, 422, 500, 200])
def test_a_failing_endpoint_is_told_without_its_words(client, server, status):
    server.react = lambda handler: handler.answer(status, {"error": SECRET})
    search(client, "theme")
    part = client.get("/memory/health").json()["parts"]["search"]
    assert part["problem"]
    assert "giraffe" not in str(part)


def restart() -> None:
    forget()
    with role("memoryhub_system"):
        space_changes.follow_configuration(principal=system_principal("test"))


def test_a_changed_address_and_time_out_of_the_same_model_count_without_a_new_space(
    client, server, deliver, monkeypatch
):
    keep(client, "first", "dark theme")
    deliver()
    view = spaces.active_space()
    assert view is not None
    with days.running() as moved:
        configure(monkeypatch, URL=moved.url, QUERY_TIMEOUT_MS="290", BATCH_SIZE="7")
        restart()
        spaces.forget()  # the few seconds for which a process knows a space
        server.requests.clear()
        assert search(client, "dark theme")["degraded"] is False
        assert (len(moved.requests), server.requests) == (1, [])
        found = spaces.active_space()
    assert found is not None
    assert found.name == view.name
    assert isinstance(found.embedder, remote.RemoteEmbedder)
    assert (found.embedder.settings.query_timeout_ms, found.embedder.settings.batch_size) == (290, 7)
    assert VectorSpace.objects.count() == 1


def test_a_process_that_runs_takes_the_new_address_over(client, server, monkeypatch):
    assert search(client, "theme")["degraded"] is False
    with days.running() as moved:
        settings = VectorSpace.objects.get().settings | {"url": moved.url}
        with role("memoryhub_system"):
            VectorSpace.objects.update(settings=settings)
        monkeypatch.setattr(spaces, "monotonic", lambda: time.monotonic() + spaces.CACHE_SECONDS + 1)
        search(client, "another theme")
        assert len(moved.requests) == 1


def test_the_key_goes_to_the_host_that_it_is_configured_for_alone(client, server):
    with days.running() as former:
        described = {"url": former.url, "model": "old", "dimension": DIMENSION}
        embeddings.embedder_of("remote", described).embed(["one"])
        embeddings.embedder_of("remote", described | {"url": server.url}).embed(["one"])
        assert "Authorization" not in former.requests[0][1]
    assert server.requests[0][1]["Authorization"] == f"Bearer {KEY}"


def test_vectors_from_before_there_were_spaces_are_asked_for_as_configured(client, server, deliver, monkeypatch):
    configure(monkeypatch, MODEL="BAAI/bge-m3")
    forget()
    keep(client, "first", "dark theme")
    deliver()
    VectorSpace.objects.all().delete()
    spaces.forget()
    fill = import_module("memoryhub.search.migrations.0017_spaces_of_vectors").FILL
    with role("postgres"), connection.cursor() as cursor:
        cursor.execute(fill)
    row = VectorSpace.objects.get()
    assert (row.name, row.embedder) == (f"remote:BAAI/bge-m3:{DIMENSION}/said-40", f"remote:BAAI/bge-m3:{DIMENSION}")
    assert (row.context_words, row.settings) == (40, {})
    restart()
    assert search(client, "dark theme")["degraded"] is False
