"""Several relays at once, relays that die, databases that go away: with real transactions."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Count

from memoryhub.sync.models import Delivery, Heartbeat, SyncEvent
from memoryhub.sync.services.relay import Relay, run_once
from tests.conftest import role
from tests.sync.mirror import Mirror, announce, announce_many, registered
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


class Jealous(Mirror):
    """Notices when an object is handled twice at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.in_hand: Counter[UUID] = Counter()
        self.twice: list[UUID] = []
        self.seen: Counter[int] = Counter()
        self._lock = threading.Lock()

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, str]:
        with self._lock:
            self.in_hand.update(d.object_id for d in batch)
            self.seen.update(d.pk for d in batch)
            self.twice += [thing for thing, count in self.in_hand.items() if count > 1]
        time.sleep(0.002)  # the time that a store needs
        with self._lock:
            self.in_hand.subtract(d.object_id for d in batch)
        return {}


def relay_until_empty(errors: list[BaseException]) -> None:
    try:
        with role("memoryhub_system"):
            while Delivery.objects.filter(status="pending").exists():
                run_once()
    except BaseException as error:
        errors.append(error)
        raise
    finally:
        connection.close()


def test_two_relays_share_the_work_and_never_one_object():
    store = Jealous()
    errors: list[BaseException] = []
    with registered(store):
        things = announce_many(400)
        for version in (2, 3):
            for thing in things[::10]:
                announce(version, object_id=thing)
        relays = [threading.Thread(target=relay_until_empty, args=(errors,)) for _ in range(3)]
        for relay in relays:
            relay.start()
        for thing in things[1::10]:
            announce(2, object_id=thing)
        for relay in relays:
            relay.join()
        with role("memoryhub_system"):
            run_once()
    assert errors == []
    assert store.twice == []
    assert set(store.seen.values()) == {1}
    with role("memoryhub_system"):
        assert set(Delivery.objects.values_list("status", flat=True)) == {"done", "superseded"}
        assert not SyncEvent.objects.filter(processed=False).exists()


@pytest.fixture
def system_connections(monkeypatch):
    """Threads of a relay connect as the system does."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c role=memoryhub_system")
    monkeypatch.setattr(settings.CONFIG.sync, "poll_ms", 10)


class RunningRelay:
    """A relay in a thread of its own, stopped at the end of the block."""

    def __enter__(self) -> Relay:
        self.relay = Relay()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        return self.relay

    def _run(self) -> None:
        self.relay.run(self.ending.wait)
        connection.close()

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.thread.join()


def statuses() -> Counter[str]:
    with role("memoryhub_system"):
        return Counter(dict(Delivery.objects.order_by().values_list("status").annotate(Count("pk"))))


@pytest.mark.usefixtures("system_connections")
def test_a_running_relay_delivers_and_tells_of_itself():
    mirror = Mirror()
    with registered(mirror), RunningRelay():
        announce_many(5)
        until(lambda: statuses() == {"done": 5})
        until(lambda: Heartbeat.objects.filter(name="relay").exists())
    beat = Heartbeat.objects.get()
    assert set(beat.detail) == {"pid", "stores", "backlog"}
    assert set(beat.detail["stores"]["mirror"]) == {
        "delivered",
        "failed",
        "postponed",
        "busy_seconds",
        "last_problem",
    }


@pytest.mark.usefixtures("system_connections")
def test_a_slow_store_delays_no_other_and_its_batch_is_finished_at_the_end():
    slow, quick = Mirror("slow"), Mirror("quick")
    entered, leave = threading.Event(), threading.Event()

    def linger(batch):
        entered.set()
        leave.wait(10)
        return {}

    slow.react = linger
    with registered(slow, quick), RunningRelay() as relay:
        announce()
        entered.wait(10)
        until(lambda: statuses()["done"] == 1)
        threading.Timer(0.2, leave.set).start()
        relay.stop.set()
    assert statuses() == {"done": 2}


@pytest.mark.usefixtures("system_connections")
def test_a_relay_survives_the_loss_of_its_connections(caplog):
    mirror = Mirror()
    with registered(mirror), RunningRelay():
        announce()
        until(lambda: statuses() == {"done": 1})
        with role("postgres"), connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database() AND usename = session_user"
            )
        announce_many(3)
        until(lambda: statuses() == {"done": 4})
    lines = [record.message for record in caplog.records if "database" in record.message]
    assert 1 <= sum("does not answer" in line for line in lines) <= 2


@pytest.mark.usefixtures("system_connections")
def test_a_claim_that_the_database_interrupted_goes_on_at_once():
    """Given back by the relay that holds it: nobody waits for the claim to run out, and no attempt is lost."""
    mirror = Mirror()

    def cut(batch):
        mirror.react = lambda batch: {}
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE postgres; SELECT pg_terminate_backend(pg_backend_pid())")
        return {}

    mirror.react = cut
    with registered(mirror), RunningRelay():
        announce()
        until(lambda: statuses() == {"done": 1})
    with role("memoryhub_system"):
        assert Delivery.objects.get().attempts == 1
    assert mirror.versions == [1, 1]
