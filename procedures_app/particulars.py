"""What tells two otherwise like tasks apart: versions, numbers, addresses, names. The deployment of 3.1.194 is not
that of 3.1.195, however alike both are.
"""

from __future__ import annotations

import re
from functools import lru_cache

TOKEN = re.compile(r"[^\s\"'“”‘’`(),;:!?]+")
QUOTED = re.compile(r"[\"“`]([^\"”`]+)[\"”`]")


def same_particulars(one: str, other: str) -> bool:
    """Whether each text has all that is particular in the other, whatever the case of letters."""
    return particulars(one) <= tokens(other) and particulars(other) <= tokens(one)


@lru_cache(maxsize=256)  # one task is compared with many, and these come again
def particulars(text: str) -> frozenset[str]:
    """Tokens with a digit, names (a capital letter that begins no sentence), and the words of what stands in quotes."""
    found = {word for quoted in QUOTED.findall(text) for word in tokens(quoted)}
    before = "."
    for match in TOKEN.finditer(text):
        token = match.group()
        if any(letter.isdigit() or letter in "@/_" for letter in token) or (is_name(token) and before != "."):
            found.add(plain(token))
        before = "." if token.endswith(".") else token
    return frozenset(found)


def is_name(token: str) -> bool:
    return any(letter.isupper() for letter in token)


@lru_cache(maxsize=256)
def tokens(text: str) -> frozenset[str]:
    return frozenset(plain(token) for token in TOKEN.findall(text))


def plain(token: str) -> str:
    return token.strip(".").casefold()
