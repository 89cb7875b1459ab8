"""Following the hub's stream of changes (server-sent events), to sync at once instead of every now and then."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from memoryhub_client.errors import HubError
from memoryhub_client.replica.exceptions import ReplicaClosed, ReplicaError
from memoryhub_client.transport import Transport, parse, segment

if TYPE_CHECKING:
    from memoryhub_client.replica.replica import Replica
    from memoryhub_client.replica.reports import SyncReport

#: The hub sends a sign of life every 15 s; three missed ones mean that nobody is there.
SILENCE_SECONDS = 45.0
SHORTEST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0


class HasTransport(Protocol):
    transport: Transport


class Listener:
    """A daemon thread: connect, sync, sync again at each event."""

    def __init__(
        self,
        replica: Replica,
        *,
        on_sync: Callable[[SyncReport], object] | None,
        on_problem: Callable[[Exception], object] | None,
    ) -> None:
        self.replica = replica
        self.on_sync = on_sync
        self.on_problem = on_problem
        self._stop = threading.Event()
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"listen-{replica.agent_id}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if (open_one := self._socket) is not None:
            # wakes the thread, which may be waiting for the next event
            with suppress(OSError):
                open_one.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        pause = SHORTEST_PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                self._sync()
                for _ in self._events():
                    pause = SHORTEST_PAUSE_SECONDS
                    self._sync()
            except (OSError, http.client.HTTPException, HubError, ReplicaError) as problem:
                if self._stop.is_set() or isinstance(problem, ReplicaClosed):
                    return
                if self.on_problem:
                    self.on_problem(problem)
            self._stop.wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)

    def _sync(self) -> None:
        report = self.replica.sync()
        if self.on_sync:
            self.on_sync(report)

    def _events(self) -> Iterator[dict[str, str]]:
        """Those that tell something new. Ends when the hub closes the stream."""
        status = self.replica.status()
        try:
            for event in read_events(self._open(status.stream_url, status.cursor)):
                if event.get("event") == "reset" or int(event.get("id") or 0) > self.replica.status().cursor:
                    yield event
        finally:
            self._socket = None
            if self._connection is not None:
                self._connection.close()

    def _open(self, stream_url: str | None, after: int) -> http.client.HTTPResponse:
        client: HasTransport = self.replica.client  # type: ignore[assignment]
        url = urlsplit(stream_url or client.transport.url.geturl())
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(url.hostname or "", url.port, timeout=SILENCE_SECONDS)
        path = f"{url.path.rstrip('/')}/memory/agents/{segment(self.replica.agent_id)}/stream?after={after}"
        self._connection.request("GET", path, headers=client.transport.headers("GET") | {"Accept": "text/event-stream"})
        self._socket = self._connection.sock
        response = self._connection.getresponse()
        if self._stop.is_set():
            raise ConnectionAbortedError("The replica is being closed.")
        if response.status != 200:
            raise HubError(response.status, parse(response.read()))
        return response


def read_events(lines: Any) -> Iterator[dict[str, str]]:
    """Events of a stream as dicts of their fields (https://html.spec.whatwg.org, server-sent events)."""
    event: dict[str, str] = {}
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            event[name] = f"{event[name]}\n{value}" if name == "data" and name in event else value
