"""The remote embedder against a real server on this machine."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from memoryhub.config_sections import RemoteEmbeddings
from memoryhub.search.embeddings import ModelNotReady, circuit, endpoint, remote
from memoryhub.search.embeddings.endpoint import TextRefused
from memoryhub.search.embeddings.hashing import DIMENSION, embed_text
from memoryhub.search.embeddings.remote import RemoteEmbedder
from tests.search.embeddings import endpoint_server as days
from tests.search.embeddings.endpoint_server import KEY, Server
from tests.waiting import until

Make = Callable[..., RemoteEmbedder]


@pytest.fixture
def server() -> Iterator[Server]:
    with days.running() as made:
        yield made


@pytest.fixture
def make(server: Server, monkeypatch: pytest.MonkeyPatch) -> Make:
    """``make(batch_size=2)``: an embedder of the server, with pauses that tests can wait for.

    On a busy machine an answer may take longer than the setting lets queries wait, so they wait as long as it takes
    where a test does not say for how long.
    """
    monkeypatch.setattr(remote, "FIRST_SLEEP", 0.001)
    monkeypatch.setattr(circuit, "FIRST_PAUSE", 0.02)

    def embedder(**settings: Any) -> RemoteEmbedder:
        keep = settings.pop("keep_late", lambda text, vector: None)
        if "query_timeout_ms" not in settings:
            monkeypatch.setattr(RemoteEmbedder, "query_seconds", 60.0)
        described = {"url": server.url, "model": "m", "dimension": DIMENSION, "api_key": KEY, "attempts": 1}
        return RemoteEmbedder(RemoteEmbeddings.model_validate(described | settings), keep)

    return embedder


def allowed_again(embedder: RemoteEmbedder) -> None:
    until(lambda: embedder.circuit.seconds_left == 0, what="the end of the pause")


def no_server_here() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


# -- a good day -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("day", [days.well, days.in_base64, days.with_rows(lambda rows: [r | {"x": 1} for r in rows])])
def test_vectors_come_in_order_and_have_length_one(make, server, day):
    server.react = day
    vectors = make().embed(["dark theme", "light theme", "invoice"])
    assert all(vector.dtype == np.float32 for vector in vectors)
    for text, vector in zip(["dark theme", "light theme", "invoice"], vectors, strict=True):
        assert float(vector @ embed_text(text)) == pytest.approx(1, abs=1e-5)


def test_what_is_sent(make, server):
    make().embed(["one", "  ", "half \ud800"])
    ((path, headers, asked),) = server.requests
    assert path == "/v1/embeddings"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert asked == {"model": "m", "input": ["one", ".", "half ?"]}


def test_shorter_vectors_are_asked_for_when_the_model_can(make, server):
    make(shorten=True).embed(["one"])
    assert server.requests[0][2]["dimensions"] == DIMENSION


def test_a_query_in_the_address_is_kept_and_no_key_means_no_header(make, server):
    make(url=f"{server.url}/?api-version=3", api_key=None).embed(["one"])
    path, headers, _ = server.requests[0]
    assert path == "/v1/embeddings?api-version=3"
    assert "Authorization" not in headers


def test_batches_are_bounded_by_number_and_by_characters(make, server):
    make(batch_size=3, connections=1).embed([f"text {n}" for n in range(7)])
    assert [len(batch) for batch in server.batches] == [3, 3, 1]
    server.requests.clear()
    make(batch_characters=1000, text_characters=600, connections=1).embed(["a" * 900, "b" * 900, "c"])
    assert [[len(text) for text in batch] for batch in server.batches] == [[600], [600, 1]]
    assert make().embed([]) == []


def test_several_requests_are_on_their_way_and_their_vectors_come_in_order(make, server):
    event = threading.Event()
    server.react = days.after(event)
    embedder = make(batch_size=2, connections=3)
    assert embedder.batch_size == 6
    texts = [f"text {n}" for n in range(11)]
    found: list[Any] = []
    caller = threading.Thread(target=lambda: found.extend(embedder.embed(texts)))
    caller.start()
    until(lambda: len(server.requests) == 3, what="three requests")
    event.set()
    caller.join()
    assert len(server.requests) == 6
    assert all(float(vector @ embed_text(text)) > 0.99 for text, vector in zip(texts, found, strict=True))


def test_after_a_failure_the_rest_is_not_asked_for(make, server):
    server.react = days.status(500)
    with pytest.raises(ModelNotReady):
        make(batch_size=1, connections=2).embed([f"text {n}" for n in range(50)])
    assert len(server.requests) < 50


def test_the_name_tells_model_and_dimension(make):
    assert make(model="text-embedding-3-small", dimension=512).name == "remote:text-embedding-3-small:512"


def test_connections_are_kept_and_replaced_when_the_server_closed_them(make, server):
    embedder = make()
    for _ in range(3):
        embedder.embed(["one"])
    assert server.connections == 1
    server.react = days.in_turn(days.hang_up, days.well)
    assert len(embedder.embed(["one"])) == 1
    assert server.connections == 2


def embedding(change: Callable[[list[float]], Any]) -> days.Reaction:
    """Answers with changed vectors."""
    return days.with_rows(lambda rows: [row | {"embedding": change(row["embedding"])} for row in rows])


# -- answers that are none ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "problem"),
    [
        (embedding(lambda vector: vector[:100]), "vectors of 100 numbers"),
        (embedding(lambda vector: [0] * DIMENSION), "has no direction"),
        (embedding(lambda vector: [float("nan")] * DIMENSION), "has no direction"),
        (embedding(lambda vector: [1e308] * DIMENSION), "has no direction"),
        (days.with_rows(lambda rows: rows[:-1]), "an embedding for each text"),
        (days.with_rows(lambda rows: [r | {"index": 0} for r in rows]), "an embedding for each text"),
        (embedding(lambda vector: "no base64"), "an embedding for each text"),
        (days.with_rows(lambda rows: None), "an embedding for each text"),
        (days.status(200, b"<html>hello</html>"), "an embedding for each text"),
        (days.status(200, b"x" * 5_000_000), "AnswerTooLong"),
        (days.status(404), "check search.remote.url and search.remote.model"),
        (days.status(301, Location="http://elsewhere"), "check search.remote.url"),
        (days.status(400, {"error": "no such model"}), "It refuses every text"),
        (days.status(500), "answered 500 Internal Server Error."),
        (days.hang_up, "gave no answer (RemoteDisconnected"),
        (days.hang_up_midway, "gave no answer (IncompleteRead"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_taken(make, server, day, problem):
    server.react = day
    embedder = make()
    with pytest.raises(ModelNotReady) as caught:
        embedder.embed(["one", "two"])
    assert problem in str(caught.value)
    assert problem in embedder.problem
    assert not embedder.ready
    assert caught.value.retry_in is not None


def test_the_key_is_never_told(make, server):
    for day in (days.status(401, {"error": f"bad key {KEY}"}), days.status(500, {"error": f"bad key {KEY}"})):
        server.react = day
        embedder = make()
        with pytest.raises(ModelNotReady) as caught:
            embedder.embed(["one"])
        assert KEY not in str(caught.value)
    assert "MEMORYHUB_SEARCH__REMOTE__API_KEY" in str(make_problem(make, server, days.status(403)))


def make_problem(make: Make, server: Server, day: days.Reaction) -> str | None:
    server.react = day
    embedder = make()
    with pytest.raises(ModelNotReady):
        embedder.embed(["one"])
    return embedder.problem


def test_a_text_that_alone_is_refused_is_sent_shorter(make, server):
    def too_long(handler: days.Handler) -> None:
        long = max(map(len, handler.asked["input"])) > 500
        (days.status(400, {"error": "too long"}) if long else days.well)(handler)

    server.react = too_long
    vectors = make().embed(["one", "x" * 900, "two"])
    assert float(vectors[2] @ embed_text("two")) == pytest.approx(1, abs=1e-5)
    assert ["x" * 450] in server.batches


def test_a_text_that_is_refused_at_any_length_is_its_own_failure(make, server):
    def picky(handler: days.Handler) -> None:
        (days.status(422) if "bad" in handler.asked["input"] else days.well)(handler)

    server.react = picky
    embedder = make()
    with pytest.raises(TextRefused):
        embedder.embed(["good", "bad"])
    assert embedder.ready
    assert len(embedder.embed(["good"])) == 1


# -- patience -----------------------------------------------------------------------------------------------


def test_a_passing_failure_is_tried_again(make, server):
    server.react = days.in_turn(days.status(500), days.hang_up, days.status(429), days.well)
    embedder = make(attempts=4)
    assert len(embedder.embed(["one"])) == 1
    assert len(server.requests) == 4
    assert embedder.ready


def test_the_wait_that_it_asks_for_is_kept(make, server):
    server.react = days.status(429, Retry_After="40")
    embedder = make(attempts=5)
    with pytest.raises(ModelNotReady) as caught:
        embedder.embed(["one"])
    assert len(server.requests) == 1, "too long to wait here"
    assert 35 < (caught.value.retry_in or 0) <= 40
    server.react = days.well
    with pytest.raises(ModelNotReady):
        embedder.embed(["one"])
    assert len(server.requests) == 1


def test_a_slow_answer_is_given_up_and_so_is_one_that_drips(make, server):
    event = threading.Event()

    def drip(handler: days.Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not event.wait(0.05):
            handler.wfile.write(b" ")

    for day in (days.after(event), drip):
        server.react = day
        with pytest.raises(ModelNotReady, match="did not answer within"):
            make(read_timeout_seconds=0.2).embed(["one"])
    event.set()


def test_it_is_left_alone_while_it_is_away_and_asked_again_later(make, server):
    embedder = make(url=no_server_here())
    with pytest.raises(ModelNotReady, match="ConnectionRefused"):
        embedder.embed(["one"])
    for _ in range(6):
        allowed_again(embedder)
        with pytest.raises(ModelNotReady):
            embedder.embed(["one"])
    assert embedder.circuit.seconds_left > 0.3, "pauses grow"
    with pytest.raises(ModelNotReady) as caught:
        embedder.embed(["one"])
    assert 0 < (caught.value.retry_in or 0) < 2


def test_of_many_only_one_tries_a_broken_endpoint_again(make, server):
    embedder = make()
    server.react = days.status(500)
    with pytest.raises(ModelNotReady):
        embedder.embed(["one"])
    allowed_again(embedder)
    server.requests.clear()
    event = threading.Event()
    server.react = days.after(event)
    first = threading.Thread(target=embedder.embed, args=[["one"]])
    first.start()
    until(lambda: server.requests, what="the trial")
    with pytest.raises(ModelNotReady):
        embedder.embed(["two"])
    event.set()
    first.join()
    assert len(server.requests) == 1
    assert len(embedder.embed(["two"])) == 1


# -- queries ------------------------------------------------------------------------------------------------


def test_queries_are_one_request(make, server):
    _, two = make().embed_queries(["dark theme", "night mode"])
    assert float(two @ embed_text("night mode")) == pytest.approx(1, abs=1e-5)
    assert len(server.requests) == 1


def test_a_query_waits_once_and_then_no_query_waits(make, server, monkeypatch):
    monkeypatch.setattr(circuit, "FIRST_PAUSE", 30.0)
    event = threading.Event()
    server.react = days.after(event)
    kept: dict[str, Any] = {}
    embedder = make(query_timeout_ms=100, keep_late=kept.__setitem__)
    with pytest.raises(ModelNotReady, match="takes longer than 100 ms for a query"):
        embedder.embed_queries(["dark theme"])
    started = time.monotonic()
    for _ in range(200):
        with pytest.raises(ModelNotReady):
            embedder.embed_queries(["another"])
    assert time.monotonic() - started < 200 * 0.1, "each waited"
    assert len(server.requests) == 1
    event.set()
    until(lambda: kept, what="the late vector")
    assert kept.keys() == {"dark theme"}
    assert not embedder.ready, "an answer that comes too late does not make it fast enough for queries"


def test_it_recovers_by_itself(make, server):
    embedder = make()
    server.react = days.status(503)
    with pytest.raises(ModelNotReady):
        embedder.embed_queries(["one"])
    server.react = days.well
    allowed_again(embedder)
    assert len(embedder.embed_queries(["one"])) == 1
    assert embedder.ready
    assert embedder.problem is None


def test_warming_asks_whether_it_is_there(make, server):
    embedder = make()
    assert not embedder.ready
    assert embedder.warm(10)
    assert embedder.warm(10)
    assert server.batches == [[remote.PROBE]]
    away = make(url=no_server_here())
    assert not away.warm(10)
    assert "ConnectionRefused" in str(away.problem)


def test_a_refused_query_says_nothing_about_the_endpoint(make, server):
    def picky(handler: days.Handler) -> None:
        (days.status(422) if "bad" in handler.asked["input"] else days.well)(handler)

    server.react = picky
    embedder = make()
    with pytest.raises(ModelNotReady):
        embedder.embed_queries(["bad"])
    assert embedder.ready
    assert len(embedder.embed_queries(["good"])) == 1


def test_a_server_on_its_way_down_and_up_again(make):
    with days.running() as first:
        embedder = make(url=first.url)
        assert len(embedder.embed_queries(["one"])) == 1
        port = first.server_port
    with pytest.raises(ModelNotReady):
        embedder.embed_queries(["one"])
    with days.running(port):
        allowed_again(embedder)
        assert len(embedder.embed_queries(["one"])) == 1


def test_a_system_without_further_threads_costs_no_place(make, monkeypatch):
    embedder = make()
    with monkeypatch.context() as short:

        def no_thread(self: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        short.setattr(threading.Thread, "start", no_thread)
        for _ in range(remote.MOST_QUERIES + 1):
            embedder.circuit.succeeded()
            with pytest.raises(ModelNotReady, match="RuntimeError"):
                embedder.embed_queries(["one"])
    allowed_again(embedder)
    assert len(embedder.embed_queries(["one"])) == 1


def test_whatever_fails_the_circuit_hears_of_it(make, monkeypatch):
    def broken(*args: Any, **options: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(endpoint.Endpoint, "fetch", broken)
    embedder = make()
    with pytest.raises(ModelNotReady):
        embedder.embed_queries(["one"])
    assert embedder.problem == "Asking failed with ZeroDivisionError."
    allowed_again(embedder)
    with pytest.raises(ZeroDivisionError):
        embedder.embed(["one"])
    allowed_again(embedder)
    assert embedder.circuit.enter(), "no trial is left over"
