"""A store that remembers, for tests of the outbox and for tests of whoever announces changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

from django.db import transaction

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.sync import stores
from memoryhub.sync.models import Delivery
from memoryhub.sync.services.outbox import Change, emit

WRITER = Principal(kind="key", name="writer", tenant_id="acme")


class Mirror:
    """Keeps every delivery it took; ``react`` may answer problems or raise."""

    def __init__(self, name: str = "mirror", topics: Sequence[str] = ("thing",)) -> None:
        self.name = name
        self.topics = frozenset(topics)
        self.batches: list[list[Delivery]] = []
        self.react: Callable[[Sequence[Delivery]], Mapping[int, stores.Problem]] = lambda batch: {}

    def deliver(self, batch: Sequence[Delivery]) -> Mapping[int, stores.Problem]:
        self.batches.append(list(batch))
        return self.react(batch)

    @property
    def versions(self) -> list[int]:
        return [delivery.version for batch in self.batches for delivery in batch]


@contextmanager
def registered(*mirrors: stores.Store) -> Iterator[None]:
    """Only these stores, for the time of a test."""
    before = stores.every()
    for store in before:
        stores.unregister(store.name)
    for mirror in mirrors:
        stores.register(mirror)
    try:
        yield
    finally:
        for mirror in mirrors:
            stores.unregister(mirror.name)
        for store in before:
            stores.register(store)


def announce(version: int = 1, *, object_id: UUID | None = None, by: Principal = WRITER) -> UUID:
    """A change of a thing, committed."""
    thing = object_id or new_id()
    change = Change("thing.stored", thing, f"thing-{thing}", version, source="test")
    with behind_walls(by):
        emit([change], principal=by)
    return thing


def announce_many(count: int, *, by: Principal = WRITER) -> list[UUID]:
    things = [new_id() for _ in range(count)]
    with transaction.atomic(), behind_walls(by):
        emit([Change("thing.stored", thing, f"thing-{thing}", 1, source="test") for thing in things], principal=by)
    return things
