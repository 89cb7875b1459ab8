"""The labelled error texts, and what a search among known problems gives for each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from procedures_app.matching.features import reading, shared
from procedures_app.signatures import ErrorText, read

FOLDER = Path(__file__).parent.parent / "tests" / "data" / "errors"
HALVES = ("development", "held_out")
CANDIDATES = 10  #: so many known problems a search gives

#: the cosine of a message and of a known problem's type and template
Near = Callable[[str, str], float]


@dataclass(frozen=True)
class Labelled:
    text: str
    problem: str
    source: str
    read: ErrorText


@dataclass(frozen=True)
class Candidate:
    """One known problem that was found for an error. Of a text: 1 while it is known, 1 while not."""

    asked: Labelled
    known: Labelled
    cosine: float | None
    weight: float = 1.0

    @property
    def same(self) -> bool:
        return self.asked.problem == self.known.problem


def errors(half: str) -> list[Labelled]:
    """The texts of ``development`` or ``held_out``: no source and no problem is in both."""
    rows = (json.loads(line) for line in (FOLDER / f"{half}.jsonl").read_text().splitlines())
    return [
        Labelled(row["text"], row["problem"], row["source"], read(row["text"], error_type=row.get("error_type", "")))
        for row in rows
    ]


def pairs(found: Sequence[Labelled]) -> Iterator[tuple[Labelled, Labelled]]:
    yield from combinations(found, 2)


def searches(found: Sequence[Labelled], near: Near | None = None) -> list[list[Candidate]]:
    """For each text what a search gives among the known problems, each known by one text, the likest first.

    A text is asked once while its problem is not known yet, and once for each other text that its problem may be known
    by. Weighted, in about half of the searches nothing is right, and of twenty candidates nineteen are wrong.
    """
    first = {one.problem: one for one in reversed(found)}
    made = []
    for asked in found:
        others = [one for problem, one in first.items() if problem != asked.problem]
        made.append(_candidates(asked, others, near, 1.0))
        known_by = [one for one in found if one.problem == asked.problem and one is not asked]
        made += [_candidates(asked, [*others, its], near, 1 / len(known_by)) for its in known_by]
    return made


def _candidates(asked: Labelled, known: Sequence[Labelled], near: Near | None, weight: float) -> list[Candidate]:
    told = reading(asked.read)
    cosines = {id(one): near(asked.text, kept(one.read)) for one in known} if near else {}

    def rank(one: Labelled) -> tuple[bool, float]:
        likeness = shared(told, reading(one.read)) + cosines.get(id(one), 0.0)
        return one.read.signature == asked.read.signature, likeness

    best = sorted(known, key=rank, reverse=True)[:CANDIDATES]
    return [Candidate(asked, one, cosines.get(id(one)), weight) for one in best]


def kept(text: ErrorText) -> str:
    """What is kept and embedded of a known problem."""
    return f"{text.error_type}: {text.template}"
