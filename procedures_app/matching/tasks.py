"""How alike two descriptions of work are: versions, numbers and names are variable parts, the verb is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from procedures_app.signatures.masking import mask
from procedures_app.signatures.wording import words_of

#: verbs that mean the same work, and beside them those that undo it
_VERBS = (
    ("deploy release ship rollout launch publish", "roll_back revert undo rollback downgrade"),
    ("create add build make generate set_up setup provision", "delete remove drop destroy purge clean_up cleanup"),
    ("start enable resume open activate", "stop disable pause close deactivate shut_down shutdown kill"),
    ("install upgrade update bump", "uninstall"),
    ("fix repair resolve debug troubleshoot investigate diagnose", "break"),
    ("back_up backup export dump", "import load ingest restore"),
    ("review audit check verify test inspect", ""),
    ("rename move migrate", ""),
    ("write document describe", ""),
)
_PHRASAL = re.compile(r"\b(roll|set|clean|shut|back)(?:ing|ed)?[ -](back|up|down|out)\b", re.IGNORECASE)
_LITTLE_WORDS = "a an the to of in on for and with at by from into please now new"
_LITTLE = frozenset(_LITTLE_WORDS.split())
_LONGEST = 2_000
_VERB_WITHIN = 3  #: the verb is one of the first words
_OPPOSITE = 0.35  #: what is left of the likeness of two tasks that undo each other
_OTHER_VERB = 0.75
_EQUAL = 0.98  #: equal but for variable parts
_COSINE_SHARE = 0.4
_UNRELATED = 0.3  #: sentence embeddings of unrelated tasks have cosines up to about this
_SAME_KIND = 0.05


@dataclass(frozen=True, slots=True)
class Task:
    verb: tuple[int, int] | None  #: row and column of the verbs
    words: frozenset[str]  #: the others


def task_likeness(asked: str, known: str, cosine: float | None, *, same_kind: bool) -> float:
    """0 to 1: how alike two tasks are. Equal texts are 1; equal but for versions, numbers and names 0.98.

    ``cosine`` of the embeddings counts with the words where there is one; ``same_kind`` says that both are of one
    kind of operation. Verbs that undo each other (deploy, roll back) keep two tasks apart, however alike the rest is.
    """
    a, b = _task(asked), _task(known)
    if asked.split() and _spaced(asked) == _spaced(known):
        return 1.0
    words = _overlap(a, b)
    near = words if cosine is None or words == 1.0 else _mixed(words, cosine)
    return round(min(near * (1 + _SAME_KIND * same_kind), _EQUAL) * _verbs(a, b), 4)


def _spaced(text: str) -> str:
    return " ".join(text.casefold().split())


@lru_cache(maxsize=512)  # one task is compared with many, and these come again
def _task(text: str) -> Task:
    joined = _PHRASAL.sub(r"\1-\2", text[:_LONGEST])
    stems = [_stem(word) for word in words_of(mask(joined).replace("-", "_")) if word not in _LITTLE]
    verb = next((stem for stem in stems[:_VERB_WITHIN] if stem in _PLACES), None)
    return Task(_PLACES.get(verb or ""), frozenset(stem for stem in stems if stem != verb))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _overlap(a: Task, b: Task) -> float:
    """Dice of the words; the same known verb counts as two."""
    verb = 2 * (a.verb is not None and a.verb == b.verb)
    whole = len(a.words) + len(b.words) + 2 * verb
    return 2 * (len(a.words & b.words) + verb) / whole if whole else 0.0


def _mixed(words: float, cosine: float) -> float:
    stretched = max(0.0, min(1.0, (cosine - _UNRELATED) / (1 - _UNRELATED)))
    return (1 - _COSINE_SHARE) * words + _COSINE_SHARE * stretched


def _verbs(a: Task, b: Task) -> float:
    if a.verb is None or b.verb is None or a.verb == b.verb:
        return 1.0
    return _OPPOSITE if a.verb[0] == b.verb[0] else _OTHER_VERB


_PLACES = {
    _stem(verb): (row, column)
    for row, pair in enumerate(_VERBS)
    for column, verbs in enumerate(pair)
    for verb in verbs.split()
}
