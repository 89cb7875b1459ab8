"""What a caller may ask to be preferred, besides what fits the query: recent, strong or important memories.

Off unless asked for: preferring recent memories by default finds less (docs/retrieval.md). Houses register
what they know of their rows in ``AppConfig.ready``; ``recency`` and ``priority`` are known to the index.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal

if TYPE_CHECKING:
    from memoryhub.search.ranking import Candidate

#: How much of it each candidate has, 0 to 1; what is missing has none.
Loader = Callable[[Sequence["Candidate"], Principal], Mapping[UUID, float]]
#: For each boost that was asked for: its weight, and how much each candidate has.
Boosts = Mapping[str, tuple[float, Mapping[UUID, float]]]

PRIORITIES = {"critical": 1.0, "high": 2 / 3, "medium": 1 / 3, "low": 0.0}
SECONDS_A_DAY = 86_400


def recency(candidates: Sequence[Candidate], principal: Principal) -> dict[UUID, float]:
    """One half at ``ranking.recency_half_life_days``, a quarter at twice that age."""
    at, half_life = time.time(), settings.CONFIG.ranking.recency_half_life_days
    ages = {found.id: max((at - found.event_at) / SECONDS_A_DAY, 0.0) for found in candidates}
    return {id_: float(2 ** (-age / half_life)) for id_, age in ages.items()}


def priority(candidates: Sequence[Candidate], principal: Principal) -> dict[UUID, float]:
    return {found.id: PRIORITIES.get(found.priority or "", 0.0) for found in candidates}


_loaders: dict[str, Loader] = {"recency": recency, "priority": priority}


def register(name: str, loader: Loader) -> None:
    """Makes a boost askable. The loader runs in the request, behind the walls of the caller."""
    _loaders[name] = loader


def known() -> list[str]:
    return sorted(_loaders)


def checked(wanted: Mapping[str, float]) -> dict[str, float]:
    """The boosts that weigh anything. Raises Invalid for unknown names and weights outside of 0 to 1."""
    for name, weight in wanted.items():
        if name not in _loaders:
            raise Invalid("boost", f"'{name}' is not one of {', '.join(known())}.")
        if not 0 <= weight <= 1:
            raise Invalid("boost", f"The weight of '{name}' lies between 0 and 1.")
    return {name: weight for name, weight in sorted(wanted.items()) if weight}


def amounts(wanted: Mapping[str, float], candidates: Sequence[Candidate], principal: Principal) -> Boosts:
    return {name: (weight, _loaders[name](candidates, principal)) for name, weight in wanted.items()}
