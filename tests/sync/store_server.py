"""A store in a process of its own, as somebody else would write it: standard library, a file, and bad days.

``python -m tests.sync.store_server FILE SECRET [--port N] [--fail-every 5] [--sleep-every 37 --sleep 1]`` prints its
port, keeps what it accepted in FILE, and answers ``GET /`` with the state that it holds.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Memory:
    """Objects by id with their versions; a journal of accepted documents that survives a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests = 0
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                self.apply(json.loads(line))

    def apply(self, document: dict[str, Any]) -> None:
        held = self.objects.get(document["object_id"])
        if held is None or held["version"] <= document["version"]:
            self.objects[document["object_id"]] = document

    def accept(self, document: dict[str, Any]) -> None:
        with self.lock:
            with self.path.open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(document) + "\n")
            self.apply(document)

    def count(self) -> int:
        with self.lock:
            self.requests += 1
            return self.requests


def signed(secret: str, header: str, body: bytes) -> bool:
    parts = dict(part.split("=", 1) for part in header.split(","))
    proof = hmac.new(secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(proof, parts["v1"]) and abs(time.time() - int(parts["t"])) < 300


def handler(memory: Memory, options: argparse.Namespace) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body of an answer are two packets

        def do_GET(self) -> None:
            self.answer(200, {"objects": memory.objects, "requests": memory.requests})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = memory.count()
            if not signed(options.secret, self.headers["X-MemoryHub-Signature"], body):
                self.answer(401, {"error": "signature"})
            elif not self.headers["Idempotency-Key"]:
                self.answer(400, {"error": "Idempotency-Key"})
            elif options.fail_every and number % options.fail_every == 0:
                self.answer(500, {"error": "a bad day"})
            else:
                memory.accept(json.loads(body))
                if options.sleep_every and number % options.sleep_every == 0:
                    time.sleep(options.sleep)  # accepted, but nobody hears of it in time
                self.answer(200, {})

        def answer(self, status: int, document: dict[str, Any]) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hung up is none."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("secret")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--fail-every", type=int, default=0)
    parser.add_argument("--sleep-every", type=int, default=0)
    parser.add_argument("--sleep", type=float, default=1.0)
    options = parser.parse_args()
    server = Server(("127.0.0.1", options.port), handler(Memory(options.file), options))
    print(server.server_port)
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
