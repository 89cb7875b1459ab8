"""The register of stores: places that mirror the registry and hear of every change through the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from django.core.exceptions import ImproperlyConfigured

from memoryhub.sync.models import Delivery

#: What can change: the part of an event type before the dot, for example ``entry`` of ``entry.stored``.
Topic = str


class NotReady(Exception):
    """The store cannot work at the moment (its model loads, its server is away).

    Its deliveries come again ``retry_in`` seconds later, and the attempt is not counted.
    """

    def __init__(self, reason: str = "", *, retry_in: float = 2.0) -> None:
        super().__init__(reason or "The store is not ready.")
        self.retry_in = retry_in


#: Why a delivery did not arrive: a text counts as a failed attempt, NotReady only means later.
Problem = str | NotReady


class Store(Protocol):
    """A mirror. ``deliver`` is called by the relay with at most one delivery per object.

    A delivery says "bring your copy of this object to its current state": versions between may have been
    superseded. The store loads the state itself (events carry ids and versions only), applies it idempotently,
    and returns a Problem per delivery id that did not arrive. Raising NotReady postpones the whole batch;
    any other exception makes the relay offer its deliveries one by one.

    Optional methods, found by name: ``start()`` when the relay starts (load a model, open a connection; must
    not wait) and ``stop()`` when it stops (a long ``deliver`` should return early, the rest as NotReady). And two
    optional attributes: ``batch``, how many deliveries it likes at a time, instead of ``sync.batch``; and ``scopes``,
    the only scopes of entries that it wants to hear of.
    """

    name: str

    @property
    def topics(self) -> frozenset[Topic]: ...

    def deliver(self, batch: Sequence[Delivery]) -> Mapping[int, Problem]: ...


_stores: dict[str, Store] = {}


def register(store: Store) -> None:
    """Adds a store; called from ``AppConfig.ready``. Raises ImproperlyConfigured when its name is another one's."""
    if type(_stores.get(store.name, store)) is not type(store):
        raise ImproperlyConfigured(
            f"Two stores are called '{store.name}'. Give the one in sync.http_stores another name."
        )
    _stores[store.name] = store


def unregister(name: str) -> None:
    _stores.pop(name, None)


def get(name: str) -> Store | None:
    return _stores.get(name)


def names() -> list[str]:
    return sorted(_stores)


def every() -> list[Store]:
    return [_stores[name] for name in names()]


def scoped() -> dict[str, list[str]]:
    """The stores that hear of entries of some scopes only, with these."""
    found = {name: getattr(store, "scopes", None) for name, store in _stores.items()}
    return {name: sorted(scopes) for name, scopes in found.items() if scopes is not None}


def batch_of(store: Store) -> int | None:
    found: int | None = getattr(store, "batch", None)
    return found


def targets(topic: Topic) -> list[str]:
    """Names of the stores that hear of ``topic``: the ``target_systems`` of its events."""
    return sorted(name for name, store in _stores.items() if topic in store.topics)


def topic_of(event_type: str) -> Topic:
    """``entry.stored`` is about the topic ``entry``."""
    return event_type.partition(".")[0]
