"""A query, read: what of it goes to which leg, and what else it says about the memory that it looks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from memoryhub.search.recipe import names
from memoryhub.search.recipe.dates import Named, dates_in

ASKS_WHEN = re.compile(
    r"^\s*when\b|\b(?:what|which) (?:date|day|month|year|week|time)\b|\bhow long ago\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Question:
    """``meaning`` is embedded, ``words`` are looked up; ``speakers`` are the authors that it asks about."""

    meaning: str
    words: str
    speakers: frozenset[str]
    dates: tuple[Named, ...]
    asks_when: bool


def read(query: str, authors: Sequence[str], user: str | None) -> Question:
    """``authors``: who wrote what the caller may see; ``user``: whose memory is searched, if one is named."""
    found = names.mentions(query, authors)
    words = names.without_names(query, found)
    return Question(
        meaning=names.in_first_person(query, found),
        # nothing but a name is looked up as it stands
        words=words if names.WORD.search(words) else query,
        speakers=names.speakers_meant(query, found, authors, user),
        dates=dates_in(query),
        asks_when=ASKS_WHEN.search(query) is not None,
    )


def as_it_stands(query: str) -> Question:
    return Question(query, query, frozenset(), (), asks_when=False)
