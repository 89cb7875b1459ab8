"""The table of processes that the supervisor runs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Literal

from memoryhub.config import ROOT, Config
from memoryhub.runtime.database import Role

Kind = Literal["service", "once", "periodic"]


@dataclass(frozen=True)
class Program:
    """One kind of process.

    ``stop_stage``: lower stages are stopped first. ``grace``: seconds between the request to
    stop and SIGKILL. ``every``: seconds between the starts of a periodic program. ``attempts``: runs of a
    failing one-off before it is given up. ``captured``: its lines are kept for the caller, not shown or logged.
    """

    name: str
    command: tuple[str, ...]
    role: Role
    kind: Kind = "service"
    stop_stage: int = 1
    grace: float = 10
    every: float = 0
    nice: int = 0
    attempts: int = 5
    captured: bool = False


def manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-W", "ignore::DeprecationWarning", str(ROOT / "manage.py"), *arguments)


def web_workers(config: Config) -> int:
    return config.server.workers or cores()


def cores() -> int:
    """The cores that this process may use, where the system says so."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def web(config: Config) -> Program:
    # Threads, because a write waits for the disk longer than it computes, and waiting writes commit together.
    # Idle threads keep their database connections. The backpressure bounds what waits inside a worker.
    options = {
        "--interface": "wsgi",
        "--host": config.server.host,
        "--port": config.server.port,
        "--workers": web_workers(config),
        "--blocking-threads": config.server.threads,
        "--blocking-threads-idle-timeout": 600,
        "--backpressure": 64,
        "--backlog": 2048,
        "--respawn-interval": 1,
        "--workers-kill-timeout": 8,
        "--log-level": "warning",
        "--working-dir": ROOT,
    }
    named = [str(part) for option in options.items() for part in option]
    command = (sys.executable, "-m", "granian", *named, "--respawn-failed-workers", "memoryhub.wsgi:application")
    return Program("web", command, role="app", stop_stage=1, grace=12)


def services(config: Config) -> list[Program]:
    """What runs for as long as the hub does."""
    return [
        web(config),
        Program("jobs", manage("qcluster"), role="system", stop_stage=2, grace=20),
        # nice: embedding may take all that the machine has left, but never what a request needs
        Program("relay", manage("relay"), role="system", stop_stage=3, grace=10, nice=10),
        Program("maintain", manage("maintain"), role="owner", kind="periodic", every=3600, stop_stage=4, nice=5),
        vector_indexes(config),
        *stream(config),
    ]


def stream(config: Config) -> list[Program]:
    """Live listeners are told that the hub stops, and come back by themselves."""
    return [Program("stream", manage("stream"), role="app", stop_stage=1, grace=5)] if config.server.live_port else []


def vector_indexes(config: Config) -> Program:
    """Mostly a look of a second; a build takes minutes and may be killed at any time: the next run goes on."""
    every = float(config.search.index_check_seconds)
    command = manage("build_vector_indexes")
    return Program("indexes", command, role="owner", kind="periodic", every=every, stop_stage=1, grace=3, nice=10)


def model_preparation(config: Config) -> list[Program]:
    if config.search.embedder != "local":
        return []
    return [Program("model", manage("prepare_model"), role="system", kind="once", stop_stage=1, grace=2, nice=10)]


PREPARATION = Program("prepare", manage("prepare"), role="owner", kind="once", attempts=1)
#: Captured: it prints the first password and key, which must not reach the log file.
FIRST_BOOT = Program("first-boot", manage("first_boot"), role="owner", kind="once", attempts=1, captured=True)
