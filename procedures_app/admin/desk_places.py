"""Where a problem of a document stands in the editor: ``steps[2].time_limit_seconds`` is ``steps.2.time_limit``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from procedures_app.documents import Problem

#: Parts of a path that stand in one control with what is below them.
WHOLE = ("headers", "body", "expect_status", "save", "with", "choices", "tags", "agents", "must_be", "default")
SAME = {"time_limit_seconds": "time_limit"}
FIRST = {"steps": "title", "inputs": "name", "evidence": "name", "preconditions": "text"}
WORDS = {
    "steps": "Step",
    "inputs": "Input",
    "evidence": "evidence",
    "preconditions": "precondition",
    "rollback": "roll-back",
    "time_limit": "time limit",
    "max_attempts": "attempts",
    "on_failure": "when they fail",
    "must_be": "must be exactly",
    "expect_status": "good answers",
    "path": "value",
    "op": "comparison",
    "do": "action",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary: where, what, and the id of the control that it leads to (empty: there is none)."""

    level: str
    where: str
    message: str
    target: str


def place_of(path: str) -> str:
    """``steps[0].preconditions[1].check.value`` → ``steps.0.preconditions.1.value``."""
    found: list[str] = []
    for part in re.sub(r"\[(\d+)\]", r".\1", path).split("."):
        if part == "check":
            continue
        found.append(SAME.get(part, part))
        if part in WHOLE or (part == "inputs" and len(found) > 1):
            break
    return ".".join(found)


def target_of(place: str) -> str:
    """The control of a place: of a whole row its first one, of a whole list the button that adds to it."""
    *_, last = place.split(".")
    parts = place.split(".")
    if last.isdigit() and len(parts) > 1:
        return f"{place}.{FIRST.get(parts[-2], 'name')}"
    if last in FIRST and len(parts) in (1, 3) and not (last == "inputs" and len(parts) == 3):
        return f"append:{place}"
    return f"{place}.kind" if last == "rollback" else place


def where(place: str, state: Mapping[str, Any]) -> str:
    """``Step 3 “Deploy”, evidence 1, name``."""
    if not place:
        return "Procedure"
    parts, said, index = place.split("."), [], 0
    while index < len(parts):
        part = parts[index]
        word = WORDS.get(part, part)
        if index + 1 < len(parts) and parts[index + 1].isdigit():
            word = f"{word} {int(parts[index + 1]) + 1}"
            word += titled(state, int(parts[index + 1])) if part == "steps" else ""
            index += 1
        said.append(word)
        index += 1
    told = ", ".join(said)
    return told[:1].upper() + told[1:]


def titled(state: Mapping[str, Any], index: int) -> str:
    steps = state.get("steps") or []
    title = str(steps[index].get("title") or "") if index < len(steps) else ""
    return f" “{title[:60]}”" if title else ""


def by_place(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Problems by the control that they are shown at."""
    found: dict[str, list[Problem]] = {}
    for problem in problems:
        found.setdefault(target_of(place_of(problem.path)), []).append(problem)
    return found


def lines(problems: Iterable[Problem], state: Mapping[str, Any]) -> list[Line]:
    """The summary: errors first, each in the order of the document."""
    ordered = sorted(problems, key=lambda problem: problem.level != "error")
    return [told(problem, state) for problem in ordered]


def told(problem: Problem, state: Mapping[str, Any]) -> Line:
    place = place_of(problem.path)
    return Line(problem.level, where(place, state), problem.message, target_of(place) if place else "")
