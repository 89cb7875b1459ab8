"""Backup and restore: one pg_dump archive, restored in one transaction or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from memoryhub.config import Config
from memoryhub.runtime.boot import lock_home, prepare_home
from memoryhub.runtime.database import database_urls, embedded_server, ensure_database, with_parts
from memoryhub.runtime.postgres import VERSION, program

#: Made by every migrate for the role names of this hub, so not taken from the archive.
REMADE_POLICY = "system_all"
#: What shows that a hub is in use.
OCCUPIED = "memory_tenants"
COPY_BYTES = 1024 * 1024

# Everything of this hub is the owner's, so this empties it and nothing else.
CLEAR = b"SET client_min_messages = warning;\nDROP OWNED BY CURRENT_USER CASCADE;\nRESET client_min_messages;\n"
# Seconds since 2025 rather than +1: two restores of the same archive are different histories, and
# a replica that has seen the one must not take the other for it.
RAISE_EPOCH = b"""
UPDATE public.memory_hub_epoch SET
  epoch = greatest(epoch + 1, extract(epoch FROM clock_timestamp() - timestamptz '2025-01-01 00:00Z')::integer),
  changed_at = clock_timestamp();
"""
# Numbers of the other server's transactions, which are over; this server may be far behind them. A backup may be older
# than the table.
FORGET_TRANSACTIONS = b"""
DO $$ BEGIN
  IF EXISTS (SELECT FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name = 'memory_regrants' AND column_name = 'starts_after') THEN
    UPDATE public.memory_regrants SET starts_after = 0
    WHERE status IN ('waiting', 'running') AND starts_after IS NOT NULL;
  END IF;
END $$;
"""
#: pg_restore writes it for servers that do not know it yet.
UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"


class ArchiveError(Exception):
    """A backup or restore failed; the message says why, and nothing was changed."""


@contextmanager
def database_at_hand(config: Config, *, alone: bool) -> Iterator[str]:
    """The owner's URL of a database that runs, started for the duration where the hub does not run.

    ``alone``: the hub must not run. Raises StartError when it does, ConfigError, PostgresError.
    """
    urls = database_urls(config)
    if config.database.url is not None:
        yield urls.owner
        return
    server = embedded_server(config)
    if server.pid() is not None and not alone:
        yield urls.owner
        return
    home = Path(config.server.home)
    prepare_home(home)
    with lock_home(home, server.say):
        server.start()
        try:
            yield ensure_database(server.superuser_url()).owner
        finally:
            server.stop()


def dump(url: str, target: Path) -> int:
    """Writes the archive (compressed, mode 0600) and returns its size in bytes. The hub may go on working."""
    draft = target.with_name(f".{target.name}.partial")
    command = [client("pg_dump", url), "--format=custom", "--no-comments", "--file", str(draft), dbname(url)]
    try:
        draft.touch(mode=0o600)
        run(command, url)
        draft.replace(target)
    except OSError as error:
        raise ArchiveError(
            f"{target} cannot be written: {error.strerror or error}. Name a file in a folder you own."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def restore(url: str, source: Path) -> None:
    """Replaces everything in the database by the archive, in one transaction, and raises the epoch.

    Grants are not restored: a migrate afterwards gives this hub's roles their rights.
    """
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "contents"
        chosen.write_text(contents(url, source))
        reader = [client("pg_restore", url), "--no-owner", "--no-privileges", "--file", "-", "--use-list", str(chosen)]
        writer = [client("psql", url), "--no-psqlrc", "--quiet", "--single-transaction", "-v", "ON_ERROR_STOP=1"]
        stream([*reader, str(source)], [*writer, "--file", "-", dbname(url)], url)


def contents(url: str, source: Path) -> str:
    """The archive's table of contents without what every migrate makes anew."""
    if not source.exists():
        raise ArchiveError(f"{source} does not exist. Name a file that 'manage.py backup' has written.")
    lines = run([client("pg_restore", url), "--list", str(source)], url).splitlines()
    return "\n".join(line for line in lines if f" {REMADE_POLICY} " not in line) + "\n"


def stream(reader: list[str], writer: list[str], url: str) -> None:
    """Clears the database, feeds it what the reader writes, raises the epoch; psql commits all of it or nothing."""
    with tempfile.TemporaryFile() as words:
        source = subprocess.Popen(reader, stdout=subprocess.PIPE, stderr=words, env=environment(url))
        target = subprocess.Popen(
            writer, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, env=environment(url)
        )
        assert source.stdout
        assert target.stdin
        try:
            feed(source.stdout, target.stdin, old=server_version(url) < 17)
            if source.wait():
                # psql commits at the end of its input: an archive that broke off must not come so far
                target.kill()
            target.stdin.write(RAISE_EPOCH + FORGET_TRANSACTIONS)
            target.stdin.close()
        except BrokenPipeError:
            source.kill()
        if target.wait() or source.wait():
            words.seek(0)
            raise ArchiveError(
                f"The archive could not be restored, nothing was changed: {last_line(words.read().decode())}"
            )


def feed(source: IO[bytes], target: IO[bytes], *, old: bool) -> None:
    target.write(CLEAR)
    first = source.read(COPY_BYTES)
    target.write(first.replace(UNKNOWN_BEFORE_17, b"", 1) if old else first)
    shutil.copyfileobj(source, target, COPY_BYTES)


def is_occupied(url: str) -> bool:
    """Whether the database holds a hub in use: restoring would replace it."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass(%s)", [f"public.{OCCUPIED}"]).fetchone() == (None,):
            return False
        query = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier("public", OCCUPIED))
        return connection.execute(query).fetchone() is not None


def served_by(url: str) -> str:
    """What hub processes are connected, such as ``memoryhub-app, memoryhub-system``; empty when none is."""
    query = (
        "SELECT string_agg(DISTINCT application_name, ', ') FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'memoryhub-%' AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    return str(row[0]) if row and row[0] else ""


def client(name: str, url: str) -> str:
    """The bundled program, or for a newer server the one on the PATH. Raises ArchiveError if that is older."""
    needed = server_version(url)
    if needed <= VERSION:
        return program(name)
    found = shutil.which(name)
    if found is None or major_of(found) < needed:
        raise ArchiveError(
            f"The server is PostgreSQL {needed}: install its {name} (package postgresql-client-{needed})."
        )
    return found


def major_of(path: str) -> int:
    output = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\) (\d+)", output)
    return int(match[1]) if match else 0


def server_version(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version // 10000


def dbname(url: str) -> str:
    # the password goes through the environment: arguments are visible to everybody
    return f"--dbname={with_parts(url, password=None)}"


def environment(url: str) -> dict[str, str]:
    password = conninfo_to_dict(url).get("password")
    return {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}


def run(command: list[str], url: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment(url))
    if done.returncode:
        raise ArchiveError(f"{Path(command[0]).name} failed: {last_line(done.stderr)}")
    return done.stdout


def last_line(text: str) -> str:
    """The line of a program's output that says what went wrong."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return next((line for line in lines if "ERROR" in line or "error:" in line), lines[-1] if lines else "no message")
