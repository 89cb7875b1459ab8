"""Many conflicts by one strategy: shown first, then decided, each with an outcome of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import transaction

from agents_app.services.conflicts.deciding import preview, resolve
from agents_app.services.conflicts.results import Decided
from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What one strategy would do with one conflict, at these versions. Not ``decidable``: it stays for a person."""

    conflict_id: UUID
    conflict_version: int
    entry_version: int
    decidable: bool
    winner: str | None
    why: str
    changed: int


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """``left``: the strategy cannot decide it, a person has to; ``failed``: refused (``code``), it moved meanwhile."""

    conflict_id: UUID
    outcome: Literal["resolved", "left", "failed"]
    why: str
    code: str = ""
    decided: Decided | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A conflict at the versions at which it was shown."""

    conflict_id: UUID
    conflict_version: int
    entry_version: int


def preview_many(conflict_ids: Sequence[UUID], *, principal: Principal, strategy: str) -> list[Foreseen | BulkOutcome]:
    """What the strategy would do with each, in their order; an outcome ``failed`` for what cannot be looked at."""
    with behind_walls(principal):
        return [foresee(conflict_id, principal, strategy) for conflict_id in conflict_ids]


def foresee(conflict_id: UUID, principal: Principal, strategy: str) -> Foreseen | BulkOutcome:
    try:
        seen = preview(conflict_id, principal=principal, strategy=strategy)
    except HubError as error:
        return BulkOutcome(conflict_id, "failed", error.message, error.code)
    plan = seen.strategies[strategy]
    decidable = seen.valid and plan.available and plan.winner is not None
    changes = len(seen.changed) if decidable else 0
    return Foreseen(conflict_id, seen.conflict_version, seen.entry_version, decidable, plan.winner, plan.why, changes)


def resolve_many(seen: Sequence[Seen], *, principal: Principal, strategy: str, reason: str = "") -> list[BulkOutcome]:
    """Decides each as it was shown, in a transaction of its own (a savepoint inside of one): none harms another."""
    return [resolve_one(one, principal, strategy, reason) for one in seen]


def resolve_one(one: Seen, principal: Principal, strategy: str, reason: str) -> BulkOutcome:
    try:
        with transaction.atomic(), behind_walls(principal):
            plan = preview(one.conflict_id, principal=principal, strategy=strategy).strategies[strategy]
            if not plan.available or plan.winner is None:
                return BulkOutcome(one.conflict_id, "left", plan.why)
            decided = resolve(
                one.conflict_id,
                principal=principal,
                conflict_version=one.conflict_version,
                entry_version=one.entry_version,
                strategy=strategy,
                reason=reason,
            )
    except HubError as error:
        return BulkOutcome(one.conflict_id, "failed", error.message, error.code)
    return BulkOutcome(one.conflict_id, "resolved", plan.why, decided=decided)
