"""The register of loaders: how stores outside of the hub get at the state of what changed.

Events carry ids and versions only; a loader reads the current state of some objects of its topic, as the system.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from memoryhub.sync.stores import Topic


@dataclass(frozen=True, slots=True)
class State:
    """What an object is now: its version and a JSON document."""

    version: int
    document: Mapping[str, Any]


#: Object ids to the states of those that exist; what is missing was deleted.
Loader = Callable[[Sequence[UUID]], Mapping[UUID, State]]

_loaders: dict[Topic, Loader] = {}


def register(topic: Topic, loader: Loader) -> None:
    """Called from ``AppConfig.ready``. From then on stores outside of the hub hear of ``topic``."""
    _loaders[topic] = loader


def unregister(topic: Topic) -> None:
    _loaders.pop(topic, None)


def topics() -> frozenset[Topic]:
    return frozenset(_loaders)


def load(topic: Topic, ids: Sequence[UUID]) -> Mapping[UUID, State]:
    return _loaders[topic](ids)
