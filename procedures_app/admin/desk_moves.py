"""What the buttons of the editor do to the rows of a draft that is not saved yet: steps, fields and preconditions.

A button names what it does and where: ``up:steps.2``, ``append:steps.2.evidence``, ``drop:inputs.0``. The answer says
what happened, for everybody and aloud, and where the keyboard goes on.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from procedures_app.admin.desk_form import State, complete, one_line

#: How many rows can be brought back.
MOST_REMOVED = 20
NOUNS = {"steps": "step", "inputs": "input", "evidence": "evidence field", "preconditions": "precondition"}
NEW: dict[str, State] = {
    "steps": {"kind": "instruction", "max_attempts": "1", "on_failure": "escalate", "time_unit": "60", "open": "1"},
    "inputs": {"type": "text", "required": "on"},
    "evidence": {"type": "text", "required": "on"},
    "preconditions": {"otherwise": "block"},
}
Removed = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Moved:
    """What was done, in words, and the id of the control that has the focus now."""

    says: str
    focus: str


def carry_out(state: State, removed: Removed, asked: str) -> Moved | None:
    """Changes ``state`` (and ``removed``, what can be brought back); None for what no button asks."""
    name, _, place = asked.partition(":")
    if name == "undo":
        return bring_back(state, removed)
    move = MOVES.get(name)
    found = rows_at(state, place, to_append=name == "append") if move else None
    if move is None or found is None:
        return None
    rows, index, start = found
    return move(rows, index, start) if move is not drop else drop(rows, index, start, removed)


def rows_at(state: State, place: str, *, to_append: bool = False) -> tuple[list[State], int, str] | None:
    """The rows that a place is in, its number there, and the place of the rows; None for a place that is not there."""
    *start, last = place.split(".")
    if to_append:
        start, last = place.split("."), "-1"
    found: Any = state
    for part in start:
        found = below(found, part)
    if not isinstance(found, list) or not start or start[-1] not in NOUNS:
        return None
    index = int(last) if last.lstrip("-").isdecimal() else len(found)
    return (found, index, ".".join(start)) if to_append or 0 <= index < len(found) else None


def below(found: Any, part: str) -> Any:
    if isinstance(found, list):
        return found[int(part)] if part.isdecimal() and int(part) < len(found) else None
    return found.get(part) if isinstance(found, dict) else None


def noun(start: str) -> str:
    return NOUNS[start.rsplit(".", 1)[-1]]


def called(row: State, start: str, index: int) -> str:
    """``Step 3, Ask for approval``."""
    title = one_line(row.get("title") or row.get("name") or row.get("text"))[:80]
    return f"{noun(start).capitalize()} {index + 1}" + (f", {title}," if title else "")


def up(rows: list[State], index: int, start: str) -> Moved:
    return moved(rows, index, index - 1, start)


def down(rows: list[State], index: int, start: str) -> Moved:
    return moved(rows, index, index + 1, start)


def moved(rows: list[State], index: int, to: int, start: str) -> Moved:
    """The focus stays on the button that was pressed, which is at the row's new place."""
    way = "up" if to < index else "down"
    if not 0 <= to < len(rows):
        return Moved(f"{called(rows[index], start, index)} is the {'first' if to < 0 else 'last'} one already.", "")
    rows.insert(to, rows.pop(index))
    says = called(rows[to], start, index).removesuffix(",")
    return Moved(f"{says} is number {to + 1} of {len(rows)} now.", f"{way}:{start}.{to}")


def before(rows: list[State], index: int, start: str) -> Moved:
    return inserted(rows, index, start)


def after(rows: list[State], index: int, start: str) -> Moved:
    return inserted(rows, index + 1, start)


def append(rows: list[State], index: int, start: str) -> Moved:
    return inserted(rows, len(rows), start)


def inserted(rows: list[State], at: int, start: str) -> Moved:
    kind = start.rsplit(".", 1)[-1]
    rows.insert(at, new_row(kind))
    first = {"steps": "title", "preconditions": "text"}.get(kind, "name")
    return Moved(f"A new {noun(start)} is number {at + 1} of {len(rows)}.", f"{start}.{at}.{first}")


def new_row(kind: str) -> State:
    row = copy.deepcopy(NEW[kind])
    return complete({"steps": [row]})["steps"][0] if kind == "steps" else row


def double(rows: list[State], index: int, start: str) -> Moved:
    """A copy gets an id of its own: a step's from its title, at the next look."""
    twin = copy.deepcopy(rows[index])
    first = "title" if start == "steps" else "name"
    if start == "steps":
        twin |= {"id": "", "title": f"{twin.get('title', '')} (copy)".strip(), "open": "1"}
    rows.insert(index + 1, twin)
    return Moved(f"{called(rows[index], start, index)} has a copy, number {index + 2}.", f"{start}.{index + 1}.{first}")


def drop(rows: list[State], index: int, start: str, removed: Removed | None = None) -> Moved:
    says = called(rows[index], start, index)
    gone = rows.pop(index)
    if removed is not None:
        removed.append({"start": start, "index": index, "row": gone})
        del removed[:-MOST_REMOVED]
    return Moved(f"{says.removesuffix(',')} is removed.", "undo")


def bring_back(state: State, removed: Removed) -> Moved | None:
    """The row that was removed last, where it stood; at the end, where its surroundings have changed."""
    if not removed:
        return None
    last = removed.pop()
    found = rows_at(state, str(last.get("start")), to_append=True)
    if found is None or not isinstance(last.get("row"), dict):
        return Moved("It cannot be brought back: what it belonged to is gone.", "")
    rows, _, start = found
    at = min(max(int(last.get("index", 0)), 0), len(rows))
    rows.insert(at, last["row"])
    complete(state)
    focus = f"up:{start}.{at}" if start == "steps" else f"drop:{start}.{at}"
    return Moved(f"{called(rows[at], start, at).removesuffix(',')} is back.", focus)


MOVES: dict[str, Callable[[list[State], int, str], Moved]] = {
    "up": up,
    "down": down,
    "before": before,
    "after": after,
    "append": append,
    "copy": double,
    "drop": drop,
}
