"""Searching in spite of typos: each word of the query with the words it may stand for."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.search.ranking import Found, candidates, facts
from memoryhub.search.recipe.likeness import Meant, weighed
from memoryhub.search.requests import Filters
from memoryhub.search.services.authors import with_authors
from memoryhub.search.spelling import WORD, is_word, most_alike

SIMILAR = "SELECT asked, word FROM search_similar_words(%s::jsonb, %s, %s, %s)"
#: Words of a query that others are looked for, and others taken for each.
MOST_ASKED, MOST_ALTERNATES = 16, 8
#: A word that memories hold is probably no slip, so others in its place count less.
BESIDE_THE_WORD = 0.4


def search_words(
    *,
    query: str,
    kinds: Sequence[str],
    filters: Filters,
    limit: int,
    principal: Principal,
) -> Found:
    """The rows with words of the query or words like them, also in the name of their author.

    ``bm25`` is weighed by likeness, with its ``terms``.

    The principal must be inside a tenant.
    """
    meant = alternatives(query, principal, kinds, archived=filters.include_archived)
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
    rows = weighed([row for row in found.candidates if not row.neighbor], meant)
    words = [one.word for one in meant if one.likeness == 1.0]
    found = replace(found, candidates=rows)
    return with_authors(found, words=words, kinds=kinds, filters=filters, limit=limit, principal=principal)


def alternatives(query: str, principal: Principal, kinds: Sequence[str], *, archived: bool) -> list[Meant]:
    """The words of the query, and after them those that may have been meant, each word once.

    Only words that stand in what the principal may see are ever among the others.
    """
    words = list(dict.fromkeys(WORD.findall(query.lower())))
    alike = similar(words, principal, kinds, archived)
    others = [one for asked, known in alike.items() for one in likely(asked, known)]
    others.sort(key=lambda one: (-one.likeness, one.word, one.asked))
    best = {one.word: one for one in reversed(others) if one.word not in words}
    return [Meant(word, word, 1.0) for word in words] + sorted(best.values(), key=lambda one: (-one.likeness, one.word))


def likely(asked: str, known: Sequence[str]) -> Iterator[Meant]:
    alike = most_alike(asked, known, settings.CONFIG.search.fuzzy_similarity)
    others = [(word, value) for word, value in alike.items() if word != asked][:MOST_ALTERNATES]
    share = BESIDE_THE_WORD if asked in alike else 1.0
    return (Meant(word, asked, value * share) for word, value in others)


def similar(words: Sequence[str], principal: Principal, kinds: Sequence[str], archived: bool) -> dict[str, list[str]]:
    """Per word of the query the words of memories in reach that share enough of it."""
    asked = [word for word in words if is_word(word)][:MOST_ASKED]
    if not asked:
        return {}
    values = [json.dumps(facts(principal, kinds)), archived, asked, settings.CONFIG.search.fuzzy_similarity]
    found: dict[str, list[str]] = defaultdict(list)
    for place, word in one_trip(SIMILAR, values, principal=principal):
        found[asked[place]].append(word)
    return found
