"""A conflict as the strategies see it: what is committed, and what is offered instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memoryhub.registry.diffs import MISSING

#: What travels with a value and is merged by the same picks, at the pointers ``@importance``, ``@tags``,
#: ``@metadata/color``, …
ATTRIBUTES = (
    "layer",
    "priority",
    "category",
    "source",
    "memory_type",
    "importance",
    "tags",
    "metadata",
    "encrypted",
    "expires_at",
    "parent_id",
    "session_id",
)
#: The rank of what a person decided: no agent's priority outranks it. Those of agents are 1 (low) to 4 (critical).
RANK_OF_PERSON = 5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version: ``value`` is MISSING where the entry was deleted."""

    value: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Committed(Snapshot):
    """What stands in the registry. ``written_at`` by the clock of who wrote it, where that is known."""

    agent_id: str = ""
    version: int = 1
    importance: float = 0.5
    rank: int = 2
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Offer(Snapshot):
    """What an agent offers. ``base`` is None where there is no common ancestor.

    ``proposal``: by a lower-priority agent, which no rank can bring through.
    """

    agent_id: str = ""
    base: Snapshot | None = None
    base_version: int | None = None
    importance: float = 0.5
    rank: int = 2
    written_at: datetime | None = None
    proposal: bool = False

    @property
    def deletes(self) -> bool:
        return self.value is MISSING


@dataclass(frozen=True, slots=True)
class Case:
    """``whole``: the values are ciphertext or otherwise not to be taken apart."""

    current: Committed
    offers: tuple[Offer, ...]
    whole: bool = False
