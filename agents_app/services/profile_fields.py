"""What a profile may say: each field checked by name, for every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents_app.models import AgentProfile, Rank, Strategy
from memoryhub.access.exceptions import Invalid
from memoryhub.registry.models.entries import MemoryType

LONGEST_RETENTION_DAYS = 36_500
MOST_WORDS, LONGEST_WORD, LONGEST_TEXT = 100, 200, 4_000
#: What an agent may say of itself; the rest decides over others' memories, and is an administrator's.
OWN_FIELDS = frozenset({"specialties", "capabilities", "description"})


def one_of(field: str, value: Any, allowed: list[str]) -> None:
    if value not in allowed:
        raise Invalid(field, f"Choose one of: {', '.join(word or 'nothing' for word in allowed)}.")


def check_priority(value: Any) -> None:
    one_of("priority", value, list(Rank.values))


def check_strategy(value: Any) -> None:
    one_of("conflict_strategy", value, ["", *Strategy.values])


def check_retention(value: Any) -> None:
    if value is not None and not (isinstance(value, int) and 1 <= value <= LONGEST_RETENTION_DAYS):
        raise Invalid("retention_days", f"Name 1 to {LONGEST_RETENTION_DAYS} days, or nothing for the hub's setting.")


def check_memory_types(value: Any) -> None:
    for word in value:
        one_of("memory_types", word, list(MemoryType.values))
    if len(set(value)) < len(value):
        raise Invalid("memory_types", "Name each type once; the first is the default.")


def words_of(field: str) -> Callable[[Any], None]:
    def check(value: Any) -> None:
        if len(value) > MOST_WORDS or any(not word.strip() or len(word) > LONGEST_WORD for word in value):
            raise Invalid(field, f"Name up to {MOST_WORDS}, each in 1 to {LONGEST_WORD} characters.")

    return check


def check_description(value: Any) -> None:
    if len(value) > LONGEST_TEXT:
        raise Invalid("description", f"Describe the agent in up to {LONGEST_TEXT} characters.")


CHECKS: dict[str, Callable[[Any], None]] = {
    "priority": check_priority,
    "retention_days": check_retention,
    "conflict_strategy": check_strategy,
    "memory_types": check_memory_types,
    "specialties": words_of("specialties"),
    "capabilities": words_of("capabilities"),
    "description": check_description,
}


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields, with lists for whatever was iterable. Raises Invalid for an unknown or wrong one."""
    found = {name: list(value) if isinstance(value, tuple | set) else value for name, value in fields.items()}
    for name, value in found.items():
        if name not in CHECKS:
            raise Invalid(name, f"A profile has no such field. It has: {', '.join(CHECKS)}.")
        CHECKS[name](value)
    return found


def shown(profile: AgentProfile) -> dict[str, Any]:
    """What a profile says, for the audit trail and for comparing."""
    return {name: getattr(profile, name) for name in CHECKS}
