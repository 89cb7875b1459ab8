"""A conversation in one line: the same counts for the same messages, always."""

from __future__ import annotations

from collections.abc import Mapping

ALWAYS_NAMED = ("user", "assistant")
NAMED_IF_PRESENT = ("system", "tool")


def counts(role_counts: Mapping[str, int]) -> str:
    """``15 messages (8 from user, 7 from assistant)``; other roles are added where they spoke."""
    named = [*ALWAYS_NAMED, *(role for role in NAMED_IF_PRESENT if role_counts.get(role))]
    parts = ", ".join(f"{role_counts.get(role, 0)} from {role}" for role in named)
    return f"{sum(role_counts.values())} messages ({parts})"
