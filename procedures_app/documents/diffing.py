"""What differs between two versions of a procedure, step by step, and in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from agents_app.resolution.equality import equal
from memoryhub.registry.diffs import MISSING, Difference, compare
from procedures_app.documents.reading import Document

StepKind = Literal["added", "removed", "changed", "moved", "same"]
#: Lists whose members are told apart by their name.
NAMED_LISTS = ("inputs", "evidence")
LABELS = {
    "agents": "who may do it",
    "time_limit_seconds": "the time limit",
    "max_attempts": "how often it is attempted",
    "on_failure": "what happens when it fails",
    "rollback": "the roll-back",
    "preconditions": "the preconditions",
    "request": "the request",
    "action": "the memory action",
    "procedure": "the procedure it follows",
    "inputs": "the inputs",
    "evidence": "the evidence",
    "kind": "the kind",
    "title": "the title",
    "instruction": "the instruction",
    "summary": "the summary",
    "tags": "the tags",
    "name": "the name",
}
SINGULAR = {"inputs": "input"}
LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One key that differs. ``path`` is such as ``title`` or ``evidence.tests_passed``; MISSING where it is not.

    ``parts`` are the differences within, by JSON pointer; ``says`` tells it in words.
    """

    path: str
    old: Any
    new: Any
    says: str
    parts: list[Difference] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StepChange:
    """``moved_by``: places, negative upwards, among the steps that both versions have. Removed ones stand where they
    stood. A step that moved and changed is ``changed``. ``old`` and ``new`` are the steps, None where there is none."""

    step_id: str
    title: str
    kind: StepKind
    moved_by: int
    fields: list[FieldChange]
    old: dict[str, Any] | None
    new: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class DocumentDiff:
    """``steps`` holds all of them, in the new order. ``says`` tells it in words, and is empty where nothing differs."""

    fields: list[FieldChange]
    steps: list[StepChange]
    says: list[str]


def diff(old: Document, new: Document) -> DocumentDiff:
    heads = [{name: value for name, value in one.items() if name != "steps"} for one in (old, new)]
    fields = list(field_changes(*heads))
    steps = step_changes(old["steps"], new["steps"])
    return DocumentDiff(fields, steps, [sentence(one.says) for one in fields] + list(words(steps)))


def field_changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[FieldChange]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name, MISSING), new.get(name, MISSING)
        if equal(before, after):
            continue
        if name in NAMED_LISTS and isinstance(before, list) and isinstance(after, list):
            yield from named_changes(name, before, after)
        else:
            yield FieldChange(name, before, after, change_words(name, before, after), compare(before, after))


def named_changes(name: str, old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> Iterator[FieldChange]:
    before, after = ({one["name"]: one for one in side} for side in (old, new))
    changed = False
    for key in dict.fromkeys([*before, *after]):
        was, now = before.get(key), after.get(key)
        if equal(was, now):
            continue
        changed = True
        says = f"{SINGULAR.get(name, name)} `{key}` {how(was, now)}"
        parts = compare(was, now) if was and now else []
        yield FieldChange(f"{name}.{key}", was or MISSING, now or MISSING, says, parts)
    if not changed:
        yield FieldChange(name, old, new, f"{LABELS.get(name, name)} stand in another order", compare(old, new))


def how(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    if old is None or new is None:
        return "was added" if old is None else "was removed"
    return f"changed ({keys(old, new)})"


def keys(old: dict[str, Any], new: dict[str, Any]) -> str:
    found = [name for name in dict.fromkeys([*old, *new]) if not equal(old.get(name, MISSING), new.get(name, MISSING))]
    return ", ".join(found)


def change_words(name: str, old: Any, new: Any) -> str:
    label = LABELS.get(name, name)
    if short(old) and short(new):
        return f"{label} changed from {shown(old)} to {shown(new)}"
    if empty(old):
        return f"{label} {'were' if label.endswith('s') else 'was'} added"
    if empty(new):
        return f"{label} {'were' if label.endswith('s') else 'was'} removed"
    return f"{label} changed"


def empty(value: Any) -> bool:
    return value is MISSING or value is None or value in ("", [], {})


def short(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not empty(value) and len(str(value)) <= LONGEST_SHOWN


def shown(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else str(value)


def step_changes(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[StepChange]:
    before, after = ({step["id"]: step for step in side} for side in (old, new))
    moves = moved([name for name in before if name in after], [name for name in after if name in before])
    found = [step_change(before.get(name), step, moves.get(name, 0)) for name, step in after.items()]
    for place, (name, step) in enumerate(before.items()):
        if name not in after:
            found.insert(place_of_removed(found, list(before)[:place]), removed(step))
    return found


def step_change(old: dict[str, Any] | None, new: dict[str, Any], moved_by: int) -> StepChange:
    if old is None:
        return StepChange(new["id"], new["title"], "added", 0, [], None, new)
    fields = list(field_changes(old, new))
    kind: StepKind = "changed" if fields else "moved" if moved_by else "same"
    return StepChange(new["id"], new["title"], kind, moved_by, fields, old, new)


def removed(step: dict[str, Any]) -> StepChange:
    return StepChange(step["id"], step["title"], "removed", 0, [], step, None)


def place_of_removed(found: Sequence[StepChange], before: Sequence[str]) -> int:
    """Behind the nearest of the steps that stood before it."""
    places = {change.step_id: n for n, change in enumerate(found)}
    return next((places[name] + 1 for name in reversed(before) if name in places), 0)


def moved(old: list[str], new: list[str]) -> dict[str, int]:
    """By how many places steps moved. As few as possible moved; the others made room for them."""
    places = {name: n for n, name in enumerate(old)}
    stayed = longest_rising([places[name] for name in new])
    return {name: n - places[name] for n, name in enumerate(new) if places[name] not in stayed}


def longest_rising(numbers: list[int]) -> set[int]:
    """A longest rising subsequence, of several that with most numbers at their own place. At most 100 numbers."""
    best: list[tuple[int, int, int]] = []  # length, numbers at their place, where the one before stands
    for place, number in enumerate(numbers):
        before = max(((*best[n][:2], n) for n in range(place) if numbers[n] < number), default=(0, 0, -1))
        best.append((before[0] + 1, before[1] + (number == place), before[2]))
    at = max(range(len(numbers)), key=lambda n: best[n][:2], default=-1)
    found: set[int] = set()
    while at >= 0:
        found.add(numbers[at])
        at = best[at][2]
    return found


def words(steps: Sequence[StepChange]) -> Iterator[str]:
    for step in steps:
        name = f"Step “{step.title or step.step_id}”"
        if step.kind in ("added", "removed"):
            yield f"{name} was {step.kind}."
        if step.moved_by:
            yield f"{name} moved {direction(step.moved_by)}."
        for change in step.fields:
            yield f"{name}: {change.says}."


def direction(places: int) -> str:
    count = abs(places)
    return f"{'up' if places < 0 else 'down'} {count} place{'' if count == 1 else 's'}"


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
