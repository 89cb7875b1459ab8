"""What differs between two JSON values, path by path, and between two texts, word by word.

Paths are JSON Pointers (RFC 6901). Arrays are aligned by their longest common subsequence, so that an item
put in front of others is one addition; a changed item carries its place in the new array, a removed one its
place in the old array.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Kind = Literal["added", "removed", "changed"]
#: Words, and what stands between them.
WORD = re.compile(r"\w+|\s+|[^\w\s]")
#: Texts of more words, and arrays of more items, are compared as a whole: alignment is quadratic.
MOST_WORDS = 4_000
MOST_ITEMS = 2_000


@dataclass(frozen=True, slots=True)
class Missing:
    """The value of a path that is not there, which is something else than null."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs. ``old`` and ``new`` are JSON values, or ``MISSING``."""

    pointer: str
    kind: Kind
    old: Any
    new: Any

    @property
    def type_changed(self) -> bool:
        """Both are there, of different JSON types."""
        return self.kind == "changed" and json_type(self.old) != json_type(self.new)

    @property
    def is_text(self) -> bool:
        return isinstance(self.old, str) and isinstance(self.new, str)


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that both texts share (``same``), or that only one of them has."""

    kind: Literal["same", "removed", "added"]
    text: str


def compare(old: Any, new: Any, pointer: str = "") -> list[Difference]:
    """The paths that differ, in document order; empty for equal values.

    ``1`` and ``1.0`` are equal, ``1`` and ``true`` are not.
    """
    return list(differences(old, new, pointer))


def differences(old: Any, new: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from in_objects(old, new, pointer)
    elif isinstance(old, list) and isinstance(new, list):
        yield from in_arrays(old, new, pointer)
    elif not same(old, new):
        yield Difference(pointer, "changed", old, new)


def in_objects(old: dict[str, Any], new: dict[str, Any], pointer: str) -> Iterator[Difference]:
    for name in [*old, *(name for name in new if name not in old)]:
        place = f"{pointer}/{escaped(name)}"
        if name not in new:
            yield Difference(place, "removed", old[name], MISSING)
        elif name not in old:
            yield Difference(place, "added", MISSING, new[name])
        else:
            yield from differences(old[name], new[name], place)


def in_arrays(old: list[Any], new: list[Any], pointer: str) -> Iterator[Difference]:
    for what, a, b, c, d in aligned(old, new):
        if what == "equal":
            continue
        paired = min(b - a, d - c)
        for step in range(paired):
            yield from differences(old[a + step], new[c + step], f"{pointer}/{c + step}")
        for index in range(a + paired, b):
            yield Difference(f"{pointer}/{index}", "removed", old[index], MISSING)
        for index in range(c + paired, d):
            yield Difference(f"{pointer}/{index}", "added", MISSING, new[index])


def aligned(old: list[Any], new: list[Any]) -> list[tuple[str, int, int, int, int]]:
    if len(old) > MOST_ITEMS or len(new) > MOST_ITEMS:
        return [("replace", 0, len(old), 0, len(new))]
    texts = [canonical(item) for item in old], [canonical(item) for item in new]
    return [(what, a, b, c, d) for what, a, b, c, d in SequenceMatcher(None, *texts, autojunk=False).get_opcodes()]


def words(old: str, new: str) -> list[Piece]:
    """The two texts as one, in pieces.

    Joined, ``same`` and ``removed`` give the old text, ``same`` and ``added`` the new one.
    """
    before, after = WORD.findall(old), WORD.findall(new)
    if len(before) > MOST_WORDS or len(after) > MOST_WORDS:
        return [piece for piece in (Piece("removed", old), Piece("added", new)) if piece.text]
    return list(pieces(before, after))


def pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    for what, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            yield Piece("same", "".join(before[a:b]))
            continue
        if b > a:
            yield Piece("removed", "".join(before[a:b]))
        if d > c:
            yield Piece("added", "".join(after[c:d]))


def same(old: Any, new: Any) -> bool:
    return json_type(old) == json_type(new) and bool(old == new)


def json_type(value: Any) -> str:
    """``object``, ``array``, ``string``, ``number``, ``boolean``, ``null``; ``missing``."""
    if isinstance(value, Missing):
        return "missing"
    if value is None:
        return "null"
    kinds = {bool: "boolean", dict: "object", list: "array", str: "string"}
    return kinds.get(type(value), "number")


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
