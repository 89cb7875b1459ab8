"""Procedures used as steps of others: that they are there, end, and get what they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from procedures_app.documents.problems import Problem
from procedures_app.documents.reading import Document

#: Runs within runs within …, the outermost counted.
DEEPEST = 5
Uses = dict[str, list[str]]


def used_by(document: Document) -> list[str]:
    """The names of the procedures that are its steps, each once."""
    found = (step.get("procedure") for step in document["steps"] if step["kind"] == "procedure")
    return list(dict.fromkeys(name for name in found if name))


def problems(document: Document, known: Mapping[str, Document]) -> Iterator[Problem]:
    uses = {name: used_by(one) for name, one in known.items()} | {document["name"]: used_by(document)}
    for n, step in enumerate(document["steps"]):
        if step["kind"] != "procedure":
            continue
        name, path = step.get("procedure"), f"steps[{n}].procedure"
        if not name:
            yield Problem(path, "Say which procedure is followed here.")
        elif name == document["name"]:
            yield Problem(path, "A procedure cannot be a step of itself.")
        elif name not in known:
            yield Problem(path, f"There is no published procedure '{name}'. Publish it first.")
        else:
            yield from nesting_problems(document["name"], name, uses, path)
            yield from input_problems(document, step, n, known[name])


def user_problems(document: Document, known: Mapping[str, Document]) -> Iterator[Problem]:
    """What those that have this document as a step would no longer give it. A warning: both cannot change at once."""
    for user in known.values():
        for n, step in enumerate(user["steps"]):
            if user["name"] != document["name"] and step.get("procedure") == document["name"]:
                for one in input_problems(user, step, n, document):
                    yield Problem("inputs", f"'{user['name']}' has this as a step. {one.message}", "warning")


def nesting_problems(name: str, used: str, uses: Uses, path: str) -> Iterator[Problem]:
    if circle := way(used, name, uses):
        yield Problem(path, f"This goes in a circle: {' → '.join((name, *circle))}.")
    elif levels(name, inverted(uses)) + levels(used, uses) > DEEPEST:
        yield Problem(path, f"Procedures would be nested deeper than {DEEPEST} in each other.")


def way(start: str, end: str, uses: Uses) -> list[str]:
    """The shortest way from one procedure to another by what they use; empty where there is none."""
    before: dict[str, str] = {start: ""}
    waiting = [start]
    for name in waiting:
        for used in uses.get(name, ()):
            if used not in before:
                before[used] = name
                waiting.append(used)
    found, at = [], end if end in before else ""
    while at:
        found.append(at)
        at = before[at]
    return found[::-1]


def levels(start: str, uses: Uses) -> int:
    """How many are nested in each other from here on, this one counted; one too many is as far as it counts."""
    count, level = 1, {start}
    while count <= DEEPEST and (level := {used for name in level for used in uses.get(name, ())}):
        count += 1
    return count


def inverted(uses: Uses) -> Uses:
    found: Uses = {}
    for name, used in uses.items():
        for one in used:
            found.setdefault(one, []).append(name)
    return found


def input_problems(document: Document, step: Mapping[str, Any], n: int, used: Document) -> Iterator[Problem]:
    """Inputs of the step's procedure come from ``inputs`` of the step, else from inputs of the same name."""
    given, own = step.get("inputs") or {}, {field["name"] for field in document["inputs"]}
    asked = {field["name"]: field for field in used["inputs"]}
    for name in given:
        if name not in asked:
            yield Problem(f"steps[{n}].inputs.{name}", f"'{used['name']}' has no input of this name.")
    for name, field in asked.items():
        if field["required"] and field.get("default") is None and name not in given and name not in own:
            yield Problem(f"steps[{n}].inputs.{name}", f"'{used['name']}' needs this input. Give it here.")
