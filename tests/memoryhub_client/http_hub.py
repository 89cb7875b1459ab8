"""A FakeHub behind HTTP, for replicas in other processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from memoryhub_client.errors import HubError
from tests.memoryhub_client.fake_hub import FakeHub


def answer(hub: FakeHub, path: str, query: dict[str, str], body: Any) -> dict[str, Any]:
    parts = path.strip("/").split("/")[1:]
    if parts == ["agents", "replicas"]:
        return hub.register_replica(body["agent_id"], user_id=body.get("user_id"))
    if parts == ["context", "batch-get"]:
        return {"results": hub.get_many(body["ids"], agent_id="ada")}
    agent, door = parts[1:]
    if door == "push":
        return {"results": hub.push(agent, body["replica_id"], body["changes"])}
    numbers = {name: int(query[name]) for name in ("after", "epoch", "limit") if name in query}
    names = {name: query[name] for name in ("user_id", "replica_id") if name in query}
    return hub.changes(agent, **numbers, **names)  # type: ignore[arg-type]


@contextmanager
def served(hub: FakeHub) -> Iterator[str]:
    """The address of the hub."""
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                with one_at_a_time:
                    status, told = 200, answer(hub, url.path, query, json.loads(raw or b"{}"))
            except HubError as problem:
                status, told = problem.status, problem.problem
            self._send(status, json.dumps(told).encode())

        def _send(self, status: int, raw: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)
            except ConnectionError:
                self.close_connection = True  # the caller was killed

        def log_message(self, *about: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A connection that a kill cut off is what the test is about."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
