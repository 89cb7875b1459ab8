"""The register of stores: places that mirror the registry and hear of every change through the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from memoryhub.sync.models import Delivery

#: What can change: an entry, the messages of a session, the state of a session.
Topic = str


class Store(Protocol):
    """A mirror. ``deliver`` is called by the relay with deliveries in order, at most one per object.

    It loads the objects' current state itself (events carry ids and versions only), applies it
    idempotently, and returns an error text per delivery id that failed. Raising fails the whole batch.
    """

    name: str
    topics: frozenset[Topic]

    def deliver(self, batch: Sequence[Delivery]) -> dict[int, str]: ...


_stores: dict[str, Store] = {}


def register(store: Store) -> None:
    """Adds a store; called from ``AppConfig.ready``. A second store of the same name replaces the first."""
    _stores[store.name] = store


def unregister(name: str) -> None:
    _stores.pop(name, None)


def get(name: str) -> Store | None:
    return _stores.get(name)


def names() -> list[str]:
    return sorted(_stores)


def targets(topic: Topic) -> list[str]:
    """Names of the stores that hear of ``topic``: the ``target_systems`` of its events."""
    return sorted(name for name, store in _stores.items() if topic in store.topics)
