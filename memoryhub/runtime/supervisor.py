"""Runs the hub: database, web, jobs, relay and upkeep, in order up and in order down.

One loop without threads: it reads what the processes print, starts again what ended, and
reacts to signals. The first SIGINT, SIGTERM or SIGHUP stops everything in order; the second hurries.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TextIO

from memoryhub.config import Config
from memoryhub.runtime.child import Child
from memoryhub.runtime.database import database_urls
from memoryhub.runtime.output import Output
from memoryhub.runtime.postgres import EmbeddedPostgres, PostgresError
from memoryhub.runtime.programs import Program
from memoryhub.runtime.secrets import write_private
from memoryhub.runtime.watchdog import heartbeat_age, is_stale

TICK_SECONDS = 0.5
WATCHDOG_SECONDS = 15.0
DATABASE_PAUSE_SECONDS = 5.0


class StopRequested(Exception):
    """Somebody asked the hub to stop while it was starting."""


class Supervisor:
    """Owns every process of one hub on this machine."""

    #: Seconds that the processes of a killed supervisor get to stop by themselves.
    warden_grace = 8.0

    def __init__(self, config: Config, output: Output, lock: TextIO) -> None:
        self.config = config
        self.output = output
        self.children: dict[str, Child] = {}
        self.database: EmbeddedPostgres | None = None
        self.database_restarts = 0
        self.stop_requests = 0
        self.stopping = False
        self._state_file = Path(config.server.home) / "run" / "supervisor.json"
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._wakeup_write = socket.socketpair()
        self._warden = self._start_warden(lock)
        self._next_watch = 0.0

    # -- signals ------------------------------------------------------------------------------

    def listen(self) -> None:
        for end in (self._wakeup, self._wakeup_write):
            end.setblocking(False)
        self._selector.register(self._wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._wakeup_write.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_stop)
        # under nohup the closing terminal must not stop the hub
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self._on_stop)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    # -- the loop -----------------------------------------------------------------------------

    def pump(self, seconds: float = TICK_SECONDS) -> None:
        """Waits for output or a signal, at most so long. Raises StopRequested unless already stopping."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._wakeup.recv(4096)
            else:
                self._relay_output(key.data)
        if self.stop_requests and not self.stopping:
            raise StopRequested

    def _relay_output(self, child: Child) -> None:
        lines = child.read()
        if lines is None:
            self._selector.unregister(child.output)
        else:
            self._hear(child, lines)

    def run(self) -> None:
        """Supervises until somebody asks to stop."""
        with contextlib.suppress(StopRequested):
            while True:
                self.tend()
                self.pump()

    def tend(self) -> None:
        """One round: the database, ended processes, due processes, the watchdog."""
        self._tend_database()
        for child in list(self.children.values()):
            if child.ended():
                self._bury(child)
            if child.process is None and child.due_at is not None and child.due_at <= time.monotonic():
                self.start_child(child)
        self._watch_jobs()

    # -- processes ----------------------------------------------------------------------------

    def add(self, program: Program) -> Child:
        """Takes a program into care and starts it; a periodic one after its first pause."""
        child = self.children[program.name] = Child(program)
        if program.kind == "periodic":
            child.due_at = time.monotonic() + program.every
        else:
            self.start_child(child)
        return child

    def start_child(self, child: Child) -> None:
        child.start()
        self._selector.register(child.output, selectors.EVENT_READ, child)
        self._tell_warden(f"+{child.pid}")
        self.write_state()

    def _bury(self, child: Child) -> None:
        pid = child.pid
        # it may have closed its output before
        with contextlib.suppress(KeyError):
            self._selector.unregister(child.output)
        self._hear(child, child.bury())
        self._tell_warden(f"-{pid}")
        self._explain_end(child)
        self.write_state()

    def _explain_end(self, child: Child) -> None:
        if self.stopping or (child.exit_code == 0 and child.program.kind != "service"):
            return
        what = f"{child.name} (process ended with {describe_exit(child.exit_code)})"
        if child.due_at is not None:
            self.output.say(f"{what}: starting it again in {max(0.0, child.due_at - time.monotonic()):.1f} s.")
        elif child.program.attempts > 1:
            self.output.say(f"{what}: given up after {child.runs} runs; the next start of the hub tries again.")

    def finish(self, program: Program) -> Child:
        """Runs a one-off to its end."""
        child = self.add(program)
        while child.process is not None:
            self.pump(0.05)
            if child.ended():
                self._bury(child)
        return child

    def _hear(self, child: Child, lines: list[str]) -> None:
        if child.program.captured:
            child.captured += lines
            return
        for line in lines:
            self.output.say(line, child.name)

    # -- the database ---------------------------------------------------------------------------

    def start_database(self, server: EmbeddedPostgres) -> None:
        """Starts the embedded server; while it recovers, output and signals are still served."""
        self.database = server
        server.start()
        self.write_state()

    def _tend_database(self) -> None:
        if self.database is None or self.database.pid() is not None:
            return
        self.database_restarts += 1
        self.output.say("The database server has ended: starting it again.")
        try:
            self.database.start()
        except (PostgresError, OSError) as error:
            self.output.say(f"{error}\nTrying again in {DATABASE_PAUSE_SECONDS:.0f} s.", "database")
            self.pump(DATABASE_PAUSE_SECONDS)
        self.write_state()

    # -- the watchdog -----------------------------------------------------------------------------

    def _watch_jobs(self) -> None:
        jobs = self.children.get("jobs")
        if jobs is None or jobs.process is None or time.monotonic() < self._next_watch:
            return
        self._next_watch = time.monotonic() + WATCHDOG_SECONDS
        age, running = heartbeat_age(database_urls(self.config).system), time.monotonic() - jobs.started_at
        if is_stale(age, running, self.config.jobs.heartbeat_stale_seconds):
            silence = "ever" if age is None else f"{age:.0f} s"
            self.output.say(f"No heartbeat from the jobs for {silence}: ending them to start again.")
            jobs.kill_group(signal.SIGKILL)

    # -- stopping ---------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Stops everything in order: web, jobs, relay, upkeep, and the database last."""
        self.stopping = True
        self.stop_requests = min(self.stop_requests, 1)
        if self.children or self.database:
            self.output.say("Stopping. Once more Ctrl-C to hurry.")
        for stage in sorted({child.program.stop_stage for child in self.children.values()}):
            self._stop_stage(
                [c for c in self.children.values() if c.program.stop_stage == stage and c.process is not None]
            )
        if self.database is not None:
            self.database.stop("fast", hurry=lambda: self.hurried)
        self._end_warden()
        self._state_file.unlink(missing_ok=True)
        if self.children or self.database:
            self.output.say("Stopped.")

    @property
    def hurried(self) -> bool:
        return self.stop_requests > 1

    def _stop_stage(self, children: list[Child]) -> None:
        for child in children:
            child.ask_to_stop()
        started = time.monotonic()
        while living := [child for child in children if child.process is not None]:
            self.pump(0.1)
            for child in living:
                self._stop_step(child, time.monotonic() - started)

    def _stop_step(self, child: Child, waited: float) -> None:
        if child.ended():
            self._bury(child)
        elif self.hurried or waited > child.program.grace:
            self.output.say(f"{child.name} did not stop in {waited:.0f} s: killing it.")
            child.kill_group(signal.SIGKILL)

    # -- what outlives us ---------------------------------------------------------------------------

    def _start_warden(self, lock: TextIO) -> subprocess.Popen[bytes]:
        # it holds the lock too: nobody starts on this home before it has cleared up after a killed supervisor
        script = Path(__file__).with_name("warden.py")
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(script), str(self.warden_grace)],
            stdin=subprocess.PIPE,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            cwd="/",
        )

    def _tell_warden(self, line: str) -> None:
        if self._warden.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._warden.stdin.write(f"{line}\n".encode())
                self._warden.stdin.flush()

    def _end_warden(self) -> None:
        if self._warden.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._warden.stdin.close()
        self._warden.wait()

    def write_state(self) -> None:
        """``run/supervisor.json``: who runs, for health and drills."""
        if not self.stopping:
            write_private(self._state_file, json.dumps(self.state(), indent=2) + "\n")

    def state(self) -> dict[str, object]:
        processes = {
            child.name: {"pid": child.pid, "runs": child.runs, "exit_code": child.exit_code}
            for child in self.children.values()
        }
        database = {"pid": self.database.pid(), "runs": self.database_restarts + 1} if self.database else None
        return {"pid": os.getpid(), "port": self.config.server.port, "database": database, "processes": processes}


def describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
