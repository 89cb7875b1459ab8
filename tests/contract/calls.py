"""Requests as data, in which ids can be found and replaced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

Place = tuple[Any, ...]


class Id(str):
    """The name of one thing that a tenant has. The hub must not know it for another tenant."""

    def made_up(self) -> Id:
        """Of the same form, and naming nothing."""
        return Id(uuid4()) if is_uuid(self) else Id(f"nothing-{uuid4().hex[:12]}")


def is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


@dataclass(frozen=True)
class Call:
    """One request. ``path`` fills the braces of the route, ``body`` is JSON."""

    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def address(self, route_path: str) -> str:
        return "/memory/" + route_path.format(**{name: quote(value, safe="") for name, value in self.path.items()})

    def ids(self) -> dict[Place, Id]:
        """Where ids stand: ``("path", "entry_id")``, ``("body", "items", 0, "id")``."""
        return dict(ids_in({"path": self.path, "query": self.query, "body": self.body}, ()))

    def mapped(self, change: Callable[[Place, str], Any]) -> Call:
        """The same call with every text replaced by what ``change(place, text)`` gives."""
        tree = mapped({"path": self.path, "query": self.query, "body": self.body}, (), change)
        return replace(self, **tree)

    def with_ids(self, ids: dict[Place, Id]) -> Call:
        return self.mapped(lambda place, text: ids.get(place, text))


def ids_in(node: Any, place: Place) -> Iterator[tuple[Place, Id]]:
    if isinstance(node, Id):
        yield place, node
    for key, child in children(node):
        yield from ids_in(child, (*place, key))


def mapped(node: Any, place: Place, change: Callable[[Place, str], Any]) -> Any:
    if isinstance(node, str):
        return change(place, node)
    if isinstance(node, dict):
        return {key: mapped(child, (*place, key), change) for key, child in node.items()}
    if isinstance(node, list):
        return [mapped(child, (*place, index), change) for index, child in enumerate(node)]
    return node


def children(node: Any) -> list[tuple[Any, Any]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
