"""A draft whose base is no longer the newest version: what both changed, and what a person chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents_app.resolution.merging import Sides
from memoryhub.registry.diffs import MISSING, Piece
from procedures_app.admin.desk_changes import pieces_of, text_of
from procedures_app.documents import MergedPath, ThreeWay

#: Before the pointer, in the names of the form.
CHOICE = "choice:"
OPTIONS = {
    "published": "What was published",
    "draft": "What the draft says",
    "both": "Both",
    "base": "As it was before",
}


@dataclass(frozen=True, slots=True)
class Option:
    choice: str
    label: str
    pieces: list[Piece]
    gone: bool
    checked: bool


@dataclass(frozen=True, slots=True)
class Clash:
    """A place that both changed differently; ``name`` is that of its radios."""

    pointer: str
    name: str
    label: str
    note: str
    options: list[Option]
    chosen: str


def clashes_of(merged: ThreeWay, posted: Mapping[str, str]) -> list[Clash]:
    return [clash_of(path, posted.get(f"{CHOICE}{path.pointer}", "")) for path in merged.clashes]


def clash_of(path: MergedPath, asked: str) -> Clash:
    chosen = asked if asked in path.options else ""
    options = [option_of(path, choice, chosen) for choice in OPTIONS if choice in path.options]
    label = path.label[:1].upper() + path.label[1:]
    return Clash(path.pointer, f"{CHOICE}{path.pointer}", label, path.note, options, chosen)


def option_of(path: MergedPath, choice: str, chosen: str) -> Option:
    value = value_of(path, choice)
    pieces = [Piece("same", text_of(value))] if choice == "base" else pieces_of(path.base, value)
    return Option(choice, OPTIONS[choice], pieces, value is MISSING, choice == chosen)


def value_of(path: MergedPath, choice: str) -> Any:
    """What would stand there."""
    if choice == "both":
        return Sides(path.pointer, (path.base,), path.published, (path.draft,)).both()
    return {"published": path.published, "draft": path.draft, "base": path.base}[choice]


def picks_of(clashes: Sequence[Clash]) -> dict[str, str]:
    return {clash.pointer: clash.chosen for clash in clashes if clash.chosen}
