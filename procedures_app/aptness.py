"""How apt a general text is for one task: whether a procedure is meant for it, whether a known problem is its problem.

Two tasks are compared word by word; a procedure is described in other words than the tasks that it is for. So what
counts here is its kind of work, how much of the task its text speaks of, and how near both lie in meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

WORD = re.compile(r"[^\W\d_]{2,}")
LITTLE_WORDS = "a an and as at by for from in into is it of on or please that the this to with when"
LITTLE = frozenset(LITTLE_WORDS.split())
ENDINGS = ("ations", "ation", "ments", "ment", "tions", "tion", "ings", "ing", "ers", "er", "ed", "es", "s", "e")
SHORTEST_STEM = 4
#: Embeddings of unrelated texts have cosines up to about this one, and of one matter from about that one on.
UNRELATED, SAME_MATTER = 0.3, 0.85
#: For the kind of work that the caller named; for the kind that the task's own words name; for none of these.
KIND_NAMED, KIND_SAID, KIND_OPEN = 0.9, 0.8, 0.0
#: What nearness adds to each at most.
NEARNESS = {KIND_NAMED: 0.1, KIND_SAID: 0.15, KIND_OPEN: 0.85}
#: Of what is meant for another kind of work than the one named, this much is left.
OTHER_KIND = 0.5


def aptness(task: str, text: str, cosine: float | None, *, kind: str | None, meant_for: str | None) -> float:
    """0..1: how apt ``text`` is for the task. It grows with ``cosine``, the nearness of both in meaning.

    ``kind`` is that of the task and ``meant_for`` that of the text, each None where it is open.
    """
    base = by_kind(task, kind, meant_for)
    apt = base + NEARNESS[base] * nearness(task, text, cosine)
    return apt * OTHER_KIND if kind and meant_for and kind != meant_for else apt


def by_kind(task: str, kind: str | None, meant_for: str | None) -> float:
    if meant_for is None:
        return KIND_OPEN
    if kind == meant_for:
        return KIND_NAMED
    named, asked = stems(meant_for.replace("_", " ")), stems(task)
    said = all(any(akin(word, other) for other in asked) for word in named)
    return KIND_SAID if named and said else KIND_OPEN


def akin(one: str, other: str) -> bool:
    """Of one family of words, such as resolve and resolution: the same beginning."""
    return one[: SHORTEST_STEM + 1] == other[: SHORTEST_STEM + 1]


def nearness(task: str, text: str, cosine: float | None) -> float:
    """0..1, by the share of the task's words that the text has, and by meaning where there is a model."""
    asked = stems(task)
    words = len(asked & stems(text)) / len(asked) if asked else 0.0
    if cosine is None:
        return words
    return (words + max(0.0, min(1.0, (cosine - UNRELATED) / (SAME_MATTER - UNRELATED)))) / 2


def stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words_in(text))


def words_in(text: str) -> Iterable[str]:
    return (word for word in WORD.findall(text.casefold()) if word not in LITTLE)


def stem(word: str) -> str:
    ending = next((one for one in ENDINGS if word.endswith(one) and len(word) - len(one) >= SHORTEST_STEM), "")
    return word.removesuffix(ending) if ending else word
