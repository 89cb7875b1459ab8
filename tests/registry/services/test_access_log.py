"""Reads are logged and counted in batches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from time import time

import pytest
from django.db import DatabaseError, connection

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import AccessRecord, AccessTotal
from memoryhub.registry.services import access_log, entries
from memoryhub.registry.services.access_log import AccessLog, log
from memoryhub.registry.services.drafts import Draft
from tests.registry.conftest import agent
from tests.waiting import until

pytestmark = pytest.mark.django_db

PUBLISHED = """
SELECT
  context_key,
  COUNT(*) as access_count,
  AVG(latency_ms) as avg_latency,
  SUM(CASE WHEN hit_cache THEN 1 ELSE 0 END)::float / COUNT(*) as cache_hit_rate
FROM memory_context_access_log
WHERE timestamp > NOW() - INTERVAL '1 hour'
GROUP BY context_key
ORDER BY access_count DESC
LIMIT 10
"""


def test_reads_write_nothing_until_the_batch(store, caller):
    stored = store("k", 1)
    for _ in range(3):
        entries.retrieve(key="k", user_id="u", principal=caller)
    entries.get(stored.entry_id, principal=caller)
    with behind_walls(caller):
        assert not AccessRecord.objects.exists()
    assert log.flush() == 4
    assert log.flush() == 0
    with behind_walls(caller):
        rows = list(AccessRecord.objects.order_by("id"))
        assert [(r.context_key, r.operation, r.actor, r.user_id, r.tenant_id) for r in rows] == [
            *[("k", "retrieve", "alden", "u", "acme")] * 3,
            ("k", "get", "alden", None, "acme"),
        ]
        assert all(0 < row.latency_ms < 10_000 and not row.hit_cache for row in rows)
        assert AccessTotal.objects.get().accesses == 4
    entry = entries.get(stored.entry_id, principal=caller)
    assert (entry.access_count, entry.sync_version) == (4, 1)


def test_the_published_query_runs(store, caller, as_role):
    store("often")
    store("seldom", layer="ephemeral")
    for key in ("often", "often", "seldom"):
        entries.retrieve(key=key, principal=caller)
    log.flush()
    with as_role("memoryhub_owner"), connection.cursor() as cursor:
        cursor.execute(PUBLISHED)
        rows = cursor.fetchall()
    assert [(key, count, rate) for key, count, _, rate in rows] == [("often", 2, 0), ("seldom", 1, 1)]


def test_each_tenant_has_its_own_log_and_global_entries_count_all_readers(store, caller):
    store("motd", 1, scope="global", by=system_principal("test"))
    for tenant in ("acme", "other"):
        entries.retrieve(key="motd", principal=agent(tenant=tenant))
    log.flush()
    for tenant in ("acme", "other"):
        with behind_walls(agent(tenant=tenant)):
            assert AccessRecord.objects.count() == 1
    assert entries.retrieve(key="motd", principal=caller).access_count == 2


def test_counting_reaches_no_entry_of_another_tenant(store, caller):
    entry_id = store().entry_id
    with behind_walls(agent(tenant="other")), connection.cursor() as cursor:
        cursor.execute("SELECT registry_count_uses(%s::jsonb)", [json.dumps([[str(entry_id), 1, time()]])])
        assert cursor.fetchone() == ([],)
    assert entries.get(entry_id, principal=caller).access_count == 0


def test_what_cannot_be_written_is_kept_for_the_next_time(store, caller, monkeypatch):
    store("k")
    entries.retrieve(key="k", principal=caller)

    def broken(*args, **kwargs):
        raise DatabaseError("away")

    with monkeypatch.context() as patched:
        patched.setattr(access_log, "one_trip", broken)
        with pytest.raises(DatabaseError):
            log.flush()
        patched.setattr(connection, "close", lambda: None)
        log.flush_quietly()
    assert log.flush() == 1


def test_what_is_held_has_a_limit(monkeypatch):
    monkeypatch.setattr(access_log, "MOST_HELD", 3)
    full = AccessLog()
    row = access_log.Access("acme", None, "k", time(), 1, hit_cache=False, operation="get", actor="a", user_id=None)
    full.keep([row] * 5)
    assert len(full.held) == 3


PROCESS = """
import multiprocessing, signal, sys, threading
import django
django.setup()
from memoryhub.access.principals import Principal
from memoryhub.registry.services import access_log, entries
access_log.PAUSE_SECONDS = 3600.0
caller = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))

def serve(stop):
    for _ in range(7):
        entries.retrieve(key="k", principal=caller)
    print("read", flush=True)
    stop.wait(60)

if "forked" in sys.argv:
    stop = multiprocessing.Event()
    worker = multiprocessing.get_context("fork").Process(target=serve, args=[stop])
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    worker.start()
    worker.join()
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(threading.Event())
"""


@pytest.mark.parametrize("kind", ["alone", "forked"])
@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_in_order_loses_no_read(kind):
    caller = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))
    entry_id = entries.store(Draft(key="k", value=1), principal=caller).entry_id
    parameters = connection.get_connection_params()
    url = f"postgresql://postgres@/{parameters['dbname']}?host={parameters['host']}&port={parameters.get('port', 5432)}"
    environment = {**os.environ, "DATABASE_URL": url, "MIGRATION_DATABASE_URL": url, "SYSTEM_DATABASE_URL": url}
    process = subprocess.Popen(
        [sys.executable, "-c", PROCESS, kind], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "read\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    process.stdout.close()
    until(lambda: entries.get(entry_id, principal=caller).access_count == 7)
