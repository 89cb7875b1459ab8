"""What can be asked of a search, checked: query, mode, kinds, filters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from memoryhub.access.exceptions import Invalid
from memoryhub.search.models import IndexRow

Mode = Literal["keyword", "semantic", "hybrid", "fuzzy"]
MODES: tuple[Mode, ...] = ("keyword", "semantic", "hybrid", "fuzzy")
#: Modes that need no vector of the query.
BY_WORDS: tuple[Mode, ...] = ("keyword", "fuzzy")
KINDS: tuple[str, ...] = tuple(IndexRow.Kind.values)
#: What is searched when no kind is named.
USUAL_KINDS: tuple[str, ...] = ("entry", "message")
PLURALS = {"entries": "entry", "messages": "message", "procedures": "procedure"}
#: Both the word for one and the word for many name a kind.
KIND_NAMES = {kind: kind for kind in KINDS} | PLURALS
SCOPES = ("global", "tenant", "user", "session", "agent")
LAYERS = ("session", "short_term", "long_term", "permanent")
LAYER_ALIASES = {"short": "short_term", "long": "long_term"}
MOST_RESULTS = 100
LONGEST_QUERY = 4000
MOST_TAGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What results must be like; None asks nothing. ``tags``: all of them; ``since`` ≤ event time < ``until``."""

    scope: str | None = None
    layer: str | None = None
    category: str | None = None
    tags: Sequence[str] | None = None
    memory_type: str | None = None
    source: str | None = None
    agent_id: str | None = None
    author: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    importance_min: float | None = None
    parent_id: UUID | None = None
    include_archived: bool = False

    def conditions(self) -> dict[str, Any]:
        """The conditions that are asked for, for the search function."""
        named = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "include_archived"}
        if named["layer"]:
            named["layer"] = LAYER_ALIASES.get(named["layer"], named["layer"])
        asked = {name: value for name, value in named.items() if value is not None and value != []}
        return {name: plain(value) for name, value in asked.items()}


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def checked_query(query: str) -> str:
    text = query.strip()
    if not text:
        raise Invalid("query", "The query is empty. Say in words what to find.")
    if len(text) > LONGEST_QUERY:
        raise Invalid(
            "query", f"The query has {len(text)} characters; at most {LONGEST_QUERY} are searched. Shorten it."
        )
    return text


def checked_mode(mode: str) -> Mode:
    for known in MODES:
        if mode == known:
            return known
    raise Invalid("mode", f"'{mode}' is not one of {', '.join(MODES)}.")


def checked_kinds(kinds: Collection[str]) -> tuple[str, ...]:
    """The kinds in their fixed order, without repetition. None at all means entries and messages."""
    unknown = [kind for kind in kinds if kind not in KIND_NAMES]
    if unknown:
        raise Invalid("kinds", f"'{unknown[0]}' is not one of {', '.join(KIND_NAMES)}.")
    wanted = {KIND_NAMES[kind] for kind in kinds} or set(USUAL_KINDS)
    return tuple(kind for kind in KINDS if kind in wanted)


def checked_limit(limit: int) -> int:
    if not 1 <= limit <= MOST_RESULTS:
        raise Invalid("limit", f"Ask for 1 to {MOST_RESULTS} results, not {limit}.")
    return limit


def checked_filters(filters: Filters) -> Filters:
    for name, allowed in (("scope", SCOPES), ("layer", (*LAYERS, *LAYER_ALIASES))):
        value = getattr(filters, name)
        if value is not None and value not in allowed:
            raise Invalid(name, f"'{value}' is not one of {', '.join(allowed)}.")
    if filters.importance_min is not None and not 0 <= filters.importance_min <= 1:
        raise Invalid("importance_min", "An importance lies between 0 and 1.")
    if filters.since and filters.until and filters.since >= filters.until:
        raise Invalid("until", "'until' must be later than 'since'.")
    return filters
