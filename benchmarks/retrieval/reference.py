"""The published recipe in plain numpy: what the hub's own ranking is compared with.

Names become "I", two vectors a turn, min-max fusion, and terms for author, neighbors, dates and questions.
The weights are the published ones; nothing here is tuned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import numpy as np

from benchmarks.retrieval.corpus import Corpus, Scores, mentions

DENSE, LEXICAL = 0.6, 0.4
AUTHOR = 0.2
NEIGHBOR = 0.15
ON_THE_DAY = 0.2
WEEK = 7
IS_QUESTION = -0.06

MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october"]
MONTHS += ["november", "december"]
MONTH = "(" + "|".join(f"{name}|{name[:3]}" for name in MONTHS) + r")\b\.?"
DAY = r"(\d{1,2})(?:st|nd|rd|th)?\b"
WRITTEN = [
    (re.compile(rf"\b{DAY} (?:of )?{MONTH}(?:,? (\d{{4}}))?", re.IGNORECASE), "dmy"),
    (re.compile(rf"\b{MONTH} {DAY}(?:,? (\d{{4}}))?", re.IGNORECASE), "mdy"),
    (re.compile(rf"\b{MONTH},? (\d{{4}})", re.IGNORECASE), "my"),
]
SELF = re.compile(r"\b(i|me|my|mine)\b", re.IGNORECASE)


def recipe(corpus: Corpus, query: str) -> Scores:
    """A score for each turn of the corpus: all of them are compared, not only the best of each leg."""
    named = [name for name in corpus.people if mentions(query, name)]
    meaning = corpus.vectors([as_self(query, named)])[0]
    dense = np.asarray(corpus.own @ meaning + corpus.in_context @ meaning, dtype=np.float64) / 2
    lexical = corpus.best_passage(without_names(corpus, query, named))
    score = DENSE * min_max(dense) + LEXICAL * min_max(lexical)
    score += AUTHOR * written_by(corpus, authors(corpus, query, named))
    score = with_neighbors(corpus, score)
    return score + ON_THE_DAY * near_dates(corpus, query) + between_people(corpus)


def as_self(query: str, named: list[str]) -> str:
    for name in named:
        query = re.sub(rf"\b{re.escape(name)}['’]s\b", "my", query, flags=re.IGNORECASE)
        query = re.sub(rf"\b{re.escape(name)}\b", "I", query, flags=re.IGNORECASE)
    return query


def without_names(corpus: Corpus, query: str, named: list[str]) -> list[str]:
    dropped = set(corpus.stemmer.stems(" ".join(named)))
    return [stem for stem in corpus.stemmer.stems(query) if stem not in dropped]


def min_max(scores: Scores) -> Scores:
    """Stretched to 0 for the worst turn of the corpus and 1 for the best."""
    low, high = scores.min(), scores.max()
    return (scores - low) / (high - low) if high > low else np.zeros(len(scores))


def authors(corpus: Corpus, query: str, named: list[str]) -> list[str]:
    """The speakers that are named; who says "I" to an assistant means the user."""
    return named or [name for name in corpus.names if name.lower() == "user" and SELF.search(query)]


def written_by(corpus: Corpus, names: list[str]) -> Scores:
    return np.array([float(item.speaker in names) for item in corpus.items])


def with_neighbors(corpus: Corpus, score: Scores) -> Scores:
    best = np.zeros(len(score))
    for place, neighbor in corpus.neighbors():
        best[place] = max(best[place], score[neighbor])
    return score + NEIGHBOR * best


def between_people(corpus: Corpus) -> Scores:
    asks = np.array([item.speaker in corpus.people and item.text.rstrip().endswith("?") for item in corpus.items])
    return IS_QUESTION * asks


def near_dates(corpus: Corpus, query: str) -> Scores:
    """1 for turns of a day (or month) that the query names, falling to 0 over the week after a day."""
    near = np.zeros(len(corpus.items))
    days = [item.time.date() for item in corpus.items]
    for year, month, day in dates_in(query):
        near = np.maximum(near, [closeness(said, year, month, day) for said in days])
    return near


def closeness(said: date, year: int | None, month: int, day: int | None) -> float:
    if day is None:
        return float((said.year, said.month) == (year, month))
    try:
        after = (said - date(year or said.year, month, day)).days
    except ValueError:
        return 0.0
    return 1 - after / (WEEK + 1) if 0 <= after <= WEEK else 0.0


def dates_in(query: str) -> Iterator[tuple[int | None, int, int | None]]:
    """Year, month and day of every date written out; one of year and day may be missing."""
    for pattern, order in WRITTEN:
        for match in pattern.finditer(query):
            part = dict(zip(order, match.groups(), strict=True))
            month = next(n for n, name in enumerate(MONTHS, 1) if name.startswith(part["m"].lower()))
            yield number(part.get("y")), month, number(part.get("d"))
        # a day's month is not named once more on its own
        query = pattern.sub(" ", query)


def number(digits: str | None) -> int | None:
    return int(digits) if digits else None
