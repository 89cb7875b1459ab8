"""The labelled error texts, and what a search among known problems gives for each of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from procedures_app.matching.features import reading, shared
from procedures_app.signatures import ErrorText, read, stored
from procedures_app.signatures.vocabulary import VOCABULARY

FOLDER = Path(__file__).parent.parent / "tests" / "data" / "errors"
PARTS = ("development", "calibration", "held_out")
_SLOT = re.compile("<(?:name|id)>")
_NAMES = sorted(VOCABULARY)
CANDIDATES = 10  #: so many known problems a search gives

#: the cosine of the types and templates of two errors
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


def errors(part: str) -> list[Labelled]:
    """The texts of one of ``PARTS``: no source and no problem is in two."""
    rows = (json.loads(line) for line in (FOLDER / f"{part}.jsonl").read_text().splitlines())
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
        others = _ranked(asked, [one for problem, one in first.items() if problem != asked.problem], near)
        made.append([replace(one, weight=1.0) for one in others])
        known_by = [one for one in found if one.problem == asked.problem and one is not asked]
        for its in _ranked(asked, known_by, near, len(known_by)):
            best = sorted([*others, its], key=_likest, reverse=True)[:CANDIDATES]
            made.append([replace(one, weight=1 / len(known_by)) for one in best])
    return made


def _ranked(asked: Labelled, known: Sequence[Labelled], near: Near | None, most: int = CANDIDATES) -> list[Candidate]:
    told = kept(asked.read)
    cosines = [near(told, kept(one.read)) if near else None for one in known]
    found = [Candidate(asked, one, cosine) for one, cosine in zip(known, cosines, strict=True)]
    return sorted(found, key=_likest, reverse=True)[:most]


def _likest(one: Candidate) -> tuple[bool, float]:
    likeness = shared(reading(one.asked.read), reading(one.known.read)) + (one.cosine or 0.0)
    return one.asked.read.signature == one.known.read.signature, likeness


def with_names(found: Sequence[Labelled]) -> list[Labelled]:
    """The same texts with one masked part of each as a word: how names look that no rule tells from words.

    The rules were made on these texts, so that they hold too few of these.
    """
    return [replace(one, read=_with_name(one.read, place)) for place, one in enumerate(found)]


def _with_name(text: ErrorText, place: int) -> ErrorText:
    digest = hashlib.sha256(f"{place} {text.template}".encode()).hexdigest()
    name = _NAMES[int(digest[:12], 16) % len(_NAMES)]
    return stored(error_type=text.error_type, template=_SLOT.sub(name, text.template, count=1))


def kept(text: ErrorText) -> str:
    """What is kept and embedded of a known problem."""
    return f"{text.error_type}: {text.template}"
