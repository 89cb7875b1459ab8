"""Known methods to stand beside the hub, over the same turns and the same vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.retrieval import reference
from benchmarks.retrieval.corpus import Corpus, Scores

RRF = 60
LEG = 100


def bm25(corpus: Corpus, query: str) -> Scores:
    return corpus.words.scores(corpus.stemmer.stems(query))


def dense(corpus: Corpus, query: str) -> Scores:
    """The cosine of the query's vector and each turn's own."""
    return np.asarray(corpus.own @ corpus.vectors([query])[0], dtype=np.float64)


def naive_hybrid(corpus: Corpus, query: str) -> Scores:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) of the first hundred of both."""
    return fused(bm25(corpus, query), floor=0.0) + fused(dense(corpus, query), floor=-1.0)


def fused(scores: Scores, floor: float) -> Scores:
    """1 / (60 + rank) for the first hundred scores above ``floor``, 0 for the others."""
    best = np.argsort(-scores, kind="stable")[:LEG]
    best = best[scores[best] > floor]
    shares = np.zeros(len(scores))
    shares[best] = 1 / (RRF + 1 + np.arange(len(best)))
    return shares


METHODS: Mapping[str, Callable[[Corpus, str], Scores]] = {
    "BM25": bm25,
    "MiniLM cosine": dense,
    "naive hybrid (RRF 60)": naive_hybrid,
    "recipe": reference.recipe,
}
