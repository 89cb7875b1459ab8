"""A real hub for measuring and for drills: ``manage.py run`` in a home and on a port of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY_SECONDS = 180
STOP_SECONDS = 60


#: Below those that the system gives to whoever asks for any: none of these is taken before the hub binds it.
PORTS = range(20_000, 32_000, 2)


def free_port() -> int:
    """A port that nobody has; nor has anybody the next, which is the stream's."""
    while True:
        port = secrets.choice(PORTS)
        if is_free(port) and is_free(port + 1):
            return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class Hub:
    """One running hub. ``settings`` are further environment variables."""

    def __init__(self, home: Path, port: int, **settings: str) -> None:
        self.home, self.port = home, port
        self.url = f"http://127.0.0.1:{port}"
        dropped = {"DATABASE_URL", "MIGRATION_DATABASE_URL", "SYSTEM_DATABASE_URL", "DJANGO_SETTINGS_MODULE"}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MEMORYHUB_") and k not in dropped}
        self.environment = {
            **kept,
            "MEMORYHUB_HOME": str(home),
            "PORT": str(port),
            "MEMORYHUB_CONFIG": os.devnull,
            "PYTHONUNBUFFERED": "1",
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with (self.home / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_until_ready()
        return self

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not self.healthy():
            assert self.process is not None
            if self.process.poll() is not None:
                raise RuntimeError(f"The hub ended with {self.process.returncode}:\n{self.output()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"The hub was not ready after {seconds:.0f} s:\n{self.output()}")
            time.sleep(0.1)

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/memory/health", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def output(self) -> str:
        return (self.home / "output.log").read_text(errors="replace")[-4000:]

    def manage(self, *arguments: str, **variables: str) -> str:
        """Runs a management command in this hub's environment and ``variables``; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return done.stdout.strip()

    def key(self, tenant: str = "bench", scopes: str = "read,write,admin", **options: str) -> str:
        extra = [part for name, value in options.items() for part in (f"--{name}", value)]
        return self.manage("create_api_key", "--tenant", tenant, "--scopes", scopes, "--quiet", *extra)

    def call(self, key: str, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """One JSON call; raises urllib.error.HTTPError for a refusal."""
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"Bearer {key}")
        request.add_header("Content-Type", "application/json")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=60) as response:
            return dict(json.load(response))

    def database_url(self, role: str = "owner") -> str:
        code = (
            "from memoryhub.config import get_config; from memoryhub.runtime.database import database_urls;"
            f"print(database_urls(get_config()).{role})"
        )
        return subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, env=self.environment, text=True).strip()

    def processes(self) -> list[psutil.Process]:
        """The supervisor and everything under it."""
        if self.process is None or self.process.poll() is not None:
            return []
        supervisor = psutil.Process(self.process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def stop(self) -> int:
        """Stops as SIGTERM does; answers the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


@contextlib.contextmanager
def running_hub(**settings: str) -> Iterator[Hub]:
    """A hub in a temporary home, stopped and removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="mhb-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        hub = Hub(home, free_port(), **settings)
        try:
            yield hub.start()
        finally:
            if hub.process is not None and hub.process.poll() is None:
                hub.stop()
