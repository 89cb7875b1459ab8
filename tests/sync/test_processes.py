"""Relay and job cluster as processes of their own, against the tests' database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from django.db import connection

from memoryhub.access.ids import new_id
from memoryhub.config import ROOT
from memoryhub.runtime.database import urls_on
from memoryhub.runtime.postgres import EmbeddedPostgres
from memoryhub.sync.models import Heartbeat, JobRun
from memoryhub.sync.services import job_runs, schedules
from memoryhub.sync.services.statements import INSERT_EVENT
from tests.conftest import role
from tests.hub_plugin import HOME
from tests.sync.test_relays import statuses
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


def database_of_the_tests() -> dict[str, str]:
    server = EmbeddedPostgres(HOME / "testdb", fast=True, say=lambda line: None)
    urls = urls_on(server.superuser_url(), "memoryhub")
    return {"DATABASE_URL": urls.app, "SYSTEM_DATABASE_URL": urls.system, "MIGRATION_DATABASE_URL": urls.owner}


@contextmanager
def manage(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", str(ROOT / "manage.py"), *arguments]
    env = dict(os.environ) | database_of_the_tests()
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def announce_gone_entry() -> None:
    """A change of an entry that no longer exists: every store has nothing to do for it."""
    row: dict[str, Any] = {
        "event_id": new_id(),
        "tenant_id": "acme",
        "event_type": "entry.erased",
        "context_key": "k",
        "object_id": new_id(),
        "version": 1,
        "source": "test",
        "targets": ["vector"],
        "priority": "medium",
        "payload": "{}",
        "processed": False,
    }
    with role("memoryhub_system"), connection.cursor() as cursor:
        cursor.execute(INSERT_EVENT, row)


def test_the_relay_delivers_until_it_is_told_to_stop():
    with manage("relay") as relay:
        announce_gone_entry()
        until(lambda: statuses() == {"done": 1}, 60, "the delivery")
        until(lambda: Heartbeat.objects.filter(name="relay").exists(), 60, "the heartbeat")
        relay.send_signal(signal.SIGTERM)
        output, _ = relay.communicate(timeout=60)
    assert relay.returncode == 0
    assert "Traceback" not in output


@pytest.mark.long
def test_jobs_run_by_the_queue_once_each_though_its_workers_are_killed():
    schedules.declare()
    with manage("qcluster") as cluster:
        until(lambda: Heartbeat.objects.filter(name="jobs").exists(), 90, "the first heartbeat")
        sentinel = until(lambda: psutil.Process(cluster.pid).children(), 10, "the sentinel")[0]
        for worker in sentinel.children()[:1]:
            worker.kill()
        cluster.send_signal(signal.SIGTERM)
        cluster.communicate(timeout=60)
    runs = dict(JobRun.objects.values_list("job", "outcome"))
    assert len(runs) == JobRun.objects.count()
    assert set(runs.values()) <= {"done", "running"}
    with role("memoryhub_system"):
        for job in [name for name, outcome in runs.items() if outcome == "running"]:
            assert job_runs.run(job, now=True)
    # what a killed worker left behind is noted, and done again
    assert set(JobRun.objects.values_list("outcome", flat=True)) <= {"done", "lost"}
