"""What of a masked text makes it the same problem as another, and the signature made of that."""

from __future__ import annotations

import hashlib
import re

from procedures_app.signatures.lexicon import CARRIERS, DECISIVE, PHRASES, WEAK
from procedures_app.signatures.wording import coded, enough, plain, words_of

#: part of every signature: a change of how texts are read makes new signatures and never mixes with old ones
VERSION = 2
#: what only signatures of this version have within them
MARK = f":{VERSION}."

_MOST = 5  #: words of a signature: what comes after them differs from case to case
_BESIDE_CODE = 3  #: one code of a program may have several causes
_ENOUGH = 2  #: words that tell a problem by themselves; with fewer the type is part of it
_LONG = 2  #: a text of more words may lose what stands in brackets
_LONGEST_SLUG = 80

_SAID_BY = re.compile(
    r"(?:Error response from daemon|[A-Z]\w{0,20} message|PHP \w{3,12} error|[A-Z][A-Z0-9_]{2,40}|Error \[\w+\]"
    r"|(?:at|on) line <number>|(?!no\b|not\b)[a-z][\w+.-]{0,24}|<path>:? [Ee]rror(?: [A-Z]{2}\d{4})?"
    r"|\[(?!E[A-Z]{3,}|SSL)[^\s\[\]]{1,60}\])"
    r":?\s+"
)
#: ``(error) …`` and ``[ErrorReply: …``
_TAG = re.compile(r"[\[(][A-Za-z]{0,40}[Ee]rr(?:or)?[A-Za-z]{0,40}(?::\s|[\])]:?\s*)")
_ADVICE = re.compile(
    r"\s*(?:[;.,?(]\s*did you mean|\((?:from|or|most likely)\b|\bat character <"
    r"|,? in <path> on line <|, referer\b).*",
    re.IGNORECASE,
)
_CAUSED = re.compile(r"(?i)\(caused by:? ")
_RAISED = re.compile(r"[\w.]*(?:Error|Exception)\((?:<number>, )?|<<name> object at <hex>>: ")
#: from a frame on it is for the eye
_FRAMED = re.compile(r"[\u2500-\u257f].*")
_ASIDE = re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)?\)")
_DATA = re.compile(r"\{[^{}]*\}?|\[[^\[\]]*,[^\[\]]*\]|(?<=[\s)])\[[A-Za-z][^\[\]\s=]*\]")
#: where it was met, at the end
_WHERE = re.compile(
    r"[\s,;:(]{1,3}(?:(?:at|in|on|near)\s)?(?:file )?(?:<path>|line:? <number>)"
    r"(?:[\s,:]{1,3}(?:line|column|col|pos|position|char|offset):? <number>)*\)?\s*$"
)
_TELLING_ASIDE = re.compile("|".join((r"\bE[A-Z]{4,}\b|\b[45]\d\d\b", *map(re.escape, PHRASES))), re.IGNORECASE)
_SENTENCE = re.compile(r"[.?!]\s+(?!Error:\s)(?=[A-Z]|[a-z]+:\s)")
#: a code of a program's own: short ones (E0277, S3) are too often not one problem
_OWN_CODE = re.compile(
    r"(?:<number> )?[\[(]?(?:<[a-z]{2,10}> : )?(?:error )?"
    r"((?!HTTP|ERROR|SQLSTATE)(?:[A-Z]{2,10}-?\d{4,6}|[A-Z]-?\d{5,6}))\b"
)
#: the same after who says it: ``Failed to connect. ORA-12154: …``
_CODE_WITHIN = re.compile(r"\b([A-Z]{2,10}-\d{4,6})[:,] ")
_LABEL = re.compile(
    r"\b(?:SQLSTATE\s?\[?[0-9A-Z]{5}\]?(?:\s?\[\d{3,5}\])?"
    r"|\(?ERROR \d{4}\b\)?(?: \([0-9A-Z]{5}\))?(?: at line <number>)?|error\[\w+\])|\(\d{4,5},\s"
    r"|\b(?!HTTP)[A-Z]{1,10}[-_]?\d{2,6}\b"
)


def signature(kind: str, code: str, template: str) -> str:
    """A readable name and a digest; at most 120 characters; the same for ever."""
    named, words = _identity(kind, code, template)
    words = [word for word in words if word != kind.casefold() or kind == code]
    said = "\n".join((str(VERSION), named.casefold(), " ".join(words)))
    digest = hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()
    return f"{_slug(named, words)}{MARK}{digest[:16]}"


def telling(template: str) -> list[str]:
    """The distinct words that tell the problem, in order: the system's phrases as codes, without labels and advice."""
    return plain(_LABEL.sub(" ", coded(_core(template))))


def _identity(kind: str, code: str, template: str) -> tuple[str, list[str]]:
    """The type, where the words alone tell too little, and the words."""
    own = _OWN_CODE.match(template) or _CODE_WITHIN.search(template)
    core = _core(template[own.end() :] if own else template)
    words = [own[1].casefold(), *_words(core)[:_BESIDE_CODE]] if own else _words(core)
    if own or len(words) >= _ENOUGH or _decides(words):
        return "", words
    named = kind if not code or kind not in CARRIERS else code
    return named, words if named else plain(core, names=True) or list(words_of(template))


def _words(core: str) -> list[str]:
    words = _root(core)
    if _decides(words):
        return words
    words = words if enough(words) else plain(core)
    # no such customer: the words that any program says would be said of anything
    every = plain(core, names=True) if _weak(words) else words
    return (words if _weak(every) else every)[:_MOST]


def _decides(words: list[str]) -> bool:
    return bool(words) and DECISIVE.issuperset(words)


def _weak(words: list[str]) -> bool:
    return len(words) < _ENOUGH or WEAK.issuperset(words)


def _root(core: str) -> list[str]:
    """The words of the last clauses that tell enough: those before say who met it (``Get <url>: dial tcp: …``).

    A full disk is a full disk whoever met it.
    """
    clauses = _clauses(_LABEL.sub(" ", coded(core)))
    for number in range(len(clauses) - 1, -1, -1):
        words = plain(" ".join(clauses[number:]))
        decisive = [word for word in words if word in DECISIVE]
        if decisive or enough(words) or number == 0:
            return decisive[:1] or words
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


def _core(template: str) -> str:
    """Without who says it, what it advises, data, and any sentence after the first that says enough."""
    text = _said(_ADVICE.sub("", _FRAMED.sub("", _cause(template)), count=1) or template)
    bare = _ASIDE.sub(
        lambda found: found.group() if _TELLING_ASIDE.search(found.group()) else " ", _DATA.sub(" ", text)
    )
    text = _WHERE.sub("", bare if len(words_of(bare)) > _LONG else text)
    ends = (found.start() for found in _SENTENCE.finditer(text))
    return text[: next((end for end in ends if len(words_of(text[:end])) > _ENOUGH), None)]


def _cause(template: str) -> str:
    """What stands after the last ``(Caused by``, as it was raised."""
    *_, found = [None, *_CAUSED.finditer(template)]
    cause = _RAISED.sub("", template[found.end() :]) if found else ""
    return cause if len(words_of(cause)) > _ENOUGH else template


def _said(text: str) -> str:
    text = _TAG.sub("", text, count=1) if _TAG.match(text) else text
    for _ in range(3):
        found = _SAID_BY.match(text)
        if not found or not found.group().rstrip().endswith((":", "]")) or len(words_of(text[found.end() :])) < _ENOUGH:
            break
        text = text[found.end() :]
    return text


def _slug(named: str, words: list[str]) -> str:
    text = named or "-".join(words[:6])
    return re.sub(r"[^\w.]+", "-", text).strip("-")[:_LONGEST_SLUG] or "error"
