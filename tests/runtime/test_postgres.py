"""The embedded server: start, stop, adopt, recover."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from memoryhub.runtime.database import APP_ROLE, OWNER_ROLE, SYSTEM_ROLE, ensure_database
from memoryhub.runtime.postgres import EmbeddedPostgres, PostgresError, is_server_of, processes_in
from tests.waiting import until


@pytest.fixture(scope="module")
def cluster(module_folder: Path) -> Path:
    return module_folder / "data"


@pytest.fixture
def server(cluster: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(cluster, fast=True, say=lambda line: None)
    server.start()
    yield server
    server.stop("immediate")


def value(server: EmbeddedPostgres, query: str) -> object:
    with psycopg.connect(server.superuser_url()) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row
        return row[0]


def kill(server: EmbeddedPostgres) -> None:
    pid = server.pid()
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_server_of(pid, server.data_dir))


def test_a_started_server_answers_on_its_socket_only(server):
    assert str(value(server, "SHOW server_version")).startswith("18")
    assert value(server, "SHOW listen_addresses") == ""
    assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700


def test_own_settings_in_custom_conf_win(server):
    server.stop()
    (server.data_dir / "custom.conf").write_text("work_mem = '7MB'\n")
    os.chown(server.data_dir / "custom.conf", server.data_dir.stat().st_uid, -1)
    server.start()
    assert value(server, "SHOW work_mem") == "7MB"


def test_stop_ends_every_process(server):
    server.stop()
    assert server.pid() is None
    assert not list(processes_in(server.data_dir))
    server.stop()


def test_a_running_server_is_adopted(server):
    other = EmbeddedPostgres(server.data_dir, fast=True, say=lambda line: None)
    other.start()
    assert other.pid() == server.pid()
    other.stop()
    assert server.pid() is None


def test_what_was_committed_survives_kill_9(server):
    server.stop()
    server.fast = False  # without durability a commit may be lost with its server
    server.start()
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    kill(server)
    server.start()
    assert value(server, "SELECT count(*) FROM kept") == 1000


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(server):
    kill(server)
    until(lambda: not list(processes_in(server.data_dir)))
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        lines = (server.data_dir / "postmaster.pid").read_text().splitlines()
        (server.data_dir / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert server.pid() is None
        server.start()
        assert value(server, "SELECT 1") == 1
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_ends_while_starting_is_reported_with_its_last_words(server):
    server.stop()
    (server.data_dir / "custom.conf").write_text("no_such_setting = 1\n")
    os.chown(server.data_dir / "custom.conf", server.data_dir.stat().st_uid, -1)
    try:
        with pytest.raises(PostgresError, match="no_such_setting"):
            server.start()
    finally:
        (server.data_dir / "custom.conf").unlink()


def test_the_server_ends_with_the_process_that_started_it(cluster):
    script = (
        "import os, signal, pathlib, sys; from memoryhub.runtime.postgres import EmbeddedPostgres;"
        "EmbeddedPostgres(pathlib.Path(sys.argv[1]), fast=True).start(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(cluster)], check=False, capture_output=True)
    until(lambda: not list(processes_in(cluster)))


def test_a_long_path_gets_a_short_private_socket_directory(tmp_path):
    server = EmbeddedPostgres(tmp_path / ("long" * 25) / "data")
    assert len(str(server.socket_dir)) < 90
    assert server.socket_dir != server.data_dir
    assert "data" not in str(server.socket_dir)


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("dear")
    with pytest.raises(PostgresError, match="holds files but no database"):
        EmbeddedPostgres(tmp_path / "data", say=lambda line: None).start()


def test_another_major_version_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("15\n")
    with pytest.raises(PostgresError, match="made by PostgreSQL 15"):
        EmbeddedPostgres(tmp_path / "data", say=lambda line: None).start()


def test_database_and_roles_are_made_once_and_see_no_more_than_they_should(server):
    urls = ensure_database(server.superuser_url())
    assert ensure_database(server.superuser_url()) == urls
    powers = "rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole"
    query = f"SELECT rolname, {powers} FROM pg_roles WHERE rolname LIKE 'memoryhub%'"
    with psycopg.connect(urls.app) as connection:
        assert dict(connection.execute(query.encode()).fetchall()) == {
            OWNER_ROLE: False,
            APP_ROLE: False,
            SYSTEM_ROLE: False,
        }
        assert connection.execute("SELECT extname FROM pg_extension WHERE extname = 'vector'").fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (n int)")


def test_the_account_of_the_server_is_not_root(server):
    pid = server.pid()
    assert pid
    assert psutil.Process(pid).uids().effective != 0
