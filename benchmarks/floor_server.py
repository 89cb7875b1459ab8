"""Runs the floor application on the hub's web server with the hub's number of workers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.hub import ROOT, free_port
from benchmarks.load import exchange, request_bytes


@contextlib.contextmanager
def floor_server() -> Iterator[int]:
    """The port of a running floor server."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", str(os.cpu_count() or 1), "--blocking-threads", "1", "--log-level", "error"]
    process = subprocess.Popen([*command, "benchmarks.floor_app:application"], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
            if exchange(sock, request_bytes("/floor", "", {}))[0] == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("the floor server did not start")
