"""When two JSON values are the same: ``1`` and ``1.0`` are, ``1`` and ``true`` are not, null and missing are not."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from memoryhub.registry.diffs import json_type


def frozen(value: Any) -> Hashable:
    """A hashable stand-in: two values have equal ones exactly when they are the same."""
    kind = json_type(value)
    if kind == "object":
        return kind, frozenset((name, frozen(member)) for name, member in value.items())
    if kind == "array":
        return kind, tuple(frozen(item) for item in value)
    return kind, None if kind == "missing" else value


def equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    kind = json_type(one)
    if kind != json_type(other):
        return False
    if kind == "object":
        return len(one) == len(other) and all(name in other and equal(one[name], other[name]) for name in one)
    if kind == "array":
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def is_scalar(value: Any) -> bool:
    return json_type(value) not in ("object", "array", "missing")
