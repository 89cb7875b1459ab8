"""A load of a fixed number of requests a second, whether the server keeps up or not, from a process of its own.

Latency counts from the moment a request was due, so that a server that stalls cannot hide the requests that it held
up (Tene, "coordinated omission").
"""

from __future__ import annotations

import contextlib
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.load import Result, exchange

CONNECTIONS = 8
LEAD_SECONDS = 0.5


class Paced:
    """What ``paced`` gives: ``result`` holds the figures after its block."""

    result: Result


@contextlib.contextmanager
def paced(port: int, requests: Sequence[bytes], per_second: float) -> Iterator[Paced]:
    """Sends the requests in turn, over and over, until the block ends."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    stop = context.Event()
    job = context.Process(target=send_all, args=(port, requests, per_second, stop, sender))
    job.start()
    load = Paced()
    begin = time.perf_counter()
    try:
        yield load
    finally:
        stop.set()
        latencies, failed = receiver.recv()
        job.join()
        load.result = Result(time.perf_counter() - begin, latencies, failed)


def send_all(port: int, requests: Sequence[bytes], per_second: float, stop: Any, pipe: Any) -> None:
    start = time.monotonic() + LEAD_SECONDS
    done: list[tuple[int, float]] = []

    def send(first: int) -> None:
        number = first
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not stop.wait(max(0.0, (due := start + number / per_second) - time.monotonic())):
                status, _ = exchange(sock, requests[number % len(requests)])
                done.append((status, (time.monotonic() - due) * 1e3))
                number += CONNECTIONS

    threads = [threading.Thread(target=send, args=(first,)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [taken for status, taken in done if 200 <= status < 300]
    pipe.send((good, len(done) - len(good)))
