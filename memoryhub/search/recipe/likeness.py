"""What words like those of the query are worth: each word of the query counts once, by what is most like it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryhub.search.ranking import Candidate

#: The figures of a term, as ``ranking.TERM`` and ``ranking.LIKENESS`` name them.
Term = list[Any]


@dataclass(frozen=True, slots=True)
class Meant:
    """A word that stands for the one asked, and how alike the two are: 1 for the word itself."""

    word: str
    asked: str
    likeness: float


def weighed(found: Sequence[Candidate], meant: Sequence[Meant]) -> list[Candidate]:
    """The candidates with their terms weighed; each of ``meant`` was looked up as a term of its own."""
    by_word = {one.word: one for one in meant}
    closest = idf_of_closest(found, by_word)
    return [counted(row, (weighed_term(term, by_word[term[0]], closest) for term in row.terms or ())) for row in found]


def idf_of_closest(found: Sequence[Candidate], by_word: Mapping[str, Meant]) -> dict[str, float]:
    """Per word of the query the idf of what is most like it. No other may count for more by being rarer."""
    closest: dict[str, tuple[float, float]] = {}
    for term in (term for row in found for term in row.terms or ()):
        one = by_word[term[0]]
        closest[one.asked] = max(closest.get(one.asked, (0.0, 0.0)), (one.likeness, term[3]))
    return {asked: idf for asked, (_, idf) in closest.items()}


def weighed_term(term: Sequence[Any], one: Meant, closest: Mapping[str, float]) -> Term:
    word, frequency, memories, idf, bm25 = term
    usual = min(idf, closest[one.asked])
    return [word, frequency, memories, usual, bm25 * one.likeness * usual / idf, one.asked, one.likeness]


def counted(row: Candidate, terms: Iterable[Term]) -> Candidate:
    """The row with the best of the terms for each word of the query; ``bm25`` is their sum."""
    best: dict[str, Term] = {}
    for term in terms:
        best[term[5]] = max(best.get(term[5], term), term, key=lambda each: each[4])
    return replace(row, bm25=sum(term[4] for term in best.values()), terms=list(best.values()))
