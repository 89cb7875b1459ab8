"""Connections to HTTP servers outside of the hub: opened within a time, kept for the next request, read to a deadline.

Standard library only, and nothing of Django: threads and processes of every kind use it.
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import partial
from socket import socket
from typing import Any
from urllib.parse import SplitResult

CHUNK_BYTES = 64 * 1024
#: What a server does to a connection that was idle for too long for its taste.
CLOSED_MEANWHILE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: ``body`` is complete."""

    status: int
    reason: str
    headers: Message
    body: bytes


class AnswerTooLong(http.client.HTTPException):
    """The answer is longer than any right one can be."""


def open_connection(url: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Not yet connected."""
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    return kind(url.hostname or "", url.port, timeout=timeout)


def retry_after(headers: Message) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (a number or a date); None without a readable one."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class Pool:
    """Idle connections to one server. May be used by several threads; each request has a connection of its own."""

    def __init__(self, url: SplitResult, *, most_idle: int = 4) -> None:
        self.url = url
        self.most_idle = most_idle
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()

    def post(
        self,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        connect_seconds: float,
        answer_seconds: float,
        most_bytes: int,
    ) -> Answer:
        """The answer, whatever its status. The request must be safe to repeat: a stale connection is replaced.

        Raises OSError (TimeoutError when it took longer than allowed) or http.client.HTTPException.
        """
        while True:
            connection = self._take(connect_seconds)
            reused = connection.sock is not None
            try:
                reach(connection, connect_seconds)
                connection.request("POST", path, body, dict(headers))
                answer = read_answer(connection, answer_seconds, most_bytes)
            except BaseException as error:
                connection.close()
                if reused and isinstance(error, CLOSED_MEANWHILE):
                    continue
                raise
            self._give_back(connection)
            return answer

    def close(self) -> None:
        """Closes what is idle; the pool may be used further."""
        while self._idle:
            self._idle.pop().close()

    __del__ = close

    def _take(self, connect_seconds: float) -> http.client.HTTPConnection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return open_connection(self.url, connect_seconds)

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            # without a socket the server has asked to close
            if connection.sock is not None and len(self._idle) < self.most_idle:
                self._idle.append(connection)
                return
        connection.close()


def reach(connection: http.client.HTTPConnection, seconds: float) -> None:
    if connection.sock is None:
        connection.timeout = seconds
        connection.connect()
    connection.sock.settimeout(seconds)


class Wire(io.RawIOBase):
    """What comes in, until a time: a server that sends a byte now and then gets no more than one that is silent."""

    def __init__(self, connected: socket, deadline: float) -> None:
        # the file keeps the socket open: an answer that closes the connection does so before the body is read
        self._socket, self._deadline = connected, deadline
        self._incoming: io.RawIOBase = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(time_left(self._deadline))
        return self._incoming.readinto(buffer)

    def close(self) -> None:
        self._incoming.close()
        super().close()


class TimedResponse(http.client.HTTPResponse):
    """Read until a time, from the first byte of its status to the last one of its body."""

    def __init__(self, connected: socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(connected, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(Wire(connected, deadline))


def time_left(deadline: float) -> float:
    """Seconds until then (``time.monotonic``). Raises TimeoutError where there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("it took too long")
    return left


def read_answer(connection: http.client.HTTPConnection, seconds: float, most_bytes: int) -> Answer:
    """All of it within these seconds. Raises OSError (TimeoutError) or http.client.HTTPException."""
    timed = partial(TimedResponse, deadline=time.monotonic() + seconds)
    connection.response_class = timed  # type: ignore[assignment]
    response = connection.getresponse()
    body = read_whole(response, most_bytes)
    return Answer(response.status, response.reason, response.headers, body)


def read_whole(response: http.client.HTTPResponse, most_bytes: int) -> bytes:
    body = bytearray()
    while chunk := response.read1(CHUNK_BYTES):
        body += chunk
        if len(body) > most_bytes:
            raise AnswerTooLong(f"the answer is longer than {most_bytes} bytes")
    if response.length:
        raise http.client.IncompleteRead(bytes(body[:100]), response.length)
    response.close()
    return bytes(body)
