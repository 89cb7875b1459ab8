"""One supervised process, with its process group, its output and its restarts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable

from memoryhub.config import ROOT
from memoryhub.runtime.output import Lines
from memoryhub.runtime.postgres import death_signal
from memoryhub.runtime.programs import Program

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
#: A process that ran this long was healthy: its next pause is short again.
STABLE_SECONDS = 60.0
READ_BYTES = 65536


class Child:
    """Starts, watches and stops one program. Times are ``time.monotonic`` seconds."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines = Lines()
        self.runs = 0
        self.failures = 0
        self.started_at = 0.0
        self.due_at: float | None = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self.exit_code: int | None = None
        #: what a captured program printed in all its runs
        self.captured: list[str] = []

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """The child leads a session of its own: the terminal's Ctrl-C reaches the supervisor alone."""
        self.process = subprocess.Popen(
            self.program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment(self.program),
            start_new_session=True,
            preexec_fn=before_exec(self.program),  # noqa: PLW1509 - the supervisor has no threads
        )
        os.set_blocking(self.output, False)
        self.lines = Lines()
        self.runs += 1
        self.started_at, self.due_at, self.exit_code = time.monotonic(), None, None

    @property
    def output(self) -> int:
        if self.process is None or self.process.stdout is None:
            raise RuntimeError(f"{self.name} is not running")
        return self.process.stdout.fileno()

    def read(self) -> list[str] | None:
        """Complete lines that have arrived, None when the pipe was closed; never waits."""
        try:
            data = os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return []
        return self.lines.feed(data) if data else None

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def bury(self) -> list[str]:
        """After the end: kills what it left in its group, plans the next run, returns its last lines."""
        if self.process is None or self.process.stdout is None:
            raise RuntimeError(f"{self.name} is not running")
        self.kill_group(signal.SIGKILL)
        lines = [*(self.read() or []), *self.lines.flush()]
        self.exit_code = self.process.wait()
        self.process.stdout.close()
        self.process = None
        self._plan()
        return lines

    def _plan(self) -> None:
        failed = self.exit_code != 0 or self.program.kind == "service"
        if time.monotonic() - self.started_at >= STABLE_SECONDS:
            self.failures = 0
        self.failures = self.failures + 1 if failed else 0
        self.due_at = self._next_start(failed)

    def _next_start(self, failed: bool) -> float | None:
        if self.program.kind == "once" and (not failed or self.runs >= self.program.attempts):
            return None
        if self.program.kind == "periodic":
            return self.started_at + self.program.every
        return time.monotonic() + min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (self.failures - 1))

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill_group(self, number: signal.Signals) -> None:
        """Signals the whole group: the process and all it started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)


def environment(program: Program) -> dict[str, str]:
    own = {"MEMORYHUB_DB_ROLE": program.role, "DJANGO_SETTINGS_MODULE": "memoryhub.settings", "PYTHONUNBUFFERED": "1"}
    # numeric libraries start a thread a core in every process otherwise
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return threads | dict(os.environ) | own


def before_exec(program: Program) -> Callable[[], None]:
    die = death_signal(signal.SIGTERM)

    def prepare() -> None:
        die()
        if program.nice:
            os.nice(program.nice)

    return prepare
