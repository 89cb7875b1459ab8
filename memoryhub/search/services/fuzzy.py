"""Searching in spite of typos: each word of the query with the words it may stand for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.search.ranking import Candidate, Found, candidates, facts
from memoryhub.search.requests import Filters
from memoryhub.search.spelling import WORD, is_word, most_alike

SIMILAR = "SELECT asked, word FROM search_similar_words(%s::jsonb, %s, %s, %s)"
#: Words of a query that others are looked for, and others taken for each.
MOST_ASKED, MOST_ALTERNATES = 16, 8
#: A word that memories hold is probably no slip, so others in its place count less.
BESIDE_THE_WORD = 0.4


@dataclass(frozen=True, slots=True)
class Meant:
    """A word that stands for the one asked, and how alike the two are: 1 for the word itself."""

    word: str
    asked: str
    likeness: float


def search_words(
    *,
    query: str,
    kinds: Sequence[str],
    filters: Filters,
    limit: int,
    principal: Principal,
) -> Found:
    """The rows with words of the query or words like them; ``bm25`` is weighed by likeness, with its ``terms``.

    The principal must be inside a tenant.
    """
    meant = alternatives(query, principal, archived=filters.include_archived)
    found = candidates(
        query=query,
        mode="keyword",
        vector=None,
        model="",
        kinds=kinds,
        filters=filters,
        limit=limit,
        explain=True,
        principal=principal,
        words=[[one.word] for one in meant],
    )
    return replace(found, candidates=weighed(found.candidates, meant))


def alternatives(query: str, principal: Principal, *, archived: bool) -> list[Meant]:
    """The words of the query, and after them those that may have been meant, each word once.

    Only words that stand in what the principal may see are ever among the others.
    """
    words = list(dict.fromkeys(WORD.findall(query.lower())))
    others = [one for asked, known in similar(words, principal, archived).items() for one in likely(asked, known)]
    others.sort(key=lambda one: (-one.likeness, one.word, one.asked))
    best = {one.word: one for one in reversed(others) if one.word not in words}
    return [Meant(word, word, 1.0) for word in words] + sorted(best.values(), key=lambda one: (-one.likeness, one.word))


def likely(asked: str, known: Sequence[str]) -> Iterator[Meant]:
    alike = most_alike(asked, known, settings.CONFIG.search.fuzzy_similarity)
    others = [(word, value) for word, value in alike.items() if word != asked][:MOST_ALTERNATES]
    share = BESIDE_THE_WORD if asked in alike else 1.0
    return (Meant(word, asked, value * share) for word, value in others)


def similar(words: Sequence[str], principal: Principal, archived: bool) -> dict[str, list[str]]:
    """Per word of the query the words of memories in reach that share enough of it."""
    asked = [word for word in words if is_word(word)][:MOST_ASKED]
    if not asked:
        return {}
    values = [json.dumps(facts(principal)), archived, asked, settings.CONFIG.search.fuzzy_similarity]
    found: dict[str, list[str]] = defaultdict(list)
    for place, word in one_trip(SIMILAR, values, principal=principal):
        found[asked[place]].append(word)
    return found


def weighed(found: Sequence[Candidate], meant: Sequence[Meant]) -> list[Candidate]:
    by_word = {one.word: one for one in meant}
    rarest = rarity(found, by_word)
    return [reweighed(row, by_word, rarest) for row in found]


def rarity(found: Sequence[Candidate], by_word: Mapping[str, Meant]) -> dict[str, float]:
    """Per word of the query the idf of what is most like it. No other may count for more by being rarer."""
    closest: dict[str, tuple[float, float]] = {}
    for term in (term for row in found for term in row.terms or ()):
        one = by_word[term[0]]
        closest[one.asked] = max(closest.get(one.asked, (0.0, 0.0)), (one.likeness, term[3]))
    return {asked: idf for asked, (_, idf) in closest.items()}


def reweighed(row: Candidate, by_word: Mapping[str, Meant], rarest: Mapping[str, float]) -> Candidate:
    """The row with the best term for each word of the query; every other would count the same word again."""
    if row.bm25 is None:
        return row
    best: dict[str, list[Any]] = {}
    for term in row.terms or ():
        made = weighed_term(term, by_word[term[0]], rarest)
        best[made[5]] = max(best.get(made[5], made), made, key=lambda each: each[4])
    return replace(row, bm25=sum(term[4] for term in best.values()), terms=list(best.values()))


def weighed_term(term: Sequence[Any], one: Meant, rarest: Mapping[str, float]) -> list[Any]:
    """The figures of a term with those of its likeness: the word that was asked, and how alike the two are."""
    word, frequency, memories, idf, bm25 = term
    usual = min(idf, rarest[one.asked])
    return [word, frequency, memories, usual, bm25 * one.likeness * usual / idf, one.asked, one.likeness]
