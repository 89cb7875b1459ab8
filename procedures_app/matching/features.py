"""What two error texts have in common, as numbers from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from procedures_app.matching import weights
from procedures_app.signatures import ErrorText
from procedures_app.signatures.identity import telling

_OF_NAMES = ("same_type", "other_type", "same_code", "other_code")
_OF_WORDS = ("shared", "covered", "covered_rare", "in_order", "ending", "trigrams", "trigrams_and_shared")
_OF_REST = ("left_on_both", "left_on_one", "thin", "thin_and_same_type", "cosine")
NAMES = (*_OF_NAMES, *_OF_WORDS, *_OF_REST)
_UNSEEN = 6.0  #: the rarity of a word that no labelled text had
_THIN = 2  #: fewer words than this say little
_LAST = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """One error text, prepared for comparing with many."""

    kind: str
    code: str
    words: tuple[str, ...]
    trigrams: frozenset[str]


@lru_cache(maxsize=4096)
def reading(text: ErrorText) -> Reading:
    words = tuple(telling(text.template))
    line = " ".join(words)
    return Reading(
        text.error_type.casefold() if text.error_type != text.code else "",
        text.code.casefold(),
        words,
        frozenset(line[start : start + 3] for start in range(max(len(line) - 2, 0))),
    )


def rarity(word: str) -> float:
    return weights.RARITY.get(word, _UNSEEN)


def shared(a: Reading, b: Reading) -> float:
    """Words of both by rarity: weighted Jaccard, 0 to 1."""
    return _shares(a.words, b.words)[0]


def features(a: Reading, b: Reading, cosine: float | None) -> list[float]:
    """As ``NAMES`` says. Without a cosine its place holds 0."""
    both, cover_a, cover_b = _shares(a.words, b.words)
    grams = _dice(a.trigrams, b.trigrams)
    thin = float(min(len(a.words), len(b.words)) < _THIN)
    same_type = float(bool(a.kind) and a.kind == b.kind)
    left_a, left_b = 1 - cover_a, 1 - cover_b
    return [
        same_type,
        float(bool(a.kind and b.kind) and a.kind != b.kind),
        float(bool(a.code) and a.code == b.code),
        float(bool(a.code and b.code) and a.code != b.code),
        both,
        max(cover_a, cover_b),
        _rarest(a.words, b.words),
        _in_order(a.words, b.words),
        _shares(a.words[-_LAST:], b.words[-_LAST:])[0],
        grams,
        grams * both,
        min(left_a, left_b),
        abs(left_a - left_b),
        thin,
        thin * same_type,
        cosine or 0.0,
    ]


def _shares(a: Sequence[str], b: Sequence[str]) -> tuple[float, float, float]:
    """Weighted Jaccard, and how much of each is in the other."""
    of_a, of_b = set(a), set(b)
    common = math.fsum(map(rarity, of_a & of_b))
    weight_a, weight_b = math.fsum(map(rarity, of_a)), math.fsum(map(rarity, of_b))
    whole = weight_a + weight_b - common
    return (common / whole if whole else 0.0, common / (weight_a or 1), common / (weight_b or 1))


def _rarest(a: Sequence[str], b: Sequence[str]) -> float:
    """Whether the rarest word of either is in the other too."""
    words = sorted({*a, *b}, key=lambda word: (-rarity(word), word))[:2]
    return sum(word in a and word in b for word in words) / max(len(words), 1)


def _dice(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a and b else 0.0


def _in_order(a: Sequence[str], b: Sequence[str]) -> float:
    """The longest common subsequence against the longer text; at most 40 words each."""
    lengths = [0] * (len(b) + 1)
    for word in a:
        corner = 0
        for place, other in enumerate(b, 1):
            above = lengths[place]
            lengths[place] = corner + 1 if word == other else max(above, lengths[place - 1])
            corner = above
    return lengths[-1] / max(len(a), len(b), 1)
