"""Memories by those whom a query names, also where it misspells them."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.search.ranking import Candidate, Found, authors, conditions_of, facts, options, rows_of
from memoryhub.search.recipe.likeness import Meant, Term, counted
from memoryhub.search.recipe.names import ROLES
from memoryhub.search.requests import Filters
from memoryhub.search.spelling import is_word, likeness, words_of

WRITTEN = "SELECT search_written_by(%s::jsonb, %s::jsonb, %s::jsonb, %s)"


@dataclass(frozen=True, slots=True)
class Written:
    """The newest rows by some authors, and how many rows each of them wrote."""

    rows: list[Candidate]
    memories: Mapping[str, int]


def with_authors(
    found: Found,
    *,
    words: Sequence[str],
    kinds: Sequence[str],
    filters: Filters,
    limit: int,
    principal: Principal,
) -> Found:
    """What was found, and the newest by those whom the words name: a name counts as if the author stood in the text."""
    named = authors_meant(words, principal)
    if not named:
        return found
    written = written_by(list(named), kinds, filters, limit, principal=principal)
    rows = {row.id: row for row in (*written.rows, *found.candidates)}
    return replace(found, candidates=[signed(row, named, written, found.count) for row in rows.values()])


def authors_meant(words: Sequence[str], principal: Principal) -> dict[str, list[Meant]]:
    """Per author whom a word names, the parts of the name that are meant."""
    least = settings.CONFIG.search.fuzzy_similarity
    asked = [word for word in words if is_word(word)]
    meant: dict[str, list[Meant]] = defaultdict(list)
    for author in authors(principal) if asked else ():
        for part in words_of(author) if is_name(author) else ():
            alike = ((word, likeness(word, part, least)) for word in asked)
            meant[author] += [Meant(part, word, value) for word, value in alike if value is not None]
    return {author: parts for author, parts in meant.items() if parts}


def is_name(author: str) -> bool:
    """Neither a role, such as "user", nor a key without a name."""
    return author.lower() not in ROLES and not author.startswith("key:")


def written_by(
    names: Sequence[str], kinds: Sequence[str], filters: Filters, limit: int, *, principal: Principal
) -> Written:
    values = [
        json.dumps(facts(principal, kinds)),
        json.dumps(conditions_of(kinds, filters)),
        json.dumps(options(limit, False, filters, None)),
        list(names),
    ]
    [(answer,)] = one_trip(WRITTEN, values, principal=principal)
    found = json.loads(answer) if isinstance(answer, str) else answer
    return Written(rows_of(found["columns"]), found["memories"])


def signed(row: Candidate, named: Mapping[str, list[Meant]], written: Written, rows: int) -> Candidate:
    """The row with its author among its terms, if the query names him."""
    if row.author is None or row.author not in named:
        return row
    memories = written.memories.get(row.author, 0)
    idf = math.log(1 + max(rows - memories + 0.5, 0.5) / (memories + 0.5))
    terms: list[Term] = [
        [one.word, 1.0, memories, idf, idf * one.likeness, one.asked, one.likeness] for one in named[row.author]
    ]
    return counted(row, [*(row.terms or ()), *terms])
