"""Known problems, the likeliest first, each with the probability that the error is that problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from procedures_app.matching import weights
from procedures_app.matching.features import Reading, features, rarity, reading
from procedures_app.signatures import ErrorText

_MOST_SHOWN = 4
MOST_LEAD = 4.0


@dataclass(frozen=True, slots=True)
class Known:
    """A known problem. ``cosine`` is of the embeddings of both texts, if there is one."""

    id: str
    text: ErrorText
    cosine: float | None = None


@dataclass(frozen=True, slots=True)
class Matched:
    """``confidence`` is the calibrated probability (0 to 1, never 1) of the same problem; ``why`` is for people."""

    id: str
    confidence: float
    why: str


def rank(problem: ErrorText, known: Sequence[Known]) -> list[Matched]:
    """Best first; equal ones by id.

    The same signature has a probability of its own. Of the others the likeliest is judged by its lead over the next
    too: the right problem mostly stands out among the candidates of a search.
    """
    asked = reading(problem)
    equal = [Matched(one.id, weights.SAME_SIGNATURE, "The same signature.") for one in known if _same(problem, one)]
    others = [(score(asked, reading(one.text), one.cosine), one) for one in known if not _same(problem, one)]
    others.sort(key=lambda scored: (-scored[0], scored[1].id))
    chances = [confidence(raw, one.cosine) for raw, one in others]
    if others and not equal:
        chances[0] = first_confidence(others[0][0], lead([raw for raw, _ in others]), others[0][1].cosine)
    # another signature is never surer than the same one, and no later one surer than the first
    most = min(weights.SAME_SIGNATURE, chances[0] if others else 1.0)
    found = [
        Matched(one.id, min(chance, most), _why(asked, reading(one.text)))
        for chance, (_, one) in zip(chances, others, strict=True)
    ]
    return sorted([*equal, *found], key=lambda matched: (-matched.confidence, matched.id))


def score(a: Reading, b: Reading, cosine: float | None) -> float:
    """Of two texts with other signatures, before it is calibrated: log-odds."""
    table = weights.WORDS_ONLY if cosine is None else weights.WITH_COSINE
    return math.fsum(weight * value for weight, value in zip(table, (*features(a, b, cosine), 1.0), strict=True))


def lead(scores: Sequence[float]) -> float:
    """How far the first is before the second; a candidate without others leads by the most."""
    return min(scores[0] - scores[1], MOST_LEAD) if len(scores) > 1 else MOST_LEAD


def confidence(raw: float, cosine: float | None) -> float:
    steepness, shift = weights.CALIBRATION_WORDS_ONLY if cosine is None else weights.CALIBRATION_WITH_COSINE
    return logistic(steepness * raw + shift)


def first_confidence(raw: float, ahead: float, cosine: float | None) -> float:
    steepness, leading, shift = weights.FIRST_WORDS_ONLY if cosine is None else weights.FIRST_WITH_COSINE
    return logistic(steepness * raw + leading * ahead + shift)


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def _same(problem: ErrorText, one: Known) -> bool:
    return one.text.signature == problem.signature


def _why(asked: Reading, known: Reading) -> str:
    said = [f"Both are {asked.kind}."] if asked.kind and asked.kind == known.kind else []
    if asked.code and asked.code == known.code:
        said.append(f"Both have the code {asked.code.upper()}.")
    both = [word for word in asked.words if word in known.words]
    if both:
        best = sorted(both, key=lambda word: (-rarity(word), asked.words.index(word)))[:_MOST_SHOWN]
        said.append(f"Both say {', '.join(word for word in both if word in best)}.")
    return " ".join(said) or "They have little in common."
