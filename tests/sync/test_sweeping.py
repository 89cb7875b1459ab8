"""Upkeep of the outbox."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from django_q.models import Task

from memoryhub.access.models import IdempotencyKey
from memoryhub.access.principals import system_principal
from memoryhub.sync import jobs
from memoryhub.sync.models import Delivery, JobRun, SyncEvent
from memoryhub.sync.services import job_runs, sweeping
from memoryhub.sync.services.relay import run_once
from tests.sync.mirror import Mirror, announce, announce_many, registered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_system")]

SYSTEM = system_principal("test")


def age(days: float) -> None:
    past = timezone.now() - timedelta(days=days)
    SyncEvent.objects.update(timestamp=past)
    Delivery.objects.update(created_at=past)


def test_an_event_that_was_left_unsettled_is_settled(mirror):
    announce()
    Delivery.objects.update(status="done")
    assert sweeping.sweep_outbox(principal=SYSTEM, limit=10)["settled"] == 0
    age(1)
    assert sweeping.sweep_outbox(principal=SYSTEM, limit=10) == {"settled": 1, "parked": 0}
    assert SyncEvent.objects.get().processed


def test_deliveries_for_a_store_that_is_gone_are_parked_where_people_see_them(mirror):
    with registered(Mirror("mirror"), Mirror("gone")):
        announce()
    age(1)
    assert sweeping.sweep_outbox(principal=SYSTEM, limit=10) == {"settled": 0, "parked": 1}
    assert Delivery.objects.get(status="parked").store == "gone"
    assert "No store of this name" in str(SyncEvent.objects.get().error)


def test_old_processed_events_go_with_their_deliveries_and_open_ones_stay(mirror):
    announce_many(5)
    run_once()
    announce()
    age(6)
    assert sweeping.purge(principal=SYSTEM, limit=3)["events"] == 0
    age(8)
    assert sweeping.purge(principal=SYSTEM, limit=3)["events"] == 3
    assert sweeping.purge(principal=SYSTEM, limit=3)["events"] == 2
    assert (SyncEvent.objects.count(), Delivery.objects.count()) == (1, 1)


def test_old_runs_and_queue_records_go():
    old = timezone.now() - timedelta(days=8)
    JobRun.objects.create(job="x")
    JobRun.objects.update(started_at=F("started_at") - timedelta(days=8))
    JobRun.objects.create(job="x")
    Task.objects.create(id="a", name="a", func="f", started=old, stopped=old)
    Task.objects.create(id="b", name="b", func="f", started=old, stopped=timezone.now())
    assert sweeping.purge(principal=SYSTEM, limit=3) == {"events": 0, "job_runs": 1, "queue_records": 1}
    assert (JobRun.objects.count(), Task.objects.count()) == (1, 1)


def test_idempotency_keys_that_have_ended_go():
    for name in ("old", "new"):
        IdempotencyKey.objects.create(tenant_id="acme", caller="c", key=name, digest=b"x")
    IdempotencyKey.objects.filter(key="old").update(created_at=timezone.now() - timedelta(hours=25))
    assert sweeping.sweep_access(principal=SYSTEM, limit=10)["idempotency_keys"] == 1
    assert IdempotencyKey.objects.get().key == "new"


def test_every_declared_job_runs():
    for job in jobs.every():
        run = job_runs.run(job.name, now=True)
        assert run is not None
        assert (job.name, run.outcome, run.error) == (job.name, "done", "")
