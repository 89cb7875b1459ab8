"""One user's turns, prepared once for all baselines: vectors, word counts, names, sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.retrieval.bm25 import Bm25
from benchmarks.retrieval.dataset import Item, User
from benchmarks.retrieval.words import Stemmer

Scores = npt.NDArray[np.float64]
CONTEXT_WORDS = 40
PASSAGE_WORDS = 110
GENERIC = {"user", "assistant", "system", "tool"}


class Embeds(Protocol):
    def embed(self, texts: Sequence[str]) -> Sequence[npt.NDArray[np.float32]]: ...


class Corpus:
    """``own`` and ``in_context`` have shape (turns, dimension) and rows of length 1."""

    def __init__(self, user: User, embedder: Embeds, stemmer: Stemmer) -> None:
        self.items, self.embedder, self.stemmer = user.items, embedder, stemmer
        texts = [item.text for item in user.items]
        self.own = self.vectors(texts)
        self.in_context = self.vectors(list(with_context(user)))
        self.words = Bm25(stemmer.counts(texts))
        passages = [(place, part) for place, text in enumerate(texts) for part in passages_of(text)]
        self.passage_words = Bm25(stemmer.counts([part for _, part in passages]))
        self.passage_places = np.array([place for place, _ in passages])
        self.names = sorted({item.speaker for item in user.items})
        self.people = [name for name in self.names if name.lower() not in GENERIC]

    def vectors(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        return np.array(self.embedder.embed(texts))

    def ranked(self, scores: Scores, depth: int) -> list[str]:
        """Ids of the best scores; the earlier turn first where two are alike."""
        return [self.items[place].id for place in np.argsort(-scores, kind="stable")[:depth]]

    def best_passage(self, stems: Sequence[str]) -> Scores:
        """BM25 of each turn's best passage."""
        best = np.zeros(len(self.items))
        np.maximum.at(best, self.passage_places, self.passage_words.scores(stems))
        return best

    def neighbors(self) -> Iterator[tuple[int, int]]:
        """Places of turns that follow one another in a session of short turns, both ways."""
        short = short_sessions(self.items)
        for place, (item, following) in enumerate(zip(self.items, self.items[1:], strict=False)):
            if item.session == following.session and item.session in short:
                yield place, place + 1
                yield place + 1, place


def with_context(user: User) -> Iterator[str]:
    """Each turn after the last words said before it in its session."""
    before: dict[str, list[str]] = {}
    for item in user.items:
        said = before.setdefault(item.session, [])
        yield " ".join([*said[-CONTEXT_WORDS:], item.text])
        said.extend(item.text.split())


def passages_of(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[at : at + PASSAGE_WORDS]) for at in range(0, max(1, len(words)), PASSAGE_WORDS)]


def short_sessions(items: Sequence[Item], mean_words: float = 60) -> set[str]:
    lengths: dict[str, list[int]] = {}
    for item in items:
        lengths.setdefault(item.session, []).append(len(item.text.split()))
    return {session for session, counts in lengths.items() if sum(counts) / len(counts) <= mean_words}


def mentions(query: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", query, re.IGNORECASE) is not None
