"""What must hold before a run or a step: checked by the hub, or confirmed by the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents_app.resolution.equality import equal
from memoryhub.registry.diffs import MISSING
from procedures_app.documents import paths, patterns

Precondition = Mapping[str, Any]


def holds(precondition: Precondition, context: Mapping[str, Any]) -> bool:
    """Whether its check holds. True without a check: that is confirmed with ``confirm_<n>`` instead.

    ``context`` is as for ``paths``. What is not there holds in no comparison, not even in ``not_equals``.
    """
    check = precondition.get("check")
    if not check:
        return True
    value = paths.value_at(check["path"], context)
    if check["op"] == "exists":
        return (value is not MISSING and value is not None) is (check.get("value") is not False)
    if value is MISSING or value is None:
        return False
    return OPERATORS[check["op"]](value, check.get("value"))


def confirmations(preconditions: Sequence[Precondition]) -> list[dict[str, Any]]:
    """The fields by which an agent confirms what has no check: ``confirm_1`` for the first of all, and so on."""
    return [
        {
            "name": f"confirm_{number}",
            "type": "boolean",
            "required": True,
            "description": precondition["text"],
            "must_be": True,
        }
        for number, precondition in enumerate(preconditions, 1)
        if not precondition.get("check")
    ]


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def at_least(value: Any, other: Any) -> bool:
    return is_number(value) and is_number(other) and value >= other


def at_most(value: Any, other: Any) -> bool:
    return is_number(value) and is_number(other) and value <= other


def is_in(value: Any, others: Any) -> bool:
    return isinstance(others, list) and any(equal(value, other) for other in others)


def matches(value: Any, pattern: Any) -> bool:
    return isinstance(value, str) and isinstance(pattern, str) and patterns.fits(pattern, value)


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": equal,
    "not_equals": lambda value, other: not equal(value, other),
    "in": is_in,
    "at_least": at_least,
    "at_most": at_most,
    "matches": matches,
}
