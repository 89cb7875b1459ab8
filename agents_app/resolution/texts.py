"""Merging texts by line."""

from __future__ import annotations

from agents_app.resolution.diff3 import Chunk, alignable, chunks


def merge_texts(base: str, current: str, incoming: str, *, both: bool = False) -> str | None:
    """The text with the changes of both sides; None where they changed the same or neighboring lines.

    With ``both`` such places keep the lines of both, current's first.
    """
    sides = base.split("\n"), current.split("\n"), incoming.split("\n")
    if not alignable(*sides):
        return f"{current}\n{incoming}" if both else None
    merged: list[str] = []
    for chunk in chunks(*sides):
        lines = lines_of(chunk, *sides, both=both)
        if lines is None:
            return None
        merged += lines
    return "\n".join(merged)


def lines_of(chunk: Chunk, base: list[str], current: list[str], incoming: list[str], *, both: bool) -> list[str] | None:
    old, mine, theirs = base[slice(*chunk.base)], current[slice(*chunk.current)], incoming[slice(*chunk.incoming)]
    if mine in (old, theirs):
        return theirs
    if theirs == old:
        return mine
    return mine + [line for line in theirs if line not in mine] if both else None
