"""Fits the weights of the detection on the development half and writes agents_app/detection/weights.py.

Multinomial logistic regression with a light ridge, by Adam from zero: the same pairs give the same weights.
Prints what leaving one topic out at a time gives; the held-out half is not read.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from agents_app.detection import features as described
from agents_app.detection.aligning import Likeness, align, no_likeness
from agents_app.detection.reading import read
from agents_app.detection.scoring import overlap
from benchmarks.detection_pairs import LABELS, LabelledPair, pairs, remembering

TARGET = Path(__file__).parent.parent / "agents_app" / "detection" / "weights.py"
RIDGE, STEPS, RATE = 0.002, 1500, 0.05
THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.8)


def main() -> None:
    from memoryhub.search.embeddings.local import open_encoder

    home = Path(os.environ.get("MEMORYHUB_HOME") or tempfile.mkdtemp())
    likeness = remembering(open_encoder(home, 1).encode)
    told = [pair for pair in pairs("development") if isinstance(pair.a, str) and isinstance(pair.b, str)]
    labels = np.array([LABELS.index(pair.label) for pair in told])
    tables = {}
    for name, near in (("WITH_VECTORS", likeness), ("WORDS_ONLY", None)):
        rows = np.array([row_of(pair, near) for pair in told])
        report(name, rows, labels, [pair.topic for pair in told])
        fitted = fit(rows, labels)
        tables[name] = [(fitted[:, kind] - fitted[:, 0]).round(3).tolist() for kind in (1, 2)]
    TARGET.write_text(module(tables))


def row_of(pair: LabelledPair, likeness: Likeness | None) -> list[float]:
    a, b = read(pair.a), read(pair.b)
    near = likeness or no_likeness
    return described.features(a, b, align(a, b, near), near(pair.a, pair.b) if likeness else overlap(a, b), near)


def fit(rows: Any, labels: Any) -> Any:
    known = np.c_[rows, np.ones(len(rows))]
    wanted = np.eye(len(LABELS))[labels]
    weights = np.zeros((known.shape[1], len(LABELS)))
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    for step in range(1, STEPS + 1):
        ridge = RIDGE * np.r_[weights[:-1], np.zeros((1, len(LABELS)))]
        slope = known.T @ (chances(known, weights) - wanted) / len(rows) + ridge
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope * slope
        weights -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def chances(known: Any, weights: Any) -> Any:
    raised = np.exp(known @ weights)
    return raised / raised.sum(axis=1, keepdims=True)


def report(name: str, rows: Any, labels: Any, topics: list[str]) -> None:
    """Precision and recall on each topic by the weights of all others."""
    left_out = np.zeros((len(labels), len(LABELS)))
    for topic in sorted(set(topics)):
        out = np.array([found == topic for found in topics])
        left_out[out] = chances(np.c_[rows[out], np.ones(out.sum())], fit(rows[~out], labels[~out]))
    for kind in (1, 2):
        for threshold in THRESHOLDS:
            said, right = left_out[:, kind] >= threshold, labels == kind
            hits = (said & right).sum()
            figures = f"precision {hits / max(said.sum(), 1):.2f}  recall {hits / right.sum():.2f}"
            print(f"{name:13} {LABELS[kind]:13} from {threshold:.2f}: {figures}")


def module(tables: dict[str, list[list[float]]]) -> str:
    lines = ['"""Made by ``python -m benchmarks.fit_detection`` from the development half of the labelled pairs.', ""]
    lines += [
        "For each feature, then for the constant: its weight for a duplicate and for a contradiction, against neither."
    ]
    lines += ['"""', ""]
    for name, (duplicate, contradiction) in tables.items():
        about = "with" if name == "WITH_VECTORS" else "without"
        lines.append(f"#: {about} an embedding model")
        lines.append(f"{name} = (")
        for column in (duplicate, contradiction):
            lines.append("    (")
            named = zip((*described.NAMES, "constant"), column, strict=True)
            lines += [f"        {weight},  # {feature}" for feature, weight in named]
            lines.append("    ),")
        lines.append(")")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
