"""Fusing the legs of a search: min-max scores of words and of vectors, weighted (Lee 1997)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from memoryhub.search.ranking import Candidate
    from memoryhub.search.requests import Mode


@dataclass(frozen=True, slots=True)
class Part:
    """What a candidate gets from each leg; None: the leg did not choose it. The score is their sum."""

    keyword: float | None
    semantic: float | None

    @property
    def score(self) -> float:
        return (self.keyword or 0.0) + (self.semantic or 0.0)


def fuse(
    candidates: Sequence[Candidate], mode: Mode, *, depth: int, dense_weight: float
) -> list[tuple[Candidate, Part]]:
    """The candidates that a leg chose, best first, ties by id. ``depth``: rows taken from each leg."""
    words = {row.id: row.bm25 for row in candidates if row.bm25 is not None and mode != "semantic"}
    vectors = {row.id: row.similarity for row in candidates if row.similarity is not None and mode != "keyword"}
    words, vectors = best(words, depth), best(vectors, depth)
    if mode == "hybrid":
        words = share(words, 0.0, 1 - dense_weight)
        vectors = share(vectors, min(vectors.values(), default=0.0), dense_weight)
    parts = ((row, Part(words.get(row.id), vectors.get(row.id))) for row in candidates if not row.neighbor)
    chosen = [(row, part) for row, part in parts if part != Part(None, None)]
    return sorted(chosen, key=lambda pair: (-pair[1].score, pair[0].id))


def best(scores: dict[UUID, float], depth: int) -> dict[UUID, float]:
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:depth])


def share(scores: dict[UUID, float], low: float, weight: float) -> dict[UUID, float]:
    """Scores between ``low`` and the best one, as shares of ``weight``; where all are alike, each has all of it."""
    span = max(scores.values(), default=0.0) - low
    return {id_: weight * ((score - low) / span if span else 1.0) for id_, score in scores.items()}
