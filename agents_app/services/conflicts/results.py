"""What the verbs about conflicts take and answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from agents_app.models import Conflict
from agents_app.resolution import Case, PathMerge, StrategyPreview
from agents_app.resolution.merging import Problem

Outcome = Literal["applied", "merged", "kept", "conflict", "rejected"]
#: ``decided_by`` of what a strategy decided by itself.
AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry stands or is to stand: its key and scope. ``entry_id``: the id that a new one is to get."""

    key: str
    scope: str = "agent"
    user_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submitted change.

    ``applied``: the value stands as submitted; ``merged``: together with what was committed; ``kept``: the strategy
    kept what was committed; ``conflict``: a person decides; ``rejected``: the caller may not write it (``code``).
    ``version`` is the entry's newest. ``conflict_id`` names the record of a decision, too.
    """

    outcome: Outcome
    entry_id: UUID | None
    version: int | None
    conflict_id: UUID | None
    strategy: str
    why: str
    created: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What a decision would write, with the versions that it is about: hand them to ``resolve``.

    ``changed``: pointers at which the result differs from the committed value. ``value`` is MISSING where the entry
    would go. ``strategies`` previews all five by name.
    """

    conflict_id: UUID
    conflict_version: int
    entry_version: int
    strategy: str
    paths: list[PathMerge]
    strategies: dict[str, StrategyPreview]
    value: Any
    attributes: dict[str, Any]
    valid: bool
    errors: list[Problem]
    changed: list[str]
    choices: Mapping[str, Any]
    clashes: int
    case: Case = field(repr=False)


@dataclass(frozen=True, slots=True)
class Decided:
    """``version`` is the entry's newest after the decision; ``reopened`` a conflict that an undo opened again."""

    conflict: Conflict
    entry_id: UUID
    version: int
    reopened: UUID | None = None
