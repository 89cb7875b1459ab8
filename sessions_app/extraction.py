"""The sentences of a conversation that say most about it: LexRank, with no model and no word lists.

G. Erkan and D. Radev, "LexRank: Graph-based Lexical Centrality as Salience in Text Summarization",
JAIR 22 (2004): sentences that resemble many others are central. Rare words weigh more (TF-IDF), so
that stop words of whatever language hardly count. PageRank itself is rustworkx's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import rustworkx
from numpy.typing import NDArray

#: Below this cosine two sentences are strangers (the paper's threshold).
SIMILAR = 0.1
#: Most sentences compared; the last ones of a longer conversation. 120 take about 10 ms.
MOST_SENTENCES = 120
#: Characters read of one text, and shown of one sentence; words of a sentence that are compared.
MOST_READ, MOST_SHOWN, MOST_WORDS = 4000, 300, 100
FEWEST_WORDS = 6

SENTENCE_END = re.compile(r"(?<=[.!?。！？…])[\"')\]]*\s+|\n+")
WORD = re.compile(r"\w+")


def key_sentences(turns: Sequence[tuple[str, str]], count: int = 3) -> list[str]:
    """The ``count`` most central sentences of (speaker, text) turns, in the order said, as ``speaker: sentence``.

    Deterministic; reads the last ``MOST_SENTENCES`` sentences only.
    """
    found = sentences(turns)[-MOST_SENTENCES:]
    if len(found) <= count:
        return [shown(*item) for item in found]
    scores = centrality([WORD.findall(text.lower())[:MOST_WORDS] for _, text in found])
    best = sorted(range(len(found)), key=lambda index: (-scores[index], index))[:count]
    return [shown(*found[index]) for index in sorted(best)]


def sentences(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """(speaker, sentence), each once: statements long enough to say something, or whatever there is."""
    split = [(speaker, part.strip()) for speaker, text in turns for part in SENTENCE_END.split(text[:MOST_READ])]
    said = list(dict.fromkeys(item for item in split if item[1]))
    return [item for item in said if says_something(item[1])] or said


def says_something(sentence: str) -> bool:
    return len(WORD.findall(sentence)) >= FEWEST_WORDS and not sentence.endswith("?")


def shown(speaker: str, sentence: str) -> str:
    cut = sentence if len(sentence) <= MOST_SHOWN else sentence[: MOST_SHOWN - 1].rstrip() + "…"
    return f"{speaker}: {cut}"


def centrality(texts: Sequence[Sequence[str]]) -> list[float]:
    """A score per text, rounded so that the last bits of a machine's arithmetic decide nothing."""
    weights = tf_idf(texts)
    similar = weights @ weights.T
    np.fill_diagonal(similar, 0.0)
    similar[similar < SIMILAR] = 0.0
    graph = rustworkx.PyDiGraph.from_adjacency_matrix(similar)
    ranks = rustworkx.pagerank(graph, weight_fn=float)
    return [round(ranks[index], 9) for index in range(len(texts))]


def tf_idf(texts: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """A unit row per text over the words of all of them."""
    numbers = {word: index for index, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    weights = np.zeros((len(texts), len(numbers)))
    for row, text in enumerate(texts):
        for word, times in Counter(text).items():
            weights[row, numbers[word]] = times
    in_texts = np.count_nonzero(weights, axis=0)
    weights *= np.log(1 + len(texts) / in_texts) - np.log(2) + 1e-9
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    lengths[lengths == 0] = 1.0
    unit: NDArray[np.float64] = weights / lengths
    return unit
