"""Figures of ranked lists, and intervals of the difference between two methods on the same questions.

Recall@k is the share of a question's evidence among the first k; NDCG@10 has binary relevance (Järvelin and
Kekäläinen 2002); MRR is one over the rank of the first evidence. Intervals are paired bootstraps (Efron 1979):
questions are drawn with replacement, both methods' scores of a question together.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

import numpy as np

METRICS = ("R@5", "R@10", "R@20", "N@10", "MRR")
ROUNDS = 2000
SEED = 20
#: Questions that ask for something that was not said; most publications leave them out.
ADVERSARIAL = "adversarial"


class Row(TypedDict):
    """One question's figures (0 to 1) by metric, and the ids found, best first."""

    id: str
    category: str
    scores: dict[str, float]
    found: list[str]


def score(found: Sequence[str], evidence: Collection[str]) -> dict[str, float]:
    """All METRICS of one ranked list of distinct ids; ``evidence`` is not empty."""
    ranks = [rank for rank, id_ in enumerate(found, 1) if id_ in evidence]
    recall = {f"R@{k}": sum(rank <= k for rank in ranks) / len(evidence) for k in (5, 10, 20)}
    return {**recall, "N@10": gain(ranks) / gain(range(1, len(evidence) + 1)), "MRR": 1 / ranks[0] if ranks else 0.0}


def gain(ranks: Collection[int]) -> float:
    """Discounted cumulative gain of relevant ranks (from 1) up to the tenth."""
    return sum(1 / math.log2(rank + 1) for rank in ranks if rank <= 10)


def means(rows: Sequence[Row]) -> dict[str, float]:
    """The mean of each metric, in percent."""
    return {metric: 100 * float(np.mean([row["scores"][metric] for row in rows])) for metric in METRICS}


def groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """The rows by what the tables show: all, without the adversarial ones where there are any, each category."""
    categories = sorted({row["category"] for row in rows})
    found = {"all": list(rows)}
    if ADVERSARIAL in categories and len(categories) > 1:
        found["without adversarial"] = [row for row in rows if row["category"] != ADVERSARIAL]
    return found | {name: [row for row in rows if row["category"] == name] for name in categories}


class Difference(TypedDict):
    """Mean difference in percentage points, and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired(ours: Sequence[Row], theirs: Sequence[Row]) -> dict[str, Difference]:
    """Ours minus theirs for each metric, over the questions that both have."""
    other: Mapping[str, Row] = {row["id"]: row for row in theirs}
    pairs = [(row["scores"], other[row["id"]]["scores"]) for row in ours if row["id"] in other]
    return (
        {metric: interval([mine[metric] - its[metric] for mine, its in pairs]) for metric in METRICS} if pairs else {}
    )


def interval(differences: Sequence[float]) -> Difference:
    values = 100 * np.array(differences)
    drawn = np.random.default_rng(SEED).integers(len(values), size=(ROUNDS, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
