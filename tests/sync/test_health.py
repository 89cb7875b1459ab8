"""GET /memory/health."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from memoryhub import __version__
from memoryhub.access.principals import system_principal
from memoryhub.access.services import keys, tenants
from memoryhub.config import ROOT
from memoryhub.sync import health
from memoryhub.sync.models import Delivery, Heartbeat
from memoryhub.sync.services import heartbeats
from tests.sync.mirror import announce_many

pytestmark = pytest.mark.django_db

URL = "/memory/health"


@pytest.fixture(autouse=True)
def only_own_checks(monkeypatch):
    monkeypatch.setattr(health, "_checks", {})
    health.register_own()


@pytest.fixture
def alive():
    heartbeats.beat(heartbeats.RELAY)
    heartbeats.beat(heartbeats.JOBS)


@pytest.fixture
def key(request):
    system = system_principal("test")
    tenants.create(principal=system, tenant_id="acme")
    scopes = getattr(request, "param", ["read"])
    return keys.create(principal=system, tenant_id="acme", scopes=scopes, name="k")[1]


def get(client: Client, key: str | None = None):
    return client.get(URL, headers={"Authorization": f"Bearer {key}"} if key else {})


def test_the_public_answer_says_no_more_than_needed(client, alive):
    answer = get(client)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "status": "ok", "version": __version__}


def test_a_key_that_reads_is_told_the_parts(client, alive, key):
    parts = get(client, key).json()["parts"]
    assert set(parts) == {"database", "relay", "jobs", "outbox"}
    assert all(part["ok"] for part in parts.values())
    assert parts["outbox"] == {"ok": True, "problem": "", "pending": 0, "parked": 0, "oldest_age_seconds": None}
    assert parts["relay"]["heartbeat_age_seconds"] < 5


@pytest.mark.parametrize("key", [["write"]], indirect=True)
def test_a_key_that_may_not_read_is_told_no_parts(client, alive, key):
    assert "parts" not in get(client, key).json()


def test_a_wrong_key_is_refused(client, alive):
    answer = get(client, "mh_wrong")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_other_methods_are_refused(client):
    assert client.post(URL).status_code == 405


@pytest.mark.parametrize(("name", "silence"), [("relay", 31), ("jobs", 121)])
def test_silent_processes_degrade_it(client, alive, key, name, silence):
    Heartbeat.objects.filter(name=name).update(at=timezone.now() - timedelta(seconds=silence))
    answer = get(client, key).json()
    assert answer["status"] == "degraded"
    assert "No sign of life" in answer["parts"][name]["problem"]
    assert [part for part, state in answer["parts"].items() if not state["ok"]] == [name]


def test_processes_that_never_lived_degrade_it(client):
    answer = get(client)
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")


@pytest.mark.usefixtures("mirror")
def test_a_hub_that_has_just_started_is_not_called_degraded(client):
    heartbeats.beat(heartbeats.RELAY)
    call_command("declare_jobs", stdout=StringIO())
    assert client.get(URL).json()["status"] == "ok"


def test_an_old_backlog_degrades_it_and_a_young_one_does_not(client, alive, key, as_role, mirror):
    announce_many(2)
    assert get(client, key).json()["status"] == "ok"
    with as_role("memoryhub_system"):
        Delivery.objects.update(created_at=timezone.now() - timedelta(seconds=61))
    answer = get(client, key).json()
    assert answer["status"] == "degraded"
    assert answer["parts"]["outbox"]["pending"] == 2
    assert answer["parts"]["outbox"]["oldest_age_seconds"] >= 61


@pytest.mark.usefixtures("mirror")
def test_parked_deliveries_degrade_it(client, alive, key, as_role, mirror):
    announce_many(2)
    with as_role("memoryhub_system"):
        Delivery.objects.update(status="parked")
    part = get(client, key).json()["parts"]["outbox"]
    assert (part["parked"], part["problem"]) == (2, "2 deliveries are parked: retry them in the admin.")


def test_a_check_that_breaks_hides_no_other(client, alive, key):
    def broken():
        raise ValueError("x")

    health.register("index", broken)
    answer = get(client, key).json()
    assert answer["parts"]["index"]["problem"] == "Unavailable: the check failed with ValueError."
    assert answer["parts"]["database"]["ok"]


def test_without_a_database_it_says_so(client, monkeypatch):
    def down():
        raise OperationalError("connection refused")

    health.register("database", down)
    answer = get(client)
    assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
    assert "database" in answer.json()["detail"]
    assert int(answer["Retry-After"]) >= 1


def test_the_version_is_told_once_only():
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
