"""A replica that follows the hub's stream syncs as soon as something changed."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memoryhub_client import HubError, MemoryClient
from memoryhub_client.replica import Replica, SyncReport
from memoryhub_client.replica.listening import read_events
from tests.memoryhub_client.fake_hub import FakeClient, FakeHub
from tests.waiting import until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\n\n"


class Stream:
    """A stream process for one listener at a time: ``say`` sends it raw text, ``hang_up`` ends the connection."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.requests: queue.Queue[str] = queue.Queue()
        self.head = HEAD
        self.open: socket.socket | None = None
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listening.accept()
            except OSError:
                return
            raw = b""
            while b"\r\n\r\n" not in raw:
                raw += connection.recv(4096)
            connection.sendall(self.head)
            self.hang_up()
            self.open = connection
            self.requests.put(raw.decode())

    def say(self, text: str) -> None:
        assert self.open
        self.open.sendall(text.encode())

    def hang_up(self) -> None:
        if self.open:
            self.open.close()
            self.open = None

    def close(self) -> None:
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join()
        self.hang_up()


class StreamingClient(FakeClient):
    """Tells replicas where the stream is."""

    def __init__(self, hub: FakeHub, url: str) -> None:
        super().__init__(hub)
        self.transport = MemoryClient(url, "the-key").transport
        self.url = url

    def changes(self, agent_id: str, **asked: Any) -> dict[str, Any]:
        return super().changes(agent_id, **asked) | {"stream_url": self.url}


@pytest.fixture
def stream() -> Iterator[Stream]:
    made = Stream()
    yield made
    made.close()


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def ada(hub: FakeHub, stream: Stream, tmp_path: Path) -> Iterator[Replica]:
    with Replica(tmp_path / "ada.db", StreamingClient(hub, stream.url), agent_id="ada") as replica:
        yield replica


def test_an_event_makes_it_sync(hub, stream, ada):
    reports: list[SyncReport] = []
    hub.store("ada", "n", 1)
    ada.listen(on_sync=reports.append)
    ada.listen()
    request = stream.requests.get(timeout=60)
    assert request.startswith("GET /memory/agents/ada/stream?after=1 ")
    assert "Authorization: Bearer the-key" in request
    hub.store("ada", "n", 2)
    stream.say('event: change\nid: 2\ndata: {"seq": 2}\n\n')
    until(lambda: len(reports) == 2, what="the change")
    assert ada.get("n").value == 2
    stream.say(": heartbeat\n\nevent: change\nid: 1\ndata: {}\n\n")
    hub.store("ada", "n", 3)
    stream.say("event: change\nid: 3\ndata: {}\n\n")
    until(lambda: len(reports) > 2 and ada.get("n").value == 3, what="the next change")
    assert len(reports) == 3


def test_a_lost_stream_is_followed_again(hub, stream, ada):
    problems: list[Exception] = []
    ada.listen(on_problem=problems.append)
    stream.requests.get(timeout=60)
    stream.head = b"HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    stream.hang_up()
    stream.requests.get(timeout=60)
    until(lambda: any(isinstance(problem, HubError) for problem in problems), what="the refusal")
    stream.head = HEAD
    stream.requests.get(timeout=60)
    hub.store("ada", "n", 1)
    stream.say("event: change\nid: 1\n\n")
    until(lambda: ada.get("n"), what="the change")


def test_closing_ends_the_thread_at_once(stream, ada):
    ada.listen()
    stream.requests.get(timeout=60)
    assert any(thread.name == "listen-ada" for thread in threading.enumerate())
    ada.close()
    assert not any(thread.name == "listen-ada" for thread in threading.enumerate())


def test_events_are_read_as_the_standard_says():
    lines = [b": comment\n", b"id: 1\r\n", b"event:change\n", b"data: a\n", b"data:b\n", b"\n", b"\n", b"id\n", b"\n"]
    assert list(read_events(lines)) == [{"id": "1", "event": "change", "data": "a\nb"}, {"id": ""}]
