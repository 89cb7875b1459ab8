"""What is checked before anything starts, each failure being one line with what to do."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import psutil

from memoryhub.config import Config
from memoryhub.runtime.secrets import make_home

NEEDED_BYTES = 500 * 1024 * 1024
#: The warden of a killed supervisor keeps the lock while it ends what was left.
WARDEN_SECONDS = 30.0


class StartError(Exception):
    """The hub cannot start; the message says why and what to do."""


def prepare_home(home: Path) -> None:
    """Makes the hub's folder and checks that it can be used. Raises StartError."""
    try:
        make_home(home)
        for name in ("run", "logs", "static"):
            (home / name).mkdir(mode=0o700, exist_ok=True)
        probe = home / "run" / ".probe"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"{home} cannot be used: {error.strerror or error}. "
            "Fix its owner and mode, or set MEMORYHUB_HOME to another folder."
        ) from error
    free = shutil.disk_usage(home).free
    if free < NEEDED_BYTES:
        raise StartError(
            f"{home} has {free // 1024**2} MiB of free disk space; the hub needs {NEEDED_BYTES // 1024**2} MiB "
            "to start. Free some, or set MEMORYHUB_HOME to a folder on another disk."
        )


def lock_home(home: Path, say: Callable[[str], None]) -> TextIO:
    """Holds the home until the returned file is closed by this process and its warden. Raises StartError."""
    file = (home / "run" / "hub.lock").open("a+", encoding="utf-8")
    deadline = time.monotonic() + WARDEN_SECONDS
    told = False
    while not try_lock(file):
        holder = holder_of(file)
        if time.monotonic() > deadline or (holder and psutil.pid_exists(holder)):
            raise StartError(
                f"MemoryHub already runs on {home} (process {holder or 'unknown'}). "
                "Stop it first, or choose another folder with MEMORYHUB_HOME (and another PORT)."
            )
        if not told:
            told = True
            say("The previous run was killed; waiting until its processes have ended.")
        time.sleep(0.1)
    write_holder(file)
    return file


def try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder_of(file: TextIO) -> int | None:
    file.seek(0)
    text = file.read().strip()
    return int(text) if text.isdigit() else None


def write_holder(file: TextIO) -> None:
    file.seek(0)
    file.truncate()
    file.write(f"{os.getpid()}\n")
    file.flush()


def check_port(config: Config) -> None:
    """Raises StartError when the web server could not bind."""
    host, port = config.server.host, config.server.port
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except PermissionError as error:
            raise StartError(
                f"Port {port} needs more rights than this account has. Choose one above 1023: PORT=8000 make run"
            ) from error
        except OSError as error:
            raise StartError(
                f"Port {port} on {host} cannot be used ({error.strerror}){user_of(port)}. "
                f"Stop that program, or choose another port: PORT={other_port(port)} make run"
            ) from error


def user_of(port: int) -> str:
    """Names the program that listens on the port, where we may see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                return f": process {connection.pid} ({psutil.Process(connection.pid).name()}) listens there"
    except psutil.Error:
        return ""
    return ""


def other_port(port: int) -> int:
    return port + 1 if port < 65535 else 8000
