"""A hub as it runs in earnest (Granian, the app's role, row-level security), on a database of its own, seeded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.hub import free_port
from memoryhub.config import ROOT, get_config
from memoryhub.runtime.database import Urls, urls_on
from memoryhub.runtime.programs import web
from tests.waiting import until

DATABASE = "browser"


@dataclass(frozen=True)
class Hub:
    """Where it listens, and what the seed made: ``made["session"]`` is a session's id."""

    url: str
    made: dict[str, str]

    def page(self, path: str = "") -> str:
        return f"{self.url}/admin/{path}"


@contextmanager
def seeded_hub(superuser_url: str) -> Iterator[Hub]:
    """Copies the migrated test database, fills it through the services, serves it; stops the server at the end."""
    copy_database(superuser_url)
    urls = urls_on(superuser_url, DATABASE)
    made = json.loads(seed(urls).splitlines()[-1])
    port = free_port()
    config = get_config().model_copy(deep=True)
    config.server.port, config.server.workers = port, 1
    # a session of its own: the server and its workers are ended together
    server = subprocess.Popen(web(config).command, env=environment(urls, "app", port), start_new_session=True)
    try:
        url = f"http://127.0.0.1:{port}"
        until(lambda: answers(f"{url}/admin/login/"))
        yield Hub(url, made)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def copy_database(superuser_url: str) -> None:
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'memoryhub'")
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE memoryhub OWNER memoryhub_owner")


def environment(urls: Urls, role: str, port: int = 0) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": urls.app,
        "MIGRATION_DATABASE_URL": urls.owner,
        "SYSTEM_DATABASE_URL": urls.system,
        "MEMORYHUB_DB_ROLE": role,
        **({"PORT": str(port)} if port else {}),
    }


def seed(urls: Urls) -> str:
    command = [sys.executable, "-m", "tests.browser.seed"]
    done = subprocess.run(
        command, env=environment(urls, "system"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
