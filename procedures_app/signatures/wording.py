"""The words of an error text as they are compared: without names, little words and inflection."""

from __future__ import annotations

import re

from procedures_app.signatures.lexicon import LITTLE, MEANT, METHODS, PHRASES, REASONS, TOOLS, VALUES, WEAK
from procedures_app.signatures.vocabulary import VOCABULARY

_MOST_WORDS = 40
_CLEAR = 3  #: words that tell a problem by themselves; two do if neither is weak
_SHORTEST_STEM = 4
_SHORTEST_ADVERB = 6  #: apply, reply and supply are none

_SLOT = re.compile(r"<[a-z]{2,10}>")
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*(?:'[a-z]{1,2}\b)?")
#: two ways to write it
_TIMED = re.compile(r"(?i)\b(?:timed|times|time) out\b")
_PHRASE = re.compile("|".join(map(re.escape, PHRASES)), re.IGNORECASE)
_CODE = re.compile(r"(?:E[A-Z]{3,}|HTTP[45]\d\d)\Z")
#: User in "cannot find User with": English has no such word within a sentence
_NAME = re.compile(r"(?<=[a-z] )[A-Z][a-z]+(?= [a-z])")
_STATUS = re.compile(
    r"(?i)(?:\bHTTP(?:/[\d.]+| ?error| status| response)?|\bstatus(?: ?code)?|\berror|\bcode)[ :=]{1,3}"
    r"(?P<said>[45]\d\d)\b"
    rf"|\b(?P<bare>[45]\d\d)(?= (?:{'|'.join(REASONS.values())}|Client Error|Server Error))"
)
_WHOSE = re.compile(
    r"(?i)\b(?:Client|Server) Error\b:?|\b(?:HTTP|request(?:ed)?|return(?:ed)?|response|server|client)\b"
)


def words_of(template: str) -> tuple[str, ...]:
    """The words of a template, without what stands for a variable part."""
    return tuple(_WORD.findall(_SLOT.sub(" ", template).casefold()))[:_MOST_WORDS]


def coded(text: str) -> str:
    """The system's phrases as their codes, and an HTTP status with its reason as one word."""
    said = _PHRASE.sub(lambda found: PHRASES[found.group().casefold()], text)
    return _with_status(_TIMED.sub("timeout", said))


def plain(text: str, *, names: bool = False) -> list[str]:
    """The distinct words that tell something, in order; with ``names`` also those that few programs use."""
    found = _WORD.findall(_NAME.sub(" ", _SLOT.sub(" ", coded(text))))[:_MOST_WORDS]
    return list(dict.fromkeys(_lemma(word.casefold()) for word in found if _tells(word, names)))


def enough(words: list[str]) -> bool:
    """Whether these words tell a problem."""
    return len(words) >= _CLEAR or (len(words) == _CLEAR - 1 and not WEAK.intersection(words))


def _with_status(text: str) -> str:
    found = _STATUS.search(text)
    if not found:
        return text
    status = found["said"] or found["bare"]
    rest = _WHOSE.sub(" ", f"{text[: found.start()]} {text[found.end() :]}")
    if status in REASONS:
        rest = re.sub(rf"(?i)\b{REASONS[status]}\b", " ", rest)
    return f"HTTP{status} {rest}"


def _tells(word: str, names: bool) -> bool:
    known = word.casefold()
    if word in METHODS or known in LITTLE or known in VALUES or known in TOOLS or _how(known):
        return False
    return names or known in VOCABULARY or known in MEANT or bool(_CODE.match(word))


def _how(word: str) -> bool:
    """Whether it is an adverb: ``unexpectedly closed`` is ``closed``."""
    return word.endswith("ly") and len(word) > _SHORTEST_ADVERB and word not in ("assembly", "multiply")


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > _SHORTEST_STEM:
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _lemmas() -> dict[str, str]:
    """Of each stem the shortest word: a stem itself is no word that one likes to read."""
    found: dict[str, str] = {}
    for word in sorted(VOCABULARY, key=lambda word: (len(word), word)):
        found.setdefault(_stem(word), word)
    return found


_LEMMAS = _lemmas()


def _lemma(word: str) -> str:
    return _LEMMAS.get(_stem(word), word)
