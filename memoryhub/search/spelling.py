"""How alike two words are: what a typo does to a word, and the words of a text that typos are looked up among."""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"[^\W_]+")
#: Shorter ones have too many neighbors; longer ones are no words.
SHORTEST, LONGEST = 3, 40
#: From this many letters on two slips are forgiven, not one.
LONG = 8
#: Characters of a text that are read for its words.
MOST_READ = 20_000


def words_of(text: str) -> list[str]:
    """The distinct words of a text in lower case, in order; numbers are not among them."""
    return [word for word in dict.fromkeys(WORD.findall(text[:MOST_READ].lower())) if is_word(word)]


def is_word(word: str) -> bool:
    return SHORTEST <= len(word) <= LONGEST and any(map(str.isalpha, word))


def trigrams(word: str) -> frozenset[str]:
    """As pg_trgm makes them: with two blanks before the word and one after."""
    padded = f"  {word} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))


def similarity(one: str, other: str) -> float:
    """Shared trigrams among all trigrams of both words, 0 to 1: ``similarity`` of pg_trgm."""
    mine, yours = trigrams(one), trigrams(other)
    return len(mine & yours) / len(mine | yours)


def slips(one: str, other: str) -> int:
    """Letters added, left out, changed, or swapped with the next one, to get from one word to the other.

    The optimal string alignment distance: Damerau (1964), Levenshtein (1966).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def likeness(asked: str, known: str, least: float) -> float | None:
    """How alike two words are, up to 1 for the same; None if neither few slips nor ``least`` similarity join them."""
    if asked == known:
        return 1.0
    longer, shorter = max(len(asked), len(known)), min(len(asked), len(known))
    alike = similarity(asked, known)
    found = [alike] if alike >= least and shorter > SHORTEST else []
    forgiven = forgiven_slips(asked, known)
    if longer - shorter <= forgiven and (number := slips(asked, known)) <= forgiven:
        found.append(1 - number / longer)
    return max(found, default=None)


def forgiven_slips(asked: str, known: str) -> int:
    if max(len(asked), len(known)) == SHORTEST:
        return 0
    return 2 if min(len(asked), len(known)) >= LONG else 1


def most_alike(asked: str, known: Iterable[str], least: float) -> dict[str, float]:
    """Likeness per known word that may be meant, the most alike first, ties in alphabetical order."""
    found = ((word, likeness(asked, word, least)) for word in known)
    alike = [(word, value) for word, value in found if value is not None]
    return dict(sorted(alike, key=lambda item: (-item[1], item[0])))
