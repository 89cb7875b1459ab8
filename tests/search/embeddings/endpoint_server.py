"""An OpenAI-compatible endpoint on this machine, in a thread, that can have every kind of bad day."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from typing import Any

import numpy as np

from memoryhub.search.embeddings.hashing import DIMENSION, embed_text

Reaction = Callable[["Handler"], None]
KEY = "sk-very-secret"


class Handler(BaseHTTPRequestHandler):
    """``self.asked`` is the body of the request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    asked: dict[str, Any]

    def do_POST(self) -> None:
        self.asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), self.asked))
        self.server.react(self)

    def answer(self, status: int, document: Any, **headers: str) -> None:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.react: Reaction = well
        self.connections = 0
        self.open: list[socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def batches(self) -> list[list[str]]:
        return [asked["input"] for _, _, asked in self.requests]

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        self.connections += 1
        self.open.append(connection)
        return connection, address

    def stop(self) -> None:
        """As the end of a process: nobody listens, and what was connected is not any more."""
        self.shutdown()
        self.server_close()
        for connection in self.open:
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, *args: Any) -> None:
        """A caller that hung up is none."""


@contextmanager
def running(port: int = 0) -> Iterator[Server]:
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def rows(texts: list[str], dimension: int = DIMENSION) -> list[dict[str, Any]]:
    vectors = [np.resize(embed_text(text), dimension) * 3 for text in texts]
    return [{"index": place, "embedding": vector.tolist()} for place, vector in enumerate(vectors)]


# -- its days ---------------------------------------------------------------------------------------------


def well(handler: Handler) -> None:
    """In reverse order, as the index allows."""
    handler.answer(200, {"data": rows(handler.asked["input"])[::-1]})


def in_base64(handler: Handler) -> None:
    found = rows(handler.asked["input"])
    for row in found:
        row["embedding"] = base64.b64encode(np.asarray(row["embedding"], dtype="<f4").tobytes()).decode()
    handler.answer(200, {"data": found})


def with_rows(change: Callable[[list[dict[str, Any]]], Any]) -> Reaction:
    return lambda handler: handler.answer(200, {"data": change(rows(handler.asked["input"]))})


def status(number: int, document: Any = None, **headers: str) -> Reaction:
    return lambda handler: handler.answer(number, document or {"error": {"message": "a bad day"}}, **headers)


def hang_up(handler: Handler) -> None:
    handler.close_connection = True


def hang_up_midway(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


def after(event: threading.Event, reaction: Reaction = well) -> Reaction:
    """Answers when the event is set."""

    def wait(handler: Handler) -> None:
        event.wait(20)
        reaction(handler)

    return wait


def in_turn(*reactions: Reaction) -> Reaction:
    """One after the other; the last one stays."""
    left = list(reactions)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)
