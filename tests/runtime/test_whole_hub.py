"""The whole hub, from an empty folder to a restored backup. Minutes, so run by ``make test-long``."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from memoryhub.config import Config
from memoryhub.runtime.archive import database_at_hand
from memoryhub.runtime.postgres import EmbeddedPostgres
from tests.agents_app.stream.listening import Listener
from tests.runtime.live_hub import LiveHub, manage
from tests.runtime.test_supervisor import all_gone
from tests.waiting import until

pytestmark = pytest.mark.long

ENTRY = {"key": "plan", "scope": "tenant", "layer": "long_term", "value": {"text": "gold"}}
MESSAGES = {"session_id": "s1", "messages": [{"role": "user", "content": f"message {n}"} for n in range(20)]}

TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
#: Everything but the rows: columns, constraints, indexes, triggers, policies, functions, owners and rights.
SHAPE = """
    SELECT 'table', c.relname, c.relkind::text, c.relpersistence::text, c.relrowsecurity::text,
           c.relowner::regrole::text, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) a)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'column', table_name, column_name, data_type, is_nullable, column_default, is_generated
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), null, null, null
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef, null, null, null FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid), null, null, null
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL
    SELECT 'policy', tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text, md5(p.prosrc), p.prosecdef::text, p.proowner::regrole::text,
           p.proconfig::text, (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) a)
    FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Callable[..., LiveHub]]:
    hubs: list[LiveHub] = []

    def start(name: str = "home", **variables: str) -> LiveHub:
        hubs.append(LiveHub(tmp_path / name, **variables))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.end()


def rows_of(home: Path) -> dict[str, tuple[int, str]]:
    """Number and digest of the rows of every table of a stopped hub."""
    config = Config.model_validate({"server": {"home": str(home)}})
    with database_at_hand(config, alone=True) as url, psycopg.connect(url) as connection:
        names = [str(row[0]) for row in connection.execute(TABLES).fetchall()]
        return {name: digest(connection, name) for name in names}


def digest(connection: psycopg.Connection, table: str) -> tuple[int, str]:
    query = f"SELECT count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t"
    row = connection.execute(query.encode()).fetchone()
    assert row
    return int(row[0]), str(row[1])


def shape_of(home: Path) -> set[tuple[object, ...]]:
    config = Config.model_validate({"server": {"home": str(home)}})
    with database_at_hand(config, alone=True) as url, psycopg.connect(url) as connection:
        return set(connection.execute(SHAPE).fetchall())


def fill(hub: LiveHub) -> None:
    assert hub.call("POST", "/memory/context/store", ENTRY)[0] < 300
    brief = {"key": "mood", "scope": "tenant", "layer": "ephemeral", "value": "calm"}
    assert hub.call("POST", "/memory/context/store", brief)[0] < 300
    assert hub.call("POST", "/memory/session/start", {"session_id": "s1"})[0] < 300
    assert hub.call("POST", "/memory/session/messages", MESSAGES)[0] < 300


def test_the_first_boot_prints_a_curl_line_that_stores_a_memory(boot):
    hub = boot()
    line = re.findall(r"^ +(curl .*)$", hub.output(), re.MULTILINE)[0]
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
    assert '"success":true' in done.stdout.replace(" ", "")
    assert hub.key not in (hub.home / "logs" / "hub.log").read_text()
    assert manage(hub.home, "create_api_key", "--tenant", "default", "--quiet").stdout.startswith("mh_")


def test_a_second_start_keeps_everything_and_shows_no_secret(boot):
    first = boot()
    key = first.key
    fill(first)
    assert first.stop() == 0
    second = boot()
    assert "Password" not in second.output()
    status, answer = second.call("POST", "/memory/context/retrieve", {"key": "plan"}, key)
    assert (status, answer["value"]) == (200, ENTRY["value"])


@pytest.mark.parametrize("name", ["web", "relay", "jobs", "stream", "database"])
def test_what_is_killed_comes_back_and_nothing_acknowledged_is_lost(boot, name):
    hub = boot()
    fill(hub)
    before = hub.pid(name)
    os.kill(before, signal.SIGKILL)
    until(lambda: hub.pid(name) not in (0, before), 30, name)
    until(lambda: works(hub), 30, "the hub")
    assert hub.stop() == 0


def test_live_changes_reach_a_listener_and_stopping_ends_its_stream(boot):
    hub = boot()
    until(lambda: listens(hub.stream_port), 30, "the stream")
    headers = {"Authorization": f"Bearer {hub.key}"}
    # the agent is made by its first write
    memory = {"key": "live", "scope": "agent", "value": 1}
    assert hub.call("POST", "/memory/context/store", memory, agent="alden")[0] == 200
    with Listener(hub.stream_port, "/memory/agents/alden/stream?after=0", headers) as one:
        assert one.status == 200
        assert [event.number for event in one.events(1)] == [1]
        assert hub.call("POST", "/memory/context/store", memory | {"value": 2}, agent="alden")[0] == 200
        assert [event.number for event in one.events(1)] == [2]
        assert hub.stop() == 0
        assert one.event() is None


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def works(hub: LiveHub) -> bool:
    try:
        status, answer = hub.call("POST", "/memory/context/retrieve", {"key": "plan"})
    except OSError:
        return False
    return status == 200 and bool(answer["value"] == ENTRY["value"])


def test_jobs_that_hang_are_ended_and_started_again(boot):
    hub = boot(MEMORYHUB_JOBS__HEARTBEAT_STALE_SECONDS="90")
    hanging = [psutil.Process(hub.pid("jobs")), *psutil.Process(hub.pid("jobs")).children(recursive=True)]
    for process in hanging:
        process.suspend()
    until(lambda: all_gone(hanging), 150, "the watchdog")
    until(lambda: hub.call("GET", "/memory/health")[1]["parts"]["jobs"]["ok"], 90, "a heartbeat")
    assert "No heartbeat from the jobs" in hub.output()


def test_sigterm_leaves_no_process(boot):
    hub = boot()
    tree = hub.tree()
    assert len(tree) > 8
    kept_open = [kept_connection(hub.port) for _ in range(8)]
    assert hub.stop() == 0
    assert all_gone(tree)
    assert "refused to gracefully stop" not in hub.output()
    for connection in kept_open:
        connection.close()


def kept_connection(port: int) -> http.client.HTTPConnection:
    """A connection that has had an answer and stays open, as clients keep it for their next request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/memory/health")
    connection.getresponse().read()
    return connection


def test_a_backup_restores_into_an_empty_hub_as_it_was(boot, tmp_path):
    hub = boot("first")
    key = hub.key
    fill(hub)
    # while it runs
    assert manage(hub.home, "backup", str(tmp_path / "running.dump")).returncode == 0
    hub.stop()
    assert manage(hub.home, "backup", str(tmp_path / "hub.dump")).returncode == 0
    (tmp_path / "second").mkdir()
    shutil.copy(hub.home / "secrets.json", tmp_path / "second")
    done = manage(tmp_path / "second", "restore", str(tmp_path / "hub.dump"))
    assert done.returncode == 0, done.stderr

    before, after = rows_of(hub.home), rows_of(tmp_path / "second")
    assert before.pop("memory_hub_epoch") != after.pop("memory_hub_epoch")
    assert after == before
    assert before["memory_context_registry"][0] > 0
    assert before["memory_session_messages"][0] == 20
    assert shape_of(tmp_path / "second") == shape_of(hub.home)

    again = boot("second")
    assert again.call("POST", "/memory/context/retrieve", {"key": "plan"}, key)[1]["value"] == ENTRY["value"]
    running = manage(again.home, "restore", str(tmp_path / "hub.dump"))
    assert running.returncode == 1
    assert "already runs" in running.stderr
    again.stop()
    occupied = manage(again.home, "restore", str(tmp_path / "hub.dump"))
    assert occupied.returncode == 1
    assert "--force" in occupied.stderr
    assert manage(again.home, "restore", str(tmp_path / "hub.dump"), "--force").returncode == 0


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that name a database of somebody else, with roles of other names."""
    server = EmbeddedPostgres(tmp_path / "elsewhere", fast=True, say=lambda line: None)
    server.start()
    with psycopg.connect(server.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE hub_owner LOGIN CREATEROLE; CREATE ROLE hub_app LOGIN")
        connection.execute("CREATE DATABASE hub OWNER hub_owner")
    with psycopg.connect(server.url("postgres", "hub"), autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
    yield {"DATABASE_URL": server.url("hub_app", "hub"), "MIGRATION_DATABASE_URL": server.url("hub_owner", "hub")}
    server.stop("immediate")


def test_a_hub_on_another_database_can_move_into_its_own(boot, elsewhere, tmp_path):
    hub = boot("first", **elsewhere)
    key = hub.key
    fill(hub)
    assert not (hub.home / "postgres").exists()
    refused = manage(hub.home, "restore", "any.dump", **elsewhere)
    assert "Stop the hub on every host first" in refused.stderr
    assert hub.stop() == 0
    assert manage(hub.home, "backup", str(tmp_path / "hub.dump"), **elsewhere).returncode == 0
    (tmp_path / "second").mkdir()
    shutil.copy(hub.home / "secrets.json", tmp_path / "second")
    done = manage(tmp_path / "second", "restore", str(tmp_path / "hub.dump"))
    assert done.returncode == 0, done.stderr
    again = boot("second")
    assert again.call("POST", "/memory/context/retrieve", {"key": "plan"}, key)[1]["value"] == ENTRY["value"]
    again.stop()
    back = manage(hub.home, "restore", str(tmp_path / "hub.dump"), "--force", **elsewhere)
    assert back.returncode == 0, back.stderr


def test_a_broken_archive_changes_nothing(boot, tmp_path):
    hub = boot()
    fill(hub)
    hub.stop()
    assert manage(hub.home, "backup", str(tmp_path / "hub.dump")).returncode == 0
    before = rows_of(hub.home)
    whole = (tmp_path / "hub.dump").read_bytes()
    (tmp_path / "broken.dump").write_bytes(whole[: len(whole) * 3 // 4])
    done = manage(hub.home, "restore", str(tmp_path / "broken.dump"), "--force")
    assert done.returncode == 1
    assert rows_of(hub.home) == before
