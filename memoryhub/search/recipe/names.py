"""Which participants a query speaks of.

In people's conversations the names of the speakers dominate an embedding: a query that names Ada finds
what was said *to* Ada. What Ada said about herself says "I", so the query is made to say it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

ROLES = frozenset({"user", "human", "assistant", "system", "tool", "agent"})
USER_ROLES = frozenset({"user", "human"})
#: Names that are everyday words: counted as names only where the query writes them as such.
WORDS_TOO = frozenset({"will", "may", "mark", "bill", "hope", "joy", "grace", "rose", "art", "drew", "sue", "dawn"})
SHORTEST_NAME = 3
#: Names as short as this are not shortened any further.
LONGEST_WHOLE = 4

WORD = re.compile(r"[^\W_]+")
FIRST_PERSON = re.compile(r"\b(?:I|i|my|My|me|mine|myself)\b")
POSSESSIVE = re.compile(r"(?:'|’)s\b")


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch ``start:end`` of the query that names ``author``."""

    start: int
    end: int
    author: str


def mentions(query: str, authors: Sequence[str]) -> list[Mention]:
    """Where the query names one of the authors, from left to right, without overlaps.

    By their whole name, one part of it, a form of three letters and more that begins exactly one of them
    ("Mel" for Melanie), or "the assistant" for a role.
    """
    found: dict[int, Mention] = {}
    for mention in (*whole_names(query, authors), *parts_of_names(query, authors), *named_roles(query, authors)):
        if not any(mention.start < other.end and other.start < mention.end for other in found.values()):
            found[mention.start] = mention
    return [found[start] for start in sorted(found)]


def whole_names(query: str, authors: Sequence[str]) -> Iterator[Mention]:
    for author in sorted(authors, key=lambda name: (-len(name), name)):
        if author.lower() in ROLES or len(author) < SHORTEST_NAME:
            continue
        for match in re.finditer(rf"(?<!\w){re.escape(author)}(?!\w)", query, re.IGNORECASE):
            if written_as_name(query, match.start(), author):
                yield Mention(match.start(), match.end(), author)


def parts_of_names(query: str, authors: Sequence[str]) -> Iterator[Mention]:
    named = [author for author in authors if author.lower() not in ROLES]
    for match in WORD.finditer(query):
        meant = {author for author in named for part in WORD.findall(author) if stands_for(match.group(), part)}
        if len(meant) == 1:
            author = meant.pop()
            if written_as_name(query, match.start(), author):
                yield Mention(match.start(), match.end(), author)


def stands_for(word: str, part: str) -> bool:
    if len(word) < SHORTEST_NAME:
        return False
    short, name = word.lower(), part.lower()
    shortened = word[0].isupper() and len(name) > LONGEST_WHOLE and name.startswith(short)
    return short == name or shortened


def named_roles(query: str, authors: Sequence[str]) -> Iterator[Mention]:
    for author in authors:
        if author.lower() in ROLES:
            for match in re.finditer(rf"\bthe {re.escape(author)}\b", query, re.IGNORECASE):
                yield Mention(match.start(), match.end(), author)


def written_as_name(query: str, start: int, author: str) -> bool:
    """A capital says so. In a query without capitals, a known name is one unless it is an everyday word."""
    capital, begins = query[start].isupper(), not query[:start].strip()
    if capital and (not begins or author[0].isupper()):
        return True
    return author[0].isupper() and query[1:].islower() and query[start:].split(maxsplit=1)[0].lower() not in WORDS_TOO


def speakers_meant(query: str, found: Sequence[Mention], authors: Sequence[str], user: str | None) -> frozenset[str]:
    """The authors whose words the query asks for: those it names, and for "I" the user. Everybody is nobody."""
    meant = {mention.author for mention in found}
    if FIRST_PERSON.search(query):
        meant |= {name for name in authors if name.lower() in USER_ROLES or (user and name.lower() == user.lower())}
    return frozenset() if meant >= set(authors) else frozenset(meant)


def in_first_person(query: str, found: Sequence[Mention]) -> str:
    """The query as its speakers would say it: "Where did Ada go?" as "Where did I go?"."""
    pieces, place = [], 0
    for mention in found:
        owns = POSSESSIVE.match(query, mention.end)
        pieces += [query[place : mention.start], "my" if owns else "I"]
        place = owns.end() if owns else mention.end
    return "".join([*pieces, query[place:]])


def without_names(query: str, found: Sequence[Mention]) -> str:
    """The query without the names: they say who speaks, not what about."""
    pieces, place = [], 0
    for mention in found:
        owns = POSSESSIVE.match(query, mention.end)
        pieces.append(query[place : mention.start])
        place = owns.end() if owns else mention.end
    return " ".join(" ".join([*pieces, query[place:]]).split())
