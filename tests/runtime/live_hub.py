"""A whole hub as a process of its own: its own home, a spare port, everything as ``make run`` starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from benchmarks.hub import free_port
from memoryhub.config import ROOT
from tests.waiting import until

BOOT_SECONDS = 90


class LiveHub:
    """Starts at once and returns when the hub says that it is ready."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home, self.port, self.log = home, free_port(), home.with_suffix(".log")
        self.stream_port = self.port + 1
        ports = {"PORT": str(self.port), "MEMORYHUB_SERVER__STREAM_PORT": str(self.stream_port)}
        self.environment = environment(home) | ports | variables
        with self.log.open("wb") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "memoryhub.runtime"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
            )
        until(lambda: self.process.poll() is not None or "API docs" in self.output(), BOOT_SECONDS, "the hub")
        assert self.process.poll() is None, self.output()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def key(self) -> str:
        """The API key that the first boot printed."""
        return str(re.findall(r"API key +(\S+)", self.output())[0])

    def call(
        self, method: str, path: str, body: object = None, key: str | None = None, *, agent: str = ""
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            headers = {"Authorization": f"Bearer {key or self.key}", "Content-Type": "application/json"}
            headers |= {"X-Agent-Id": agent} if agent else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def pid(self, name: str) -> int:
        state = json.loads((self.home / "run" / "supervisor.json").read_text())
        return int((state["database"] if name == "database" else state["processes"][name])["pid"] or 0)

    def tree(self) -> list[psutil.Process]:
        return list(psutil.Process(self.process.pid).children(recursive=True))

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(60)

    def end(self) -> None:
        """After a failed test: nothing stays."""
        if self.process.poll() is None:
            for process in [*self.tree(), psutil.Process(self.process.pid)]:
                process.kill()
            self.process.wait()


def environment(home: Path) -> dict[str, str]:
    own = {
        "MEMORYHUB_HOME": str(home),
        "MEMORYHUB_SEARCH__EMBEDDER": "hashing",
        "MEMORYHUB_SERVER__STREAM_PORT": "0",
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("MEMORYHUB_")} | own


def manage(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    surroundings = environment(home) | variables
    return subprocess.run(command, env=surroundings, cwd=ROOT, capture_output=True, text=True, check=False)
