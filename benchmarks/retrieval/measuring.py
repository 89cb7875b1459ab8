"""Asking every question of a set, of the hub and of the baselines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from benchmarks.retrieval.baselines import METHODS
from benchmarks.retrieval.corpus import Corpus, Embeds
from benchmarks.retrieval.dataset import DataSet, Question, User
from benchmarks.retrieval.scores import Row, score
from benchmarks.retrieval.through_hub import DEPTH, Memory
from benchmarks.retrieval.words import Stemmer


@dataclass
class Measured:
    """One method on one set. ``unsteady`` are questions whose second answer had another order."""

    rows: list[Row] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    unsteady: list[str] = field(default_factory=list)

    def add(self, question: Question, found: list[str], milliseconds: float) -> None:
        scores = score(found, question.evidence)
        self.rows.append({"id": question.id, "category": question.category, "scores": scores, "found": found})
        self.milliseconds.append(milliseconds)

    def percentiles(self) -> tuple[float, float]:
        """Median and 95th percentile of the time of one search, in milliseconds."""
        p50, p95 = np.percentile(self.milliseconds, [50, 95])
        return float(p50), float(p95)


def hub(memory: Memory, data: DataSet, mode: str, *, again: int = 1) -> Measured:
    """Every question, one after the other, and every ``again``-th of them once more for the order."""
    measured = Measured()
    for user, question in data.questions():
        answer = memory.ask(user, question, mode)
        measured.add(question, answer.found, answer.milliseconds)
    for (user, question), row in islice(zip(data.questions(), measured.rows, strict=True), None, None, again):
        if memory.ask(user, question, mode).found != row["found"]:
            measured.unsteady.append(question.id)
    return measured


def baselines(
    data: DataSet, embedder: Embeds, stemmer: Stemmer, say: Callable[[str], object], names: Sequence[str] = ()
) -> dict[str, Measured]:
    """Every method (or those of ``names``) on every question, in this process."""
    found = {name: Measured() for name in METHODS if not names or name in names}
    for user in data.users:
        say(f"  baselines: {user.name}")
        corpus = Corpus(user, embedder, stemmer)
        for name, measured in found.items():
            ask_all(corpus, user, name, measured)
    return found


def ask_all(corpus: Corpus, user: User, name: str, measured: Measured) -> None:
    for question in user.questions:
        begin = time.perf_counter()
        found = corpus.ranked(METHODS[name](corpus, question.text), DEPTH)
        measured.add(question, found, (time.perf_counter() - begin) * 1e3)
