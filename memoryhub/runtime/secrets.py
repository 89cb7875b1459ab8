"""The secrets of one hub: made once, kept in ``<home>/secrets.json`` (mode 0600).

``MEMORYHUB_SECRET_KEY`` and ``MEMORYHUB_KEY_PEPPER`` in the environment win over the file;
set them on every host when several hosts serve one database.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memoryhub.config import Config, ConfigError

FILE_NAME = "secrets.json"
#: 256 bits each, as 43 characters.
SECRET_BYTES = 32
ENVIRONMENT = {"secret_key": "MEMORYHUB_SECRET_KEY", "key_pepper": "MEMORYHUB_KEY_PEPPER"}


@dataclass(frozen=True)
class Secrets:
    """``secret_key`` is Django's, ``key_pepper`` keys the hashes of API keys, ``audit_salt`` the audit's digests."""

    secret_key: str = field(repr=False)
    key_pepper: str = field(repr=False)
    audit_salt: str = field(repr=False)


def load_secrets(config: Config) -> Secrets:
    """The hub's secrets; missing ones are made and kept. Raises ConfigError if the home cannot be used."""
    values = stored_values(config.server.home, ["secret_key", "key_pepper", "audit_salt"])
    values |= {name: os.environ[variable] for name, variable in ENVIRONMENT.items() if os.environ.get(variable)}
    return Secrets(**values)


def stored_secret(home: Path, name: str) -> str:
    """One further secret under its name, made at the first call."""
    return stored_values(home, [name])[name]


def stored_values(home: Path, names: list[str]) -> dict[str, str]:
    try:
        values = read_values(home / FILE_NAME)
        if not all(name in values for name in names):
            values = add_missing(home, names)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"The secrets in {home / FILE_NAME} cannot be read or written: {error}. "
            "Check the owner and mode of the folder, or set MEMORYHUB_HOME to another one."
        ) from error
    return {name: values[name] for name in names}


def read_values(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")
    return values


def add_missing(home: Path, names: list[str]) -> dict[str, str]:
    make_home(home)
    with only_writer(home):
        # read again: another process may have been first
        values = {name: secrets.token_urlsafe(SECRET_BYTES) for name in names} | read_values(home / FILE_NAME)
        write_private(home / FILE_NAME, json.dumps(values, indent=2) + "\n")
    return values


def make_home(home: Path) -> None:
    """The hub's folder, private to its account. Under root the database's own account may pass through."""
    if not home.exists():
        home.mkdir(parents=True)
        home.chmod(0o711 if os.geteuid() == 0 else 0o700)


@contextmanager
def only_writer(home: Path) -> Iterator[None]:
    with (home / ".secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def write_private(path: Path, text: str) -> None:
    """Replaces the file as a whole: a reader sees the old text or the new, and only the owner can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
