"""The life of a delivery, in the system's role."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from memoryhub.access.principals import system_principal
from memoryhub.sync.models import Delivery, SyncEvent
from memoryhub.sync.services import outbox
from memoryhub.sync.services.relay import run_once
from memoryhub.sync.stores import NotReady
from tests.sync.mirror import Mirror, announce, announce_many, registered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("as_system")]


def expire_claims() -> None:
    """As if ``sync.claim_seconds`` had gone by."""
    past = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(claimed_until__isnull=False).update(claimed_until=past, next_at=past)


def make_due() -> None:
    Delivery.objects.filter(status="pending").update(next_at=timezone.now() - timedelta(seconds=1))


def test_a_change_makes_an_event_and_a_delivery_per_store_that_hears_of_its_topic():
    with registered(Mirror("a"), Mirror("b"), Mirror("deaf", topics=["other"])):
        announce()
    event = SyncEvent.objects.get()
    assert (event.tenant_id, event.event_type, event.target_systems) == ("acme", "thing.stored", ["a", "b"])
    assert sorted(event.deliveries.values_list("store", flat=True)) == ["a", "b"]
    assert not event.processed


def test_a_change_that_nobody_hears_of_is_processed_at_once():
    with registered():
        announce()
    event = SyncEvent.objects.get()
    assert event.processed
    assert event.processed_at


def test_a_delivery_brings_its_event(mirror):
    thing = announce(3)
    run_once()
    delivery = mirror.batches[0][0]
    with connection.execute_wrapper(lambda *_: pytest.fail("the event was read again")):
        assert (delivery.object_id, delivery.version) == (thing, 3)
        assert (delivery.event.event_type, delivery.event.context_key) == ("thing.stored", f"thing-{thing}")
        assert isinstance(delivery.event.payload, dict)


def test_an_event_is_processed_when_all_its_stores_have_it():
    with registered(Mirror("a"), Mirror("b")):
        announce()
        outbox.finish(outbox.claim("a").deliveries)
        assert not SyncEvent.objects.get().processed
        outbox.finish(outbox.claim("b").deliveries)
    assert SyncEvent.objects.get().processed
    assert set(Delivery.objects.values_list("status", flat=True)) == {"done"}


def test_the_attempt_counts_before_the_handling(mirror):
    announce()
    claim = outbox.claim("mirror")
    assert claim.deliveries[0].attempts == 1
    assert Delivery.objects.get().attempts == 1


def test_what_is_claimed_is_not_claimed_again(mirror):
    announce()
    assert outbox.claim("mirror")
    assert not outbox.claim("mirror")


def test_oldest_first_and_at_most_the_limit(mirror):
    things = announce_many(5)
    assert [d.object_id for d in outbox.claim("mirror", limit=2).deliveries] == things[:2]


def test_the_newest_version_is_delivered_and_supersedes_the_waiting_ones(mirror):
    thing = announce(1)
    announce(2, object_id=thing)
    announce(3, object_id=thing)
    run_once()
    assert mirror.versions == [3]
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["superseded"] * 2 + ["done"]
    assert SyncEvent.objects.filter(processed=True).count() == 3


def test_a_newer_version_waits_while_an_older_one_is_handled(mirror):
    thing = announce(1)
    first = outbox.claim("mirror")
    announce(2, object_id=thing)
    assert not outbox.claim("mirror")
    outbox.finish(first.deliveries)
    assert [d.version for d in outbox.claim("mirror").deliveries] == [2]


def test_a_claim_that_ran_out_is_handled_again_and_alone(mirror):
    """Its relay died in the middle; if it was this delivery's fault, it must not take others with it."""
    announce_many(2)
    outbox.claim("mirror")
    expire_claims()
    announce()
    again = outbox.claim("mirror")
    assert [d.attempts for d in again.suspects] == [2]
    assert [d.attempts for d in again.deliveries] == [1]
    outbox.finish(again.all)
    assert len(outbox.claim("mirror").suspects) == 1


def test_who_lost_its_claim_changes_nothing_any_more(mirror):
    announce()
    late = outbox.claim("mirror").all
    expire_claims()
    current = outbox.claim("mirror").all
    outbox.finish(late)
    outbox.fail([(late[0], "too late")])
    outbox.postpone([(late[0], NotReady())])
    assert (Delivery.objects.get().status, Delivery.objects.get().error) == ("pending", "")
    outbox.finish(current)
    assert Delivery.objects.get().status == "done"


def test_a_failure_waits_longer_each_time(mirror):
    mirror.react = lambda batch: {d.pk: "no" for d in batch}
    announce()
    base = timedelta(seconds=settings.CONFIG.sync.backoff_base_seconds)
    for number in range(4):
        make_due()
        began = timezone.now()
        run_once()
        delivery = Delivery.objects.get()
        assert began + 0.75 * base * 2**number <= delivery.next_at <= timezone.now() + 1.25 * base * 2**number
    assert delivery.error == "no"


def test_after_the_last_attempt_it_is_parked_with_its_error(mirror):
    mirror.react = lambda batch: {d.pk: "no \x00 way" for d in batch}
    announce()
    for _ in range(settings.CONFIG.sync.max_attempts):
        make_due()
        run_once()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.error) == ("parked", "no � way")
    assert SyncEvent.objects.get().error == "mirror: no � way"
    assert not SyncEvent.objects.get().processed
    assert outbox.backlog() == outbox.Backlog(0, 1, None)


def test_a_newer_version_that_arrives_supersedes_the_parked_one(mirror):
    thing = announce(1)
    Delivery.objects.update(status="parked", attempts=8)
    announce(2, object_id=thing)
    run_once()
    assert list(Delivery.objects.order_by("id").values_list("status", flat=True)) == ["superseded", "done"]
    assert SyncEvent.objects.filter(processed=True).count() == 2


def test_a_store_that_is_not_ready_costs_no_attempt(mirror):
    def not_yet(batch):
        raise NotReady("The model is loading.", retry_in=30)

    mirror.react = not_yet
    announce()
    began = timezone.now()
    run_once()
    delivery = Delivery.objects.get()
    assert (delivery.status, delivery.attempts, delivery.error) == ("pending", 0, "The model is loading.")
    assert began <= delivery.next_at - timedelta(seconds=30) <= timezone.now()
    mirror.react = lambda batch: {}
    make_due()
    assert run_once() == 1
    assert Delivery.objects.get().error == ""


def test_one_delivery_may_wait_while_others_arrive(mirror):
    announce_many(3)
    mirror.react = lambda batch: {batch[0].pk: NotReady(), batch[1].pk: "broken"} if len(batch) == 3 else {}
    assert run_once() == 1
    assert list(Delivery.objects.order_by("id").values_list("status", "attempts")) == [
        ("pending", 0),
        ("pending", 1),
        ("done", 1),
    ]


def test_a_batch_that_raises_is_taken_apart(mirror):
    things = announce_many(4)

    def poisoned(batch):
        if any(d.object_id == things[2] for d in batch):
            raise ValueError("cannot digest")
        return {}

    mirror.react = poisoned
    assert run_once() == 3
    left = Delivery.objects.get(status="pending")
    assert (left.object_id, left.error) == (things[2], "ValueError: cannot digest")


def test_one_failing_store_does_not_hinder_another():
    bad, good = Mirror("bad"), Mirror("good")
    bad.react = lambda batch: {d.pk: "no" for d in batch}
    with registered(bad, good):
        announce_many(3)
        assert run_once() == 3
    assert Delivery.objects.filter(store="good", status="done").count() == 3


def test_the_backlog_is_known_to_every_role(mirror, as_role):
    announce_many(3)
    Delivery.objects.update(created_at=F("created_at") - timedelta(minutes=5))
    with as_role("memoryhub_app"):
        backlog = outbox.backlog()
        assert Delivery.objects.count() == 0
    assert (backlog.pending, backlog.parked) == (3, 0)
    assert backlog.oldest_age_seconds is not None
    assert 300 <= backlog.oldest_age_seconds < 330
    assert outbox.pending_of(system_principal("test")) == 3
    assert outbox.pending_of(system_principal("test", "other")) == 0
