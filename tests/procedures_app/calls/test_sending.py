"""Calls of steps: where they may go, what is sent, and what becomes of the answer."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from procedures_app.calls import Answer, CallFailed, CallRefused, Secret, send
from procedures_app.calls.hosts import Place, address_of, allowed
from procedures_app.calls.pointers import PointerMissing, at


class Server(ThreadingHTTPServer):
    """Answers what ``answers`` says by path, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.got: list[dict[str, Any]] = []
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}

    @property
    def place(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.got.append(
            {"method": self.command, "path": self.path, "headers": dict(self.headers), "body": body.decode()}
        )
        status, text, headers = self.server.answers.get(self.path, (200, b'{"ok": true, "build": {"id": 7}}', {}))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def call(server: Server, path: str = "/", **request: Any) -> Answer:
    return send(
        {"url": server.place + path, **request},
        hosts=[server.place],
        secrets={"CI": Secret("s3cret", (server.place,)), "ELSEWHERE": Secret("s3cret", ("ci.example.com",))},
        seconds=5,
        repeat_key="step-1",
    )


def test_a_call_is_sent_once_with_its_key_and_what_is_wanted_is_saved(server: Server) -> None:
    answer = call(
        server,
        "/builds?x=1",
        method="post",
        headers={"Authorization": "Bearer {{secrets.CI}}"},
        body={"ref": "main"},
        save={"build": "/build/id"},
    )
    assert (answer.status, answer.saved, answer.content["ok"]) == (200, {"build": 7}, True)
    [got] = server.got
    assert (got["method"], got["path"], json.loads(got["body"])) == ("POST", "/builds?x=1", {"ref": "main"})
    assert got["headers"]["Authorization"] == "Bearer s3cret"
    assert got["headers"]["Idempotency-Key"] == "step-1"


def test_an_answer_that_repeats_a_secret_does_not_tell_it(server: Server) -> None:
    server.answers["/"] = (200, b'{"headers": {"Authorization": "Bearer s3cret"}}', {})
    headers = {"Authorization": "Bearer {{secrets.CI}}"}
    answer = call(server, headers=headers, save={"heard": "/headers/Authorization"})
    assert answer.saved == {"heard": "Bearer (secret)"}
    assert "s3cret" not in str(answer)


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_asked_again_later(server: Server, status: int) -> None:
    server.answers["/"] = (status, b"", {"Retry-After": "7"})
    with pytest.raises(CallFailed) as failed:
        call(server)
    assert failed.value.retry_after == 7


@pytest.mark.parametrize("status", [302, 404, 401])
def test_an_unexpected_answer_is_final_and_a_redirect_is_never_followed(server: Server, status: int) -> None:
    server.answers["/"] = (status, b"", {"Location": server.place + "/elsewhere"})
    with pytest.raises(CallRefused, match=str(status)):
        call(server)
    assert [got["path"] for got in server.got] == ["/"]


def test_the_step_says_which_statuses_it_expects(server: Server) -> None:
    server.answers["/"] = (404, b"gone", {})
    assert call(server, expect_status=[404]).content == "gone"
    with pytest.raises(CallRefused):
        call(server, "/fine", expect_status=[404])


def test_what_should_be_saved_must_be_there(server: Server) -> None:
    with pytest.raises(CallFailed, match="/build/name"):
        call(server, save={"name": "/build/name"})


def test_an_endless_answer_is_given_up(server: Server) -> None:
    server.answers["/"] = (200, b"x" * 70_000, {})
    with pytest.raises(CallFailed, match="longer"):
        call(server)


def test_nobody_there() -> None:
    with pytest.raises(CallFailed, match="No answer"):
        send({"url": "http://127.0.0.1:9"}, hosts=["http://127.0.0.1:9"], secrets={}, seconds=2, repeat_key="k")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://api.example/x",
        "https://api.example:8443/x",
        "https://api.example@evil.example/",
        "https://evil.example\\@api.example/",
        "https://api.example.evil.example/",
        "file:///etc/passwd",
        "https://api.example:99999/",
        "https:///x",
        "https://api.example/\u00fc",
        "",
    ],
)
def test_only_listed_places_are_called(url: str) -> None:
    with pytest.raises(CallRefused):
        allowed(url, ["api.example"])


@pytest.mark.parametrize("url", ["https://api.example/x", "https://API.Example./x", "https://api.example:443/x?y=1"])
def test_spellings_of_a_listed_place_are_that_place(url: str) -> None:
    assert allowed(url, ["other.example", "api.example"])[1] == Place("https", "api.example", 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "fe80::1"])
def test_a_listed_name_leads_neither_to_this_machine_nor_to_link_local_services(address, monkeypatch) -> None:
    found = [(0, 0, 0, "", (one, 443)) for one in ("203.0.113.1", address)]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: found)
    with pytest.raises(CallRefused):
        address_of(Place("https", "api.example", 443))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"},
        {"X-A": "a\r\nX-B: b"},
        {"X A": "a"},
        {"X-A": "{{secrets.NONE}}"},
        {"Idempotency-Key": "mine"},
        {"X-A": "{{secrets.ELSEWHERE}}"},
    ],
)
def test_headers_that_a_step_may_not_set(server: Server, headers: dict[str, str]) -> None:
    with pytest.raises(CallRefused):
        call(server, headers=headers)
    assert server.got == []


def test_pointers() -> None:
    document = {"a": [{"b/c": 1, "~": 2}], "": 3}
    assert (at(document, ""), at(document, "/a/0/b~1c"), at(document, "/a/0/~0"), at(document, "/")) == (
        document,
        1,
        2,
        3,
    )
    for missing in ("/a/1", "/a/-1", "/a/x", "/b", "/a/0/b~1c/d"):
        with pytest.raises(PointerMissing):
            at(document, missing)
