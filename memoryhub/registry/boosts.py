"""What the registry knows of entries that a search may prefer: how strong they still are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.registry.strength import strength_sql

if TYPE_CHECKING:
    from memoryhub.search.ranking import Candidate


def strength(candidates: Sequence[Candidate], principal: Principal) -> dict[UUID, float]:
    """The strength of the entries among the candidates, 0 to 1. Messages have none."""
    ids = [found.id for found in candidates if found.kind == "entry"]
    if not ids:
        return {}
    expression, params = strength_sql("e")
    statement = f"SELECT e.id, {expression} FROM memory_context_registry e WHERE e.id = ANY (%s)"
    return {row[0]: float(row[1] or 0.0) for row in one_trip(statement, [*params, ids], principal=principal)}
