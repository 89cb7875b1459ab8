"""A stream's process in a thread, and listeners on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from agents_app.stream.server import StreamServer

Json = dict[str, Any]


@contextmanager
def running(most: int = 50) -> Iterator[StreamServer]:
    server, ready = StreamServer("127.0.0.1", 0, most=most), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    failures: list[BaseException] = []

    async def main() -> None:
        started = asyncio.Event()
        serving = asyncio.create_task(server.serve(stop, started))
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
        ready.set()
        await serving

    def work() -> None:
        try:
            loop.run_until_complete(main())
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            failures.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="stream")
    thread.start()
    try:
        assert ready.wait(60)
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()
        if failures:
            raise failures[0]


@dataclass
class Event:
    name: str
    number: int | None
    data: Json


class Listener:
    """One connection. ``status`` and ``headers`` of the answer; ``event()`` waits for the next event."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str] = {}, *, method: str = "GET") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        self.comments: list[str] = []

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def body(self) -> Any:
        return json.loads(self.file.read())

    def event(self) -> Event | None:
        """The next one; None when the stream ends."""
        fields: dict[str, str] = {}
        while line := self.file.readline():
            text = line.decode().rstrip("\n")
            if text.startswith(":"):
                self.comments.append(text[1:].strip())
            elif text:
                name, _, value = text.partition(": ")
                fields[name] = value
            elif "data" in fields:
                number = int(fields["id"]) if "id" in fields else None
                return Event(fields["event"], number, json.loads(fields["data"]))
            else:
                fields = {}
        return None

    def events(self, many: int) -> list[Event]:
        found = [self.event() for _ in range(many)]
        assert all(found), self.comments
        return [one for one in found if one]
