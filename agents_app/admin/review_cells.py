"""Values in the cells of the conflict pages: marked where they differ, on one line where they fit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils.safestring import SafeString

from memoryhub.access import texts
from memoryhub.registry.diffs import MISSING, Difference, Piece, compare, words

#: Longest value that a cell shows in full, in characters; the JSON below the table has all of it.
LONGEST_CELL = 1_500
#: Arrays and objects that differ in more places are shown as they are.
MOST_DIFFERENCES = 12
ONE_LINE = 56


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of one side at one path; ``gone`` says in words that there is none, which is not null."""

    choice: str = ""
    label: str = ""
    gone: str = ""
    pieces: list[Piece] = field(default_factory=list)
    html: SafeString | str = ""
    pickable: bool = False
    checked: bool = False
    unchanged: bool = False


def cell_of(value: Any, against: Any = MISSING, gone: str = "not there") -> Cell:
    """A value, with what it changes of ``against`` marked where both are texts, arrays or objects."""
    if value is MISSING:
        return Cell(gone=gone)
    pieces = [] if against is MISSING else pieces_of(against, value)
    return Cell(pieces=pieces) if pieces else Cell(html=value_html(value))


def pieces_of(old: Any, new: Any) -> list[Piece]:
    if isinstance(old, str) and isinstance(new, str):
        return words(old, new) if old != new and len(old) + len(new) <= 2 * LONGEST_CELL else []
    if type(old) is not type(new) or not isinstance(new, list | dict):
        return []
    found = compare(old, new)
    return [piece for each in found for piece in lines_of(each)] if 0 < len(found) <= MOST_DIFFERENCES else []


def lines_of(found: Difference) -> list[Piece]:
    """``+ "b"`` for an item, ``+ color: "red"`` for a member; a changed one is a removal and an addition."""
    name = found.pointer.rpartition("/")[2]
    label = "" if name.isdigit() else f"{name.replace('~1', '/').replace('~0', '~')}: "
    removed = [] if found.old is MISSING else [Piece("removed", f"− {label}{short(found.old)}"), Piece("same", "\n")]
    added = [] if found.new is MISSING else [Piece("added", f"+ {label}{short(found.new)}"), Piece("same", "\n")]
    return removed + added


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


def value_html(value: Any) -> SafeString:
    """On one line where it fits a cell; a longer text without its quotes, so that its lines are lines."""
    line = json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and len(line) > ONE_LINE and len(value) <= LONGEST_CELL:
        return texts.visible(value)
    text = line if len(line) <= ONE_LINE else as_json(value)
    if len(text) <= LONGEST_CELL:
        return texts.highlighted(text)
    return texts.visible(f"{text[:LONGEST_CELL]}… {len(text) - LONGEST_CELL:,} more characters; see Preview JSON")


def as_json(value: Any) -> str:
    return "" if value is MISSING else texts.pretty_json(value)
