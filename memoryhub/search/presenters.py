"""How results of each kind are shown: the houses that own a kind register a loader for it.

The index knows what to find, not how to show it. A loader runs behind the walls of the caller and
checks visibility again; what it leaves out is left out of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip

#: The fields to show per id, ready for JSON apart from dates and ids.
Loader = Callable[[Sequence[UUID], Principal], Mapping[UUID, dict[str, Any]]]

_loaders: dict[str, Loader] = {}


def register(kind: str, loader: Loader) -> None:
    """Makes results of ``kind`` showable; called from ``AppConfig.ready``. The latest loader of a kind counts."""
    _loaders[kind] = loader


def unregister(kind: str) -> None:
    _loaders.pop(kind, None)


def load(ids: Mapping[str, Sequence[UUID]], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The fields of every id of every kind, one call per kind. Kinds that nobody shows have no fields."""
    found: dict[UUID, dict[str, Any]] = {}
    for kind, wanted in ids.items():
        loader = _loaders.get(kind)
        found.update(loader(wanted, principal) if loader else {id_: {} for id_ in wanted})
    return found


def rows(found: QuerySet[Any, tuple[Any, ...]], principal: Principal) -> list[tuple[Any, ...]]:
    """The rows of a ``values_list`` in one round trip, for loaders. JSON comes as text, as the database holds it."""
    return one_trip(*found.query.sql_with_params(), principal=principal)
