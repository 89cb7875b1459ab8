"""Stores outside of the hub, over HTTP to another process."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection
from pydantic import SecretStr

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.config import ROOT
from memoryhub.config_sections import HttpStore as HttpStoreSettings
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync import states
from memoryhub.sync.http_store import HttpStore, document, judge, signature
from memoryhub.sync.models import Delivery, SyncEvent
from memoryhub.sync.services import outbox
from memoryhub.sync.states import State
from memoryhub.sync.stores import NotReady
from tests.conftest import role
from tests.sync.mirror import announce, announce_many, registered
from tests.sync.test_relays import RunningRelay, statuses
from tests.waiting import until

SECRET = "not so secret"
WRITER = Principal(kind="key", name="w", tenant_id="acme", agent_id="w", permissions=frozenset({"read", "write"}))


class Things:
    """What the hub knows: the truth that stores mirror."""

    def __init__(self) -> None:
        self.states: dict[UUID, State] = {}

    def load(self, ids: Sequence[UUID]) -> dict[UUID, State]:
        return {key: self.states[key] for key in ids if key in self.states}

    def change(self, thing: UUID, version: int) -> None:
        self.states[thing] = State(version, {"value": {"n": version}})
        announce(version, object_id=thing)

    def delete(self, thing: UUID, version: int) -> None:
        del self.states[thing]
        announce(version, object_id=thing)


@pytest.fixture
def secret(monkeypatch):
    monkeypatch.setattr(settings.CONFIG.access, "webhook_secret", SecretStr(SECRET))


@pytest.fixture
def things(monkeypatch, secret) -> Things:
    truth = Things()
    monkeypatch.setattr(states, "_loaders", {"thing": truth.load})
    return truth


class StoreProcess:
    """The server of ``store_server.py``; ``kill`` and ``start`` again on the same port."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path, self.options = path, tuple(options)
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.sync.store_server", str(self.path), SECRET, "--port", str(self.port)]
        self.process = subprocess.Popen([*command, *self.options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        assert self.process.stdout is not None
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=hub"

    def answer(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.url, timeout=5) as answer:
            return dict(json.load(answer))


@contextmanager
def store_process(path: Path, *options: str) -> Iterator[StoreProcess]:
    process = StoreProcess(path, *options)
    try:
        yield process
    finally:
        process.kill()


def store_at(url: str, timeout: float = 1, name: str = "elsewhere", connections: int = 4) -> HttpStore:
    return HttpStore(HttpStoreSettings(name=name, url=url, timeout_seconds=timeout, connections=connections))


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(settings.CONFIG.sync, "backoff_base_seconds", 0.05)
    monkeypatch.setattr(settings.CONFIG.sync, "poll_ms", 10)
    monkeypatch.setattr(settings.CONFIG.sync, "max_attempts", 50)  # a busy machine costs attempts, too
    monkeypatch.setattr("memoryhub.sync.http_store.FIRST_PAUSE", 0.1)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c role=memoryhub_system")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("impatient")
def test_a_store_that_fails_times_out_and_restarts_ends_equal_to_the_hub(things, tmp_path):
    chance = random.Random(7)
    bad_days = ("--fail-every", "5", "--sleep-every", "61", "--sleep", "1.5")
    with (
        store_process(tmp_path / "journal", *bad_days) as process,
        registered(store_at(process.url)),
        RunningRelay(),
    ):
        known = [new_id() for _ in range(60)]
        for version in (1, 2, 3):
            for thing in known:
                things.change(thing, version)
        for thing in chance.sample(known, 10):
            things.delete(thing, 4)
        process.kill()
        for thing in [key for key in known if key in things.states][:30]:
            things.change(thing, 5)
        process.start()
        until(lambda: not statuses()["pending"], 60, "the store to catch up")
        held = process.answer()
    assert statuses()["parked"] == 0
    live = {key: doc for key, doc in held["objects"].items() if doc["state"] is not None}
    assert {key: (doc["version"], doc["state"]) for key, doc in live.items()} == {
        str(key): (state.version, state.document) for key, state in things.states.items()
    }
    gone = [doc for doc in held["objects"].values() if doc["state"] is None]
    assert {doc["object_id"] for doc in gone} == {str(key) for key in known if key not in things.states}
    with role("memoryhub_system"):
        assert not SyncEvent.objects.filter(processed=False).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("impatient", "secret")
def test_entries_end_up_elsewhere_as_they_are_in_the_registry(tmp_path):
    with (
        store_process(tmp_path / "journal", "--fail-every", "5") as process,
        registered(store_at(process.url)),
        RunningRelay(),
    ):
        for number in range(100):
            entries.store(Draft(key=f"k{number % 40}", value={"n": number}, scope="tenant"), principal=WRITER)
        until(lambda: not statuses()["pending"], 30, "the store to catch up")
        held = process.answer()["objects"]
    with behind_walls(WRITER):
        rows = list(ContextEntry.objects.values_list("pk", "sync_version", "value"))
    assert len(rows) == 40
    assert {(key, doc["version"], doc["state"]["value"]["n"]) for key, doc in held.items()} == {
        (str(key), version, value["n"]) for key, version, value in rows
    }


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_ten_thousand_changes_arrive_within_a_minute_of_healing(things, tmp_path, monkeypatch):
    """With the pauses of the defaults, to two stores that fail one time in five until they are healed."""
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", "-c role=memoryhub_system")
    with (
        store_process(tmp_path / "one", "--fail-every", "5") as one,
        store_process(tmp_path / "two", "--fail-every", "5") as two,
        registered(store_at(one.url, 5, "one"), store_at(two.url, 5, "two")),
        RunningRelay(),
    ):
        for _ in range(10):
            things.states |= {thing: State(1, {"value": {"n": 1}}) for thing in announce_many(1000)}
        until(lambda: statuses()["done"] > 10_000, 120, "half of the deliveries")
        for process in (one, two):
            process.kill()
            process.options = ()
            process.start()
        until(lambda: not statuses()["pending"], 60, "the stores to catch up")
        held = [process.answer()["objects"] for process in (one, two)]
    for objects in held:
        assert {key: doc["state"] for key, doc in objects.items()} == {
            str(key): state.document for key, state in things.states.items()
        }
    assert statuses() == {"done": 20_000}


@pytest.mark.django_db
def test_a_server_that_is_away_costs_no_attempts(things, as_system):
    with registered(store := store_at("http://127.0.0.1:9/")):
        announce_many(3)
        claim = outbox.claim("elsewhere")
        problems = store.deliver(claim.all)
        outbox.postpone([(d, why) for d in claim.all if isinstance(why := problems[d.pk], NotReady)])
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
    assert "cannot be reached" in Delivery.objects.order_by("id")[0].error


@pytest.mark.django_db
def test_a_stopping_relay_is_not_held_up_by_a_long_batch(things, as_system):
    with registered(store := store_at("http://127.0.0.1:9/")):
        announce_many(3)
        store.stop()
        problems = store.deliver(outbox.claim("elsewhere").all)
    assert {str(problem) for problem in problems.values()} == {"Waits for its next turn."}


@pytest.mark.django_db
def test_one_that_is_never_answered_does_not_hold_up_the_others(things, as_system, tmp_path):
    """The second of three is accepted too late: it alone failed, and will be repeated."""
    with (
        store_process(tmp_path / "journal", "--sleep-every", "2", "--sleep", "60") as process,
        registered(store := store_at(process.url, timeout=2, connections=1)),
    ):
        announce_many(3)
        problems = store.deliver(outbox.claim("elsewhere").all)
        assert len(process.answer()["objects"]) == 3
    assert len(problems) == 1
    assert "No answer" in str(next(iter(problems.values())))


def delivery() -> Delivery:
    event = SyncEvent(id=1, event_type="thing.stored", object_id=new_id(), context_key="k", version=3, tenant_id="acme")
    return Delivery(id=1, event=event, object_id=event.object_id, version=3)


def test_the_document_carries_the_state_and_its_version():
    found = document(delivery(), State(5, {"value": 1}))
    assert {key: found[key] for key in ("event_type", "context_key", "version", "tenant_id", "state")} == {
        "event_type": "thing.stored",
        "context_key": "k",
        "version": 5,
        "tenant_id": "acme",
        "state": {"value": 1},
    }
    assert document(delivery(), None)["state"] is None


def test_the_signature_covers_time_and_body():
    assert signature("s", b"body", 1) == signature("s", b"body", 1)
    assert len({signature("s", b"body", 1), signature("s", b"body", 2), signature("s", b"b", 1)}) == 3


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, None),
        (204, {}, None),
        (302, {}, "It answered 302 X: text"),
        (500, {}, "It answered 500 X: text"),
        (429, {"Retry-After": "7"}, 7),
        (503, {}, 1),
        (503, {"Retry-After": "9999"}, 30),
    ],
)
def test_what_an_answer_means(status, headers, expected):
    class Answer:
        reason = "X"

    answer: Any = Answer()
    answer.status, answer.headers = status, headers
    problem = judge(answer, "text")
    assert getattr(problem, "retry_in", problem) == expected
