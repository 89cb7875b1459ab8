"""One time limit over a whole call: whatever is slow, and however slowly it goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from itertools import repeat
from typing import Any

import pytest

from procedures_app.calls import Answer, CallFailed, looking_up, send
from tests.waiting import until

#: More than any call here may take; an answer that is complete by then is one that nobody gave up.
PATIENCE_SECONDS = 20.0
PAUSE_SECONDS = 0.02
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
#: What comes at once, and what drips.
DRIPS = {
    "the status": (b"HTTP/1.1 ", b"2"),
    "a header": (HEAD + b"X-Slow: ", b"x"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the size of a chunk": (CHUNKED, b"0"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"x"),
    "the body": (HEAD + b"Content-Length: 1000\r\n\r\n", b"x"),
    "a body without end": (HEAD + b"\r\n", b"x"),
    "nothing": (b"", b""),
}


class Dripping:
    """A server that answers one call byte by byte, as long as somebody listens."""

    def __init__(self, at_once: bytes, then: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.at_once, self.then, self.left = at_once, then, threading.Event()
        self.thread = threading.Thread(target=self.serve, daemon=True)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(PAUSE_SECONDS)
            try:
                connection.sendall(self.at_once)
                for piece in repeat(self.then, int(PATIENCE_SECONDS / PAUSE_SECONDS)):
                    if self.hung_up(connection):
                        break
                    connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                self.left.set()

    def hung_up(self, connection: socket.socket) -> bool:
        """Whether the caller closed its end; waits for the pause between two pieces."""
        try:
            while connection.recv(4096):
                pass
        except TimeoutError:
            return False
        self.left.set()
        return True


@pytest.fixture
def dripping() -> Iterator[Any]:
    made: list[Dripping] = []

    def serve(at_once: bytes, then: bytes) -> Dripping:
        made.append(Dripping(at_once, then))
        made[-1].thread.start()
        return made[-1]

    yield serve
    for server in made:
        server.thread.join(PATIENCE_SECONDS)
        server.listener.close()


def call(place: str, seconds: float) -> Answer:
    return send({"url": f"{place}/"}, hosts=[place], secrets={}, seconds=seconds, repeat_key="k")


def given_up(server: Dripping, scheme: str) -> bool:
    """Whether the server saw it; on a busy machine the time may be over before it was called."""
    with pytest.raises(CallFailed, match="TimeoutError"):
        call(f"{scheme}://{server.host}", 0.3)
    return server.left.wait(1)


@pytest.mark.parametrize("what", DRIPS)
def test_what_drips_is_given_up_and_the_connection_closed(dripping: Any, what: str):
    server = dripping(*DRIPS[what])
    until(lambda: given_up(server, "http"), PATIENCE_SECONDS, "the end of the connection")


def test_so_is_a_handshake(dripping: Any):
    server = dripping(b"\x16\x03\x03\x40\x00", b"\x02")  # the head of a TLS record of 16 kB
    until(lambda: given_up(server, "https"), PATIENCE_SECONDS, "the end of the connection")


@pytest.fixture
def slow_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Names are looked up only once the event is set; nothing stays behind."""
    answered, known = threading.Event(), socket.getaddrinfo

    def look_up(host: str, *args: Any, **options: Any) -> Any:
        answered.wait(PATIENCE_SECONDS)
        return known("127.0.0.1", *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield answered
    answered.set()
    until(lambda: not looking(), PATIENCE_SECONDS, "the end of the look-ups")


def looking() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == looking_up.THREAD_NAME]


def test_a_name_that_is_looked_up_slowly_is_given_up(slow_names: threading.Event):
    with pytest.raises(CallFailed, match=r"slow\.example: TimeoutError"):
        call("https://slow.example", 0.1)
    assert len(looking()) <= 1


def test_there_are_never_many_look_ups_that_nobody_waits_for(
    slow_names: threading.Event, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(looking_up, "_free", threading.BoundedSemaphore(2))
    for _ in range(4):
        with pytest.raises(CallFailed, match="TimeoutError"):
            call("https://slow.example", 0.1)
    assert len(looking()) <= 2
    slow_names.set()
    with pytest.raises(CallFailed, match=r"localhost: ConnectionRefusedError"):
        call("http://localhost:9", PATIENCE_SECONDS)


def test_a_name_that_leads_nowhere_is_said(monkeypatch: pytest.MonkeyPatch):
    def unknown(*args: Any, **options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(CallFailed, match="Name or service not known"):
        call("https://nowhere.example", PATIENCE_SECONDS)
