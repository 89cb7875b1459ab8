"""Which participants a query speaks of.

In people's conversations the names of the speakers dominate an embedding: a query that names Ada finds
what was said *to* Ada. What Ada said about herself says "I", so the query is made to say it too.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

ROLES = frozenset({"user", "human", "assistant", "system", "tool", "agent"})
USER_ROLES = frozenset({"user", "human"})
#: Names that are everyday words: counted as names only where the query writes them as such.
WORDS_TOO = frozenset({"will", "may", "mark", "bill", "hope", "joy", "grace", "rose", "art", "drew", "sue", "dawn"})
SHORTEST_NAME = 3
#: Names as short as this are not shortened any further.
LONGEST_WHOLE = 4
#: Names are looked for among so many words of a query: whoever writes more than that writes no question.
MOST_WORDS = 200

WORD = re.compile(r"[^\W_]+")
FIRST_PERSON = re.compile(r"\b(?:I|i|my|My|me|mine|myself)\b")
POSSESSIVE = re.compile(r"(?:'|’)s\b")


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch ``start:end`` of the query that names ``author``."""

    start: int
    end: int
    author: str


class Names:
    """The authors by the words of their names, so that each word of a query is looked up once."""

    def __init__(self, authors: Sequence[str]) -> None:
        self.roles = {author.lower(): author for author in authors if author.lower() in ROLES}
        self.whole: dict[tuple[str, ...], str] = {}
        self.parts: dict[str, set[str]] = defaultdict(set)
        for author in authors:
            if author.lower() not in ROLES:
                self.add(author)
        self.sorted = sorted(self.parts)
        self.longest = max(map(len, self.whole), default=0)

    def add(self, author: str) -> None:
        parts = tuple(part.lower() for part in WORD.findall(author))
        self.whole.setdefault(parts, author)
        for part in parts:
            if len(part) >= SHORTEST_NAME:
                self.parts[part].add(author)

    def at(self, words: Sequence[str]) -> tuple[int, str] | None:
        """How many of the words, from the first, name an author, and which; None if they do not."""
        low = [word.lower() for word in words[: max(self.longest, 2)]]
        if low[0] == "the" and low[1:] and low[1] in self.roles:
            return 2, self.roles[low[1]]
        for count in range(len(low), 0, -1):
            author = self.whole.get(tuple(low[:count]))
            if author is not None and (count > 1 or len(low[0]) >= SHORTEST_NAME):
                return count, author
        meant = self.meant(words[0])
        return (1, next(iter(meant))) if len(meant) == 1 else None

    def meant(self, word: str) -> set[str]:
        """The authors that one word stands for: a part of their name, or a form of it such as "Mel" for Melanie."""
        low = word.lower()
        if len(low) < SHORTEST_NAME or low in self.parts:
            return self.parts.get(low, set())
        return self.shortened(low) if word[0].isupper() else set()

    def shortened(self, low: str) -> set[str]:
        meant: set[str] = set()
        for part in islice(self.sorted, bisect_left(self.sorted, low), None):
            if not part.startswith(low) or len(meant) > 1:
                break
            if len(part) > LONGEST_WHOLE:
                meant |= self.parts[part]
        return meant


def mentions(query: str, authors: Sequence[str]) -> list[Mention]:
    """Where the query names one of the authors, from left to right, without overlaps.

    By their whole name, one part of it, a form of three letters and more that begins exactly one of them
    ("Mel" for Melanie), or "the assistant" for a role.
    """
    names, matches = Names(authors), list(islice(WORD.finditer(query), MOST_WORDS))
    words = [match.group() for match in matches]
    found, place = [], 0
    while place < len(words):
        count, author = names.at(words[place : place + max(names.longest, 2)]) or (1, "")
        mention = Mention(matches[place].start(), matches[place + count - 1].end(), author)
        is_role = author.lower() in ROLES
        if author and (is_role or written_as_name(query, mention.start, author)):
            found.append(mention)
            place += count
        else:
            place += 1
    return found


def written_as_name(query: str, start: int, author: str) -> bool:
    """A capital says so. In a query without capitals, a known name is one unless it is an everyday word."""
    capital, begins = query[start].isupper(), start == 0
    if capital and (not begins or author[0].isupper()):
        return True
    word = WORD.match(query, start)
    everyday = word is not None and word.group().lower() in WORDS_TOO
    return author[0].isupper() and not everyday and query[1:].islower()


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
