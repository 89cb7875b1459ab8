"""Deterministic embeddings without a model: for tests, and for hubs that want no model at all.

Feature hashing with signs (Weinberger et al. 2009) of word stems and character trigrams. Texts that
share words or spellings are near each other; meaning beyond that is not seen.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .base import Vector


DIMENSION = 256
TRIGRAM_WEIGHT = 0.3
MAX_CHARS = 16_384
WORD = re.compile(r"\w+")
ENDINGS = ("ingly", "edly", "ing", "ies", "ed", "es", "ly", "s")
SHORTEST_STEM = 3


class HashingEmbedder:
    batch_size = 256
    ready = True
    problem = None

    def __init__(self, dimension: int = DIMENSION) -> None:
        self.name = f"hashing-{dimension}"
        self.dimension = dimension

    def warm(self, wait_seconds: float = 0) -> bool:
        return True

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [embed_text(text, self.dimension) for text in texts]

    embed_queries = embed


def embed_text(text: str, dimension: int = DIMENSION) -> Vector:
    vector = np.zeros(dimension, dtype=np.float32)
    words = Counter(WORD.findall(text[:MAX_CHARS].lower()))
    for word, count in words.items():
        for place, weight in word_features(word, dimension):
            vector[place] += weight * (1 + math.log(count))
    return normalized(vector)


def normalized(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    if norm == 0:
        # no words at all ("", "!?"): a vector of length 1 all the same, because a cosine needs one
        vector[0], norm = 1, 1
    return vector / np.float32(norm)


@lru_cache(maxsize=20_000)
def word_features(word: str, dimension: int) -> tuple[tuple[int, float], ...]:
    padded = f"<{word}>"
    trigrams = {padded[i : i + 3] for i in range(len(padded) - 2)}
    whole = signed_places([f"w:{stem(word)}"], 1.0, dimension)
    return (*whole, *signed_places(sorted(trigrams), TRIGRAM_WEIGHT, dimension))


def signed_places(features: Sequence[str], weight: float, dimension: int) -> Iterator[tuple[int, float]]:
    for feature in features:
        # not hash(): that changes with PYTHONHASHSEED, and these vectors are stored
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        yield (number >> 1) % dimension, weight if number & 1 else -weight


def stem(word: str) -> str:
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word[: -len(ending)]
    return word
