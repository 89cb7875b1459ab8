"""What differs between two wordings, for pages: texts word by word, other values side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from memoryhub.registry.diffs import MISSING, Piece, words
from procedures_app.documents import DocumentDiff, FieldChange, StepChange
from procedures_app.procedure_words import field_says, kind_says, step_limits

NAMES = {
    "time_limit_seconds": "time limit, in seconds",
    "max_attempts": "attempts",
    "on_failure": "when they fail",
    "inputs": "inputs",
}
#: What a new or a removed step is shown to hold.
TOLD = ("instruction", "evidence", "preconditions", "request", "action", "procedure", "rollback")


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that differs: ``label`` says which, ``pieces`` the old and the new text as one."""

    label: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class StepRow:
    title: str
    kind: str
    labels: list[tuple[str, str]]
    parts: list[Part]


@dataclass(frozen=True, slots=True)
class Changes:
    """``same`` counts the steps that are as they were."""

    head: list[Part]
    steps: list[StepRow]
    same: int
    says: list[str]

    @property
    def nothing(self) -> bool:
        return not self.head and not self.steps


def changes_of(found: DocumentDiff) -> Changes:
    rows = [row_of(step) for step in found.steps if step.kind != "same"]
    head = [part for field in found.fields for part in parts_of(field)]
    return Changes(head, rows, len(found.steps) - len(rows), found.says)


def row_of(step: StepChange) -> StepRow:
    labels: list[tuple[str, str]] = [] if step.kind == "moved" else [(step.kind, step.kind)]
    if step.moved_by:
        many = abs(step.moved_by)
        way = "up" if step.moved_by < 0 else "down"
        labels.append(("moved", f"moved {way} {many} place{'' if many == 1 else 's'}"))
    if step.kind in ("added", "removed"):
        return StepRow(step.title or step.step_id, step.kind, labels, list(whole(step)))
    parts = [part for field in step.fields for part in parts_of(field)]
    return StepRow(step.title or step.step_id, step.kind, labels, parts)


def whole(step: StepChange) -> Iterator[Part]:
    """All of a step that is new or gone."""
    kind: Any = "added" if step.new else "removed"
    held = step.new or step.old or {}
    yield Part("kind", [Piece(kind, kind_says(held["kind"]))])
    for name in TOLD:
        if held.get(name):
            yield Part(label_of(name), [Piece(kind, text_of(held[name], name))])
    yield Part("rules", [Piece(kind, step_limits(held))])


def parts_of(field: FieldChange) -> list[Part]:
    """A text is one part; of an object or a list each place that differs is one."""
    label = label_of(field.path)
    if MISSING in (field.old, field.new) or len(field.parts) < 2:
        return [Part(label, pieces_of(field.old, field.new, field.path))]
    return [Part(f"{label} {place_of(part.pointer)}", pieces_of(part.old, part.new)) for part in field.parts]


def pieces_of(old: Any, new: Any, name: str = "") -> list[Piece]:
    before, after = text_of(old, name), text_of(new, name)
    if isinstance(old, str) and isinstance(new, str):
        return words(before, after)
    return [Piece(kind, text) for kind, text in (("removed", before), ("added", after)) if text]  # type: ignore[arg-type]


def text_of(value: Any, name: str = "") -> str:
    if value is MISSING or value is None:
        return ""
    first = name.split(".", maxsplit=1)[0]
    if first == "evidence" and isinstance(value, list):
        return "\n".join(f"{field['name']} ({field_says(field)})" for field in value)
    if first in ("evidence", "inputs") and isinstance(value, dict) and "type" in value:
        return f"{value['name']} ({field_says(value)})"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def label_of(path: str) -> str:
    name, _, rest = path.partition(".")
    label = NAMES.get(name, name.replace("_", " "))
    return f"{label.removesuffix('s') if name == 'inputs' and rest else label} {rest}".strip()


def place_of(pointer: str) -> str:
    return ", ".join(part.replace("~1", "/").replace("~0", "~") for part in pointer.strip("/").split("/"))
