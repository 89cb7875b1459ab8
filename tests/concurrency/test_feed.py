"""The change feed with several relays, writers and readers at once, and with relays that die."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from agents_app.models import ChangeFeed, FeedItem
from agents_app.stores import NAME, FeedStore
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import deletion, entries, sharing
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import outbox
from memoryhub.sync.services.relay import Progress, handle
from tests.agents_app.feeds import Copy, relay, rows
from tests.conftest import role

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("ada", "ben", "cleo")


@pytest.fixture
def acting(transactional_db: None) -> Callable[[str], Principal]:
    job = system_principal("test", "acme")
    tenants.ensure(principal=job, tenant_id="acme")
    for name in NAMES:
        agents.ensure(principal=job, tenant_id="acme", agent_id=name)
    allowed = frozenset({"read", "write"})
    return lambda name: Principal(kind="key", name="k", tenant_id="acme", agent_id=name, permissions=allowed)


def store(by: Principal, key: str = "k", value: object = 1) -> UUID:
    return entries.store(Draft(key=key, value=value, scope="agent"), principal=by).entry_id


def together(*works: Callable[[], None]) -> None:
    """Each in a thread with a connection of its own; fails with the first error."""
    errors: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if errors:
        raise errors[0]


class Crowd:
    """Agents that write, relays that number, copies that read, until the agents are done."""

    def __init__(self, acting: Callable[[str], Principal]) -> None:
        self.acting = acting
        self.done = threading.Event()
        self.copies = [Copy(acting(name), limit=3) for name in NAMES]

    def write(self, name: str) -> None:
        choose = random.Random(name)
        for number in range(25):
            entry = store(self.acting(name), f"k{choose.randrange(5)}", number)
            other = choose.choice([one for one in NAMES if one != name])
            # somebody else may have been there first
            with suppress(HubError):
                self.turn(self.acting(name), entry, other, number)

    def turn(self, agent: Principal, entry: UUID, other: str, number: int) -> None:
        sharing.share(entry, principal=agent, agent_ids=[other], can_write=bool(number % 2))
        if number % 3 == 0:
            sharing.unshare(entry, principal=agent, agent_ids=[other])
        if number % 7 == 0:
            deletion.delete(entry, principal=agent)

    def write_all(self) -> None:
        try:
            together(*(partial(self.write, name) for name in NAMES))
        finally:
            self.done.set()

    def number(self) -> None:
        with role("memoryhub_system"):
            while not self.done.is_set() or Delivery.objects.filter(store=NAME, status="pending").exists():
                if claim := outbox.claim(NAME):
                    handle(FeedStore(), claim, Progress())

    def read(self, copy: Copy) -> None:
        while not self.done.is_set():
            copy.pull()


def test_readers_miss_nothing_while_two_relays_number_what_three_agents_write(acting):
    crowd = Crowd(acting)
    together(crowd.write_all, crowd.number, crowd.number, *(partial(crowd.read, copy) for copy in crowd.copies))
    relay()
    for copy in crowd.copies:
        copy.pull()
        fresh = Copy(copy.principal)
        fresh.pull()
        assert copy.entries == fresh.entries
        numbers = [seq for seq, *_ in copy.seen]
        assert numbers == sorted(set(numbers))
    for feed in rows(ChangeFeed.objects.all()):
        given = [item.seq for item in rows(FeedItem.objects.filter(agent_id=feed.agent_id).order_by("seq"))]
        assert len(set(given)) == len(given)
        assert given[-1] == feed.last_seq


def claimed() -> Sequence[Delivery]:
    with role("memoryhub_system"):
        return outbox.claim(NAME).all


def give_up_claims() -> None:
    """As if ``sync.claim_seconds`` had passed."""
    with role("memoryhub_system"):
        past = timezone.now() - timedelta(minutes=1)
        Delivery.objects.filter(status="pending").update(claimed_until=past, next_at=past)


def test_a_relay_that_died_before_it_said_so_numbers_nothing_twice(acting):
    store(acting("ada"))
    with role("memoryhub_system"):
        FeedStore().deliver(claimed())
    give_up_claims()
    assert relay() == 1
    assert Copy(acting("ada")).pull() == [(1, "put", "")]


def test_a_relay_that_comes_late_does_not_bring_back_what_was(acting):
    entry = store(acting("ada"), value="old")
    late = claimed()
    give_up_claims()
    store(acting("ada"), value="new")
    relay()
    deletion.delete(entry, principal=acting("ada"))
    relay()
    with role("memoryhub_system"):
        FeedStore().deliver(late)
    copy = Copy(acting("ada"))
    copy.pull()
    assert copy.entries == {}
    assert rows(FeedItem.objects.values_list("kind", flat=True)) == ["gone"]


def test_a_batch_that_fails_in_the_middle_leaves_nothing(acting, monkeypatch):
    store(acting("ada"))

    def fails(*_: object) -> None:
        raise RuntimeError("the process is killed here")

    batch = claimed()
    with monkeypatch.context() as broken, role("memoryhub_system"):
        broken.setattr("agents_app.stores.notify", fails)
        with pytest.raises(RuntimeError):
            FeedStore().deliver(batch)
    assert not rows(FeedItem.objects.all())
    give_up_claims()
    relay()
    assert len(rows(ContextEntry.objects.all())) == len(Copy(acting("ada")).pull()) == 1
