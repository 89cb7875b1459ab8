"""BM25 over word counts (Robertson and Zaragoza 2009), with Lucene's idf, which is never negative."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

K1, B = 1.2, 0.75


class Bm25:
    def __init__(self, documents: Sequence[Counter[str]]) -> None:
        lengths = np.array([max(1, document.total()) for document in documents], dtype=np.float64)
        self.damping = K1 * (1 - B + B * lengths / lengths.mean())
        self.postings: dict[str, list[tuple[int, int]]] = {}
        for place, document in enumerate(documents):
            for stem, count in document.items():
                self.postings.setdefault(stem, []).append((place, count))

    def idf(self, stem: str) -> float:
        holding = len(self.postings.get(stem, ()))
        return math.log(1 + (len(self.damping) - holding + 0.5) / (holding + 0.5))

    def scores(self, stems: Sequence[str]) -> npt.NDArray[np.float64]:
        """Shape (documents,); 0 where no stem occurs."""
        total = np.zeros(len(self.damping))
        for stem in dict.fromkeys(stems):
            if postings := self.postings.get(stem):
                places, counts = np.array(postings).T
                total[places] += self.idf(stem) * counts * (K1 + 1) / (counts + self.damping[places])
        return total
