"""The supervisor as a process: what it restarts, how it stops, what it leaves behind (nothing)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.waiting import until


@contextmanager
def hang_up_ends() -> Iterator[None]:
    """A process started inside takes SIGHUP, also where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


class Hub:
    """A running small hub."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.home = home
        self.log = home / "terminal.log"
        with self.log.open("wb") as terminal, hang_up_ends():
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.runtime.small_hub", *flags],
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                env={**os.environ, "MEMORYHUB_HOME": str(home)},
            )
        until(lambda: "| ready" in self.log.read_text(), what="the hub")

    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.home / "run" / "supervisor.json").read_text())
        return state

    def pid(self, name: str) -> int:
        return int(self.state()["processes"][name]["pid"] or 0)

    def tree(self) -> list[psutil.Process]:
        """Everything the supervisor has started, and what those have started."""
        return list(psutil.Process(self.process.pid).children(recursive=True))


@pytest.fixture
def start_hub(tmp_path: Path) -> Iterator[Callable[..., Hub]]:
    started: list[Hub] = []

    def start(*flags: str) -> Hub:
        hub = Hub(tmp_path, *flags)
        started.append(hub)
        return hub

    yield start
    for hub in started:
        tree = hub.tree() if hub.process.poll() is None else []
        for process in tree:
            process.kill()
        hub.process.kill()
        hub.process.wait()


def all_gone(processes: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_killed_process_is_started_again(start_hub):
    hub = start_hub()
    first = hub.pid("calm")
    os.kill(first, signal.SIGKILL)
    until(lambda: hub.pid("calm") not in (first, 0), what="the new process")
    assert hub.state()["processes"]["calm"]["runs"] == 2
    assert "calm (process ended with signal SIGKILL): starting it again" in hub.log.read_text()


def test_a_one_off_runs_once_and_its_lines_are_shown(start_hub):
    hub = start_hub()
    assert hub.state()["processes"]["brief"] == {"pid": None, "runs": 1, "exit_code": 0}
    assert "brief      | brief has run" in hub.log.read_text()
    assert "brief has run" in (hub.home / "logs" / "hub.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_in_order_and_leaves_no_process(start_hub, number):
    hub = start_hub("--database")
    tree = hub.tree()
    assert len(tree) > 5
    hub.process.send_signal(number)
    assert hub.process.wait(60) == 0
    assert all_gone(tree)
    assert not (hub.home / "run" / "supervisor.json").exists()
    assert not (hub.home / "postgres" / "postmaster.pid").exists()


def test_a_killed_supervisor_leaves_no_process(start_hub):
    hub = start_hub("--database")
    tree = hub.tree()
    hub.process.kill()
    hub.process.wait()
    until(lambda: all_gone(tree), what="the end of all processes")


def test_a_new_start_waits_for_the_remains_of_a_killed_one(start_hub):
    first = start_hub("--database")
    tree = first.tree()
    first.process.kill()
    first.process.wait()
    second = start_hub("--database")
    assert all_gone(tree)
    assert second.process.poll() is None


def test_a_second_hub_on_the_same_home_is_refused_by_name(start_hub):
    hub = start_hub()
    done = subprocess.run(
        [sys.executable, "-m", "tests.runtime.small_hub"],
        env={**os.environ, "MEMORYHUB_HOME": str(hub.home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert f"MemoryHub already runs on {hub.home} (process {hub.process.pid})" in done.stderr


def test_the_killed_database_is_started_again(start_hub):
    hub = start_hub("--database")
    first = hub.state()["database"]["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: hub.state()["database"] not in (None, {"pid": first, "runs": 1}), what="the database")
    until(lambda: hub.state()["database"]["pid"] not in (first, None), what="the new database")
    assert "The database server has ended: starting it again." in hub.log.read_text()


def test_a_closed_terminal_is_no_error(tmp_path):
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runtime.small_hub"],
        stdout=write,
        stderr=write,
        env={**os.environ, "MEMORYHUB_HOME": str(tmp_path)},
    )
    os.close(write)
    os.close(read)
    log = tmp_path / "logs" / "hub.log"
    until(lambda: log.exists() and "ready" in log.read_text(), what="the hub")
    process.terminate()
    assert process.wait(60) == 0
