"""A load generator on raw sockets: as little work per request as Python allows, in processes of its own.

It shares the machine with the server, for the floor and for the hub alike.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Result:
    """Latencies in milliseconds of the requests answered 2xx, and how many were not."""

    seconds: float
    latencies: list[float] = field(repr=False)
    failed: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def request_bytes(path: str, key: str, body: Any, method: str = "POST") -> bytes:
    """A complete HTTP/1.1 request."""
    content = json.dumps(body).encode()
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def exchange(sock: socket.socket, request: bytes) -> tuple[int, bytes]:
    """Sends one request and reads the whole answer, counted or chunked (then the chunks as they came)."""
    sock.sendall(request)
    data = receive(sock)
    while b"\r\n\r\n" not in data:
        data += receive(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    length = content_length(head)
    while (len(body) < length) if length is not None else not body.endswith(b"0\r\n\r\n"):
        body += receive(sock)
    return int(head[9:12]), body


def content_length(head: bytes) -> int | None:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)


def receive(sock: socket.socket) -> bytes:
    chunk = sock.recv(65536)
    if not chunk:
        raise ConnectionError("the server closed the connection")
    return chunk


def client(port: int, requests: Sequence[bytes], until: float, out: list[float], failed: list[int]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        position = 0
        while time.monotonic() < until:
            begin = time.perf_counter()
            status, _ = exchange(sock, requests[position % len(requests)])
            position += 1
            if 200 <= status < 300:
                out.append((time.perf_counter() - begin) * 1e3)
            else:
                failed.append(status)


def worker(port: int, shares: list[list[bytes]], seconds: float, pipe: Any) -> None:
    latencies: list[float] = []
    failed: list[int] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=client, args=(port, share, until, latencies, failed)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send((latencies, failed))


def run(
    port: int, make: Callable[[int, int], bytes], *, clients: int = 8, seconds: float = 5, requests: int = 2000
) -> Result:
    """Loads the server with ``clients`` connections; ``make(client, n)`` is that client's n-th request."""
    shares = [[make(number, n) for n in range(requests)] for number in range(clients)]
    context = multiprocessing.get_context("fork")
    halves = [half for half in (shares[::2], shares[1::2]) if half]
    pipes = [context.Pipe(duplex=False) for _ in halves]
    jobs = [
        context.Process(target=worker, args=(port, half, seconds, sender))
        for half, (_, sender) in zip(halves, pipes, strict=True)
    ]
    begin = time.perf_counter()
    for job in jobs:
        job.start()
    answers = [receiver.recv() for receiver, _ in pipes]
    for job in jobs:
        job.join()
    latencies = [value for part, _ in answers for value in part]
    return Result(time.perf_counter() - begin, latencies, sum(len(failed) for _, failed in answers))
