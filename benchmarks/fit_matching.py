"""Fits the weights of the matching and writes procedures_app/matching/weights.py.

Logistic regression with a light ridge, by Newton's method from zero: the same texts give the same weights. The rows
are the candidates of a search, so that most are wrong, as in use. Platt's two numbers (1999) are fitted on what the
weights of all other sources say of a source. Two parts are read, and count the same: ``development``, on which the
rules were made, and ``calibration``, programs that hardly any rule knows; agents meet both. Prints what that gives; the
held-out part is not read.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detection_pairs import remembering
from benchmarks.error_texts import Candidate, Labelled, Near, errors, searches, with_names
from procedures_app.matching import features as described
from procedures_app.matching import weights
from procedures_app.matching.features import features, reading
from procedures_app.matching.ranking import lead

TARGET = Path(__file__).parent.parent / "procedures_app" / "matching" / "weights.py"
RIDGE, STEPS = 3.0, 60
THRESHOLDS = (0.3, 0.5, 0.7, 0.8, 0.9)
WITH_NAMES = 0.5  #: so much count the texts of development with a name in them that no rule tells from a word
COMMON = 2  #: a word of fewer problems is as rare as one never seen


def main() -> None:
    found, fresh = errors("development"), errors("calibration")
    as_many = len(found) / len(fresh)
    weights.RARITY.clear()
    weights.RARITY.update(rarity([*found, *fresh]))
    reading.cache_clear()
    tables: dict[str, list[float]] = {}
    for name, near in (("WORDS_ONLY", None), ("WITH_COSINE", cosines())):
        strange = weighed(searches(fresh, near), as_many)
        tried = [*searches(found, near), *weighed(searches(with_names(found), near), WITH_NAMES), *strange]
        others = [one for search in tried for one in search if not equal(one)]
        rows, labels = matrix(others), np.array([float(one.same) for one in others])
        share = np.array([one.weight for one in others])
        held = left_out(rows, labels, share, [one.asked.source for one in others])
        tables[f"CALIBRATION_{name}"] = platt(held, labels, share)
        tables[f"FIRST_{name}"] = first(tried, dict(zip(map(id, others), held.tolist(), strict=True)))
        report(name, logistic(platt_of(held, tables[f"CALIBRATION_{name}"])), labels, share)
        tables[name] = fit(rows, labels, share).tolist()
        both = [*searches(found), *weighed(searches(fresh), as_many)]
        tables["SAME_SIGNATURE"] = [same_signature([one for search in both for one in search])]
    TARGET.write_text(module(tables, weights.RARITY))


def weighed(tried: Sequence[Sequence[Candidate]], factor: float) -> list[list[Candidate]]:
    return [[replace(one, weight=one.weight * factor) for one in search] for search in tried]


def rarity(found: Sequence[Labelled]) -> dict[str, float]:
    """How rare a word is: the logarithm of problems by problems with the word."""
    said: dict[str, set[str]] = {}
    for one in found:
        said.setdefault(one.problem, set()).update(reading(one.read).words)
    counts = Counter(word for words in said.values() for word in words)
    return {word: round(math.log(len(said) / n) + 1, 2) for word, n in sorted(counts.items()) if n >= COMMON}


def cosines() -> Near:
    from memoryhub.search.embeddings.local import open_encoder

    home = Path(os.environ.get("MEMORYHUB_HOME") or tempfile.mkdtemp())
    return remembering(open_encoder(home, 1).encode)


def matrix(candidates: Sequence[Candidate]) -> Any:
    return np.array([[*features(reading(c.asked.read), reading(c.known.read), c.cosine), 1.0] for c in candidates])


def fit(rows: Any, labels: Any, share: Any) -> Any:
    found = np.zeros(rows.shape[1])
    ridge = np.diag([RIDGE] * (rows.shape[1] - 1) + [1e-6])
    for _ in range(STEPS):
        said = logistic(rows @ found)
        slope = rows.T @ (share * (said - labels)) + ridge @ found
        curve = (rows * (share * said * (1 - said))[:, None]).T @ rows + ridge
        found = found - np.linalg.solve(curve, slope)
    return found.round(3)


def logistic(values: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def left_out(rows: Any, labels: Any, share: Any, sources: Sequence[str]) -> Any:
    """What the weights fitted on all other sources say of each source, before it is calibrated."""
    said = np.zeros(len(labels))
    for source in sorted(set(sources)):
        out = np.array([one == source for one in sources])
        said[out] = rows[out] @ fit(rows[~out], labels[~out], share[~out])
    return said


def platt(said: Any, labels: Any, share: Any) -> list[float]:
    """Steepness (of each column) and shift, fitted to targets that are a little within 0 and 1."""
    right, wrong = (share * labels).sum(), (share * (1 - labels)).sum()
    targets = np.where(labels == 1, (right + 1) / (right + 2), 1 / (wrong + 2))
    rows = np.c_[said, np.ones(len(said))]
    found = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        chance = logistic(rows @ found)
        curve = (rows * (share * chance * (1 - chance))[:, None]).T @ rows + 1e-6 * np.eye(len(found))
        found = found - np.linalg.solve(curve, rows.T @ (share * (chance - targets)))
    return [round(float(value), 3) for value in found]


def first(tried: Sequence[Sequence[Candidate]], said: dict[int, float]) -> list[float]:
    """Of the likeliest of each search without an equal signature: steepness, what its lead counts, and shift."""
    rows, labels, share = [], [], []
    for search in tried:
        if not search or any(equal(one) for one in search):
            continue
        ranked = sorted(search, key=lambda one: -said[id(one)])
        rows.append([said[id(ranked[0])], lead([said[id(one)] for one in ranked])])
        labels.append(float(ranked[0].same))
        share.append(ranked[0].weight)
    return platt(np.array(rows), np.array(labels), np.array(share))


def equal(one: Candidate) -> bool:
    return one.asked.read.signature == one.known.read.signature


def platt_of(said: Any, numbers: Sequence[float]) -> Any:
    return said * numbers[0] + numbers[1]


def same_signature(tried: Sequence[Candidate]) -> float:
    """How often candidates with the same signature are the same problem, with one of each added."""
    found = [one for one in tried if equal(one)]
    return round((sum(one.weight for one in found if one.same) + 1) / (sum(one.weight for one in found) + 2), 3)


def report(name: str, said: Any, labels: Any, share: Any) -> None:
    right = share * labels
    print(f"{name}: {len(labels)} candidates with another signature, {right.sum() / share.sum():.1%} the same problem")
    for threshold in THRESHOLDS:
        told = said >= threshold
        precision = right[told].sum() / max(share[told].sum(), 1e-9)
        print(f"  from {threshold}: precision {precision:.2f}  recall {right[told].sum() / right.sum():.2f}")


def module(tables: dict[str, list[float]], rare: dict[str, float]) -> str:
    lines = [
        '"""Made by ``python -m benchmarks.fit_matching`` from labelled errors."""',
        "",
    ]
    for name, about in (("WITH_COSINE", "with a cosine of embeddings"), ("WORDS_ONLY", "without one")):
        named = zip((*described.NAMES, "constant"), tables[name], strict=True)
        lines += [f"#: {about}", f"{name} = (", *(f"    {weight},  # {feature}" for feature, weight in named), ")"]
        lines += ["#: steepness and shift", f"CALIBRATION_{name} = {tuple(tables[f'CALIBRATION_{name}'])}"]
        lines += ["#: of the likeliest: steepness, its lead, shift", f"FIRST_{name} = {tuple(tables[f'FIRST_{name}'])}"]
    lines += ["#: how often two errors with the same signature are the same problem"]
    lines += [f"SAME_SIGNATURE = {tables['SAME_SIGNATURE'][0]}", "#: of words in at least two labelled problems"]
    lines += ["RARITY: dict[str, float] = {", *(f'    "{word}": {value},' for word, value in rare.items()), "}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
