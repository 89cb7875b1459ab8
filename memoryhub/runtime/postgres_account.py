"""The operating system account that the embedded PostgreSQL runs under.

PostgreSQL refuses to run as root. Where the hub is root (usual in containers), the server
runs under an unprivileged account, and that account must be able to reach binaries and data.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ACCOUNT = "memoryhub-db"
#: Exists on every Linux; used where no account can be added (read-only /etc, no useradd).
FALLBACK_UID = 65534


@dataclass(frozen=True)
class Account:
    """Whom the server runs as; ``uid`` None means: as the caller."""

    uid: int | None
    gid: int | None

    @property
    def owner_uid(self) -> int:
        return os.geteuid() if self.uid is None else self.uid

    def process_options(self) -> dict[str, Any]:
        """Keyword arguments for subprocess that switch to this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Makes the account the owner of one file or directory."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def runs(self, command: list[str]) -> bool:
        """Whether this account can execute the command."""
        try:
            done = subprocess.run(command, capture_output=True, check=False, cwd="/", **self.process_options())
        except OSError:
            return False
        return done.returncode == 0

    def enters(self, directory: Path) -> bool:
        """Whether this account can work inside the directory."""
        return self.uid is None or self.runs(["test", "-x", str(directory)])


def choose_account(data_dir: Path) -> Account:
    """The caller itself, or for root: the owner of existing data, else an account of its own.

    An existing cluster keeps its owner, so that adding or losing the account later
    does not make the data unreadable.
    """
    if os.geteuid() != 0:
        return Account(None, None)
    if data_dir.exists() and data_dir.stat().st_uid != 0:
        return Account(data_dir.stat().st_uid, data_dir.stat().st_gid)
    entry = find_account() or add_account()
    return Account(entry.pw_uid, entry.pw_gid) if entry else Account(FALLBACK_UID, FALLBACK_UID)


def find_account() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        return None


def add_account() -> pwd.struct_passwd | None:
    useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
    if useradd is None:
        return None
    command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "--user-group", ACCOUNT]
    subprocess.run(command, capture_output=True, check=False)
    return find_account()


def open_path(target: Path, say: Callable[[str], None]) -> None:
    """Lets other accounts pass through the parents of ``target``; never lets them list or read.

    Raises OSError where a parent's mode cannot be changed.
    """
    for parent in target.resolve().parents:
        mode = stat.S_IMODE(parent.stat().st_mode)
        if not mode & stat.S_IXOTH:
            say(f"Letting the database account pass through {parent} (mode {mode:04o} becomes {mode | 0o001:04o}).")
            parent.chmod(mode | stat.S_IXOTH)


def open_tree(root: Path) -> None:
    """Makes a tree of programs and libraries readable for every account, as package managers do."""
    for path in [root, *root.rglob("*")]:
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = mode | (0o555 if path.is_dir() or mode & stat.S_IXUSR else 0o444)
        if wanted != mode:
            path.chmod(wanted)
