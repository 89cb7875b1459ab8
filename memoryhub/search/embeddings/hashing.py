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
    name = f"hashing-{DIMENSION}"
    dimension = DIMENSION
    batch_size = 256
    ready = True
    problem = None

    def warm(self, wait_seconds: float = 0) -> bool:
        return True

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [embed_text(text) for text in texts]

    embed_queries = embed


def embed_text(text: str) -> Vector:
    vector = np.zeros(DIMENSION, dtype=np.float32)
    words = Counter(WORD.findall(text[:MAX_CHARS].lower()))
    for word, count in words.items():
        for place, weight in word_features(word):
            vector[place] += weight * (1 + math.log(count))
    return normalized(vector)


def normalized(vector: Vector) -> Vector:
    norm = float(np.linalg.norm(vector))
    if norm == 0:
        # no words at all ("", "!?"): a vector of length 1 all the same, because a cosine needs one
        vector[0], norm = 1, 1
    return vector / np.float32(norm)


@lru_cache(maxsize=20_000)
def word_features(word: str) -> tuple[tuple[int, float], ...]:
    padded = f"<{word}>"
    trigrams = {padded[i : i + 3] for i in range(len(padded) - 2)}
    return tuple(signed_places([f"w:{stem(word)}"], 1.0)) + tuple(signed_places(sorted(trigrams), TRIGRAM_WEIGHT))


def signed_places(features: Sequence[str], weight: float) -> Iterator[tuple[int, float]]:
    for feature in features:
        # not hash(): that changes with PYTHONHASHSEED, and these vectors are stored
        number = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")
        yield (number >> 1) % DIMENSION, weight if number & 1 else -weight


def stem(word: str) -> str:
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            return word[: -len(ending)]
    return word
