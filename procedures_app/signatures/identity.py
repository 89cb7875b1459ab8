"""What of a masked text makes it the same problem as another, and the signature made of that."""

from __future__ import annotations

import hashlib
import re

from procedures_app.signatures.lexicon import CARRIERS, PHRASES, VALUES

#: part of every signature: a change of how texts are read makes new signatures and never mixes with old ones
VERSION = 1

_MOST_WORDS = 40
_ENOUGH = 2  #: words that tell a problem by themselves; with fewer the type is part of it
_CLEAR = 3  #: words that need no label such as TS2307 beside them
_LONGEST_SLUG = 80

_SLOT = re.compile(r"<[a-z]{2,10}>")
_WORDS = re.compile(r"[^\W_]+(?:_[^\W_]+)*(?:'[a-z]{1,2}\b)?")
_SAID_BY = re.compile(
    r"(?:Error response from daemon|[A-Z]\w{0,20} message|PHP \w{3,12} error|[A-Z][A-Z0-9_]{2,40}|Error \[\w+\]"
    r"|(?:at|on) line <number>|(?!no\b|not\b)[a-z][\w+.-]{0,24}|\[[a-z]{3,8}\]|<path>:? [Ee]rror(?: [A-Z]{2}\d{4})?)"
    r":?\s+"
)
_ADVICE = re.compile(
    r"\s*(?:[;.,?(]\s*did you mean|\((?:from|or|most likely)\b|\bat character <"
    r"|,? in <path> on line <|, referer\b).*",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)?\)")
_TELLING_ASIDE = re.compile("|".join((r"\bE[A-Z]{4,}\b|\b[45]\d\d\b", *map(re.escape, PHRASES))), re.IGNORECASE)
_SENTENCE = re.compile(r"[.?!]\s+(?=[A-Z]|[a-z]+:\s)")
_LABEL = re.compile(
    r"\b(?:SQLSTATE\s?\[?[0-9A-Z]{5}\]?(?:\s?\[\d{3,5}\])?"
    r"|\(?ERROR \d{4}\b\)?(?: \([0-9A-Z]{5}\))?(?: at line <number>)?|error\[\w+\])|\(\d{4,5},\s"
    r"|\b[A-Z]{1,10}[-_]?\d{2,6}\b"
)
_PHRASE = re.compile("|".join(map(re.escape, PHRASES)), re.IGNORECASE)
_LITTLE_WORDS = (
    "a an and are as at be been by for from has have in is it its of on or so tcp that the this to udp was with"
)
_LITTLE = frozenset(_LITTLE_WORDS.split())


def words_of(template: str) -> tuple[str, ...]:
    """The words of a template, without what stands for a variable part."""
    return tuple(_WORDS.findall(_SLOT.sub(" ", template).casefold()))[:_MOST_WORDS]


def signature(kind: str, code: str, template: str) -> str:
    """A readable name and a digest; at most 120 characters; the same for ever."""
    words, named = _root(template), ""
    if len(words) < _CLEAR:
        words = _plain(_PHRASE.sub(_code_of, _core(template)))
    if len(words) < _ENOUGH:
        named = kind if not code or kind not in CARRIERS else code
    words = [word for word in words if word != kind.casefold() or kind == code]
    said = "\n".join((str(VERSION), named.casefold(), " ".join(words)))
    digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    return f"{_slug(named, words)}:{digest[:16]}"


def telling(template: str) -> list[str]:
    """The distinct words that tell the problem, in order: the system's phrases as codes, without labels and advice."""
    return _plain(_LABEL.sub(" ", _PHRASE.sub(_code_of, _core(template))))


def _root(template: str) -> list[str]:
    """The words of the last clauses that tell enough: those before say who met it (``Get <url>: dial tcp: …``)."""
    clauses = _clauses(_LABEL.sub(" ", _PHRASE.sub(_code_of, _core(template))))
    for number in range(len(clauses) - 1, -1, -1):
        words = _plain(" ".join(clauses[number:]))
        if len(words) >= _CLEAR or number == 0:
            return words
    return []


def _clauses(text: str) -> list[str]:
    """Parts between colons that are in no brackets."""
    parts, depth, began = [], 0, 0
    for place, letter in enumerate(text):
        depth = max(0, depth + (letter in "([{") - (letter in ")]}"))
        if letter == ":" and not depth and text[place + 1 : place + 2] in ("", " "):
            parts.append(text[began:place])
            began = place + 1
    return [*parts, text[began:]]


def _code_of(phrase: re.Match[str]) -> str:
    return PHRASES[phrase.group().casefold()]


def _core(template: str) -> str:
    """Without who says it, what it advises, and any sentence after the first that says enough."""
    text = _ADVICE.sub("", template, count=1) or template
    for _ in range(3):
        found = _SAID_BY.match(text)
        if not found or not found.group().rstrip().endswith((":", "]")) or len(words_of(text[found.end() :])) < _ENOUGH:
            break
        text = text[found.end() :]
    bare = _ASIDE.sub(lambda found: found.group() if _TELLING_ASIDE.search(found.group()) else " ", text)
    text = bare if len(words_of(bare)) > _CLEAR else text
    end = next(
        (found.start() for found in _SENTENCE.finditer(text) if len(words_of(text[: found.start()])) > _ENOUGH), None
    )
    return text[:end]


def _plain(text: str) -> list[str]:
    return list(dict.fromkeys(_singular(word) for word in words_of(text) if word not in _LITTLE and word not in VALUES))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word


def _slug(named: str, words: list[str]) -> str:
    text = named or "-".join(words[:6])
    return re.sub(r"[^\w.]+", "-", text).strip("-")[:_LONGEST_SLUG] or "error"
