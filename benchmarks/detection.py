"""``python -m benchmarks.detection``: how well duplicates and contradictions are told apart, on the labelled pairs.

The floor beside it is what a threshold on the cosine of the embeddings can do alone, the best one for each half.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents_app.detection import score
from agents_app.detection.aligning import Likeness
from benchmarks.detection_pairs import HALVES, LabelledPair, pairs, remembering, spoken

KINDS = ("duplicate", "contradiction")


@dataclass(frozen=True)
class Quality:
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"{self.precision:.3f} / {self.recall:.3f}"


def quality(found: Sequence[LabelledPair], says: Callable[[LabelledPair], str | None], kind: str) -> Quality:
    said = [pair for pair in found if says(pair) == kind]
    hits = sum(pair.label == kind for pair in said)
    return Quality(hits / max(len(said), 1), hits / sum(pair.label == kind for pair in found))


def verdicts(likeness: Likeness | None) -> Callable[[LabelledPair], str | None]:
    """What the detection says of a pair; without a likeness by its words alone."""

    def kind_of(pair: LabelledPair) -> str | None:
        near = None if likeness is None else likeness(spoken(pair.a), spoken(pair.b))
        return score(pair.a, pair.b, similarity=near, likeness=likeness).kind

    return kind_of


def floor(found: Sequence[LabelledPair], kind: str, likeness: Likeness) -> Quality:
    """Whatever is at least so near is of this kind: the threshold with the best F1 on these very pairs."""
    near = {id(pair): likeness(spoken(pair.a), spoken(pair.b)) for pair in found}

    def at(threshold: float) -> Quality:
        return quality(found, lambda pair: kind if near[id(pair)] >= threshold else None, kind)

    return max(
        (at(step / 100) for step in range(30, 100)),
        key=lambda q: q.precision * q.recall / (q.precision + q.recall or 1),
    )


def harmonic(found: Quality) -> float:
    return found.precision * found.recall / (found.precision + found.recall or 1.0)


def rows(likeness: Likeness) -> list[str]:
    lines = [
        "| half | kind | pairs | with the model: precision / recall | words only | floor: cosine alone |",
        "|---" * 6 + "|",
    ]
    for half in HALVES:
        found = pairs(half)
        for kind in KINDS:
            cells = (verdicts(likeness), verdicts(None))
            measured = " | ".join(str(quality(found, says, kind)) for says in cells)
            lines.append(f"| {half} | {kind} | {len(found)} | {measured} | {floor(found, kind, likeness)} |")
    return lines


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from memoryhub.search.embeddings.local import open_encoder

    home = Path(os.environ.get("MEMORYHUB_HOME") or tempfile.mkdtemp())
    print("\n".join(rows(remembering(open_encoder(home, 1).encode))))


if __name__ == "__main__":
    main()
