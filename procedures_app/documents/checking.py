"""Whether a document makes sense: what would break a run is an error, and it is not published with one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from procedures_app.documents import fields, names, paths, patterns, subprocedures
from procedures_app.documents.problems import Problem
from procedures_app.documents.reading import Document
from procedures_app.documents.scopes import Scope
from procedures_app.documents.step_checking import Calls, step_problems

NUMBERS = (int, float)
#: To match the defaults and demanded values of one document with their patterns, about a fifth of a second.
MOST_PATTERN_STEPS = 200_000
TOO_SLOW = "The patterns of this document take too long to check. Shorten them, or the values that they are for."


def check(
    document: Document,
    known_procedures: Mapping[str, Document],
    allowed_hosts: Sequence[str],
    *,
    secrets: Mapping[str, Sequence[str]] | None = None,
    publishing: bool = False,
) -> list[Problem]:
    """What is wrong with a document in its normal form, in its order; errors prevent publishing.

    ``known_procedures``: the published documents that it may use as steps, and those that these use. ``secrets``: the
    hosts of each one that its tenant may use. A host or a secret that is not allowed is a warning in a draft and an
    error when ``publishing``.
    """
    calls = Calls(allowed_hosts, secrets or {}, publishing)
    found = list(head_problems(document))
    if pattern_steps(document) > MOST_PATTERN_STEPS:
        found.append(Problem("inputs", TOO_SLOW))
        document = without_patterns(document)
    found += field_problems(document["inputs"], "inputs", inputs=True)
    everything = Scope.of(document)
    found += precondition_problems(document["preconditions"], "preconditions", everything.before(0))
    for n, step in enumerate(document["steps"]):
        path = f"steps[{n}]"
        found += field_problems(step["evidence"], f"{path}.evidence")
        found += precondition_problems(step["preconditions"], f"{path}.preconditions", everything.before(n))
        found += step_problems(step, path, everything, n, calls)
    found += subprocedures.problems(document, known_procedures)
    return found + list(subprocedures.user_problems(document, known_procedures))


def head_problems(document: Document) -> Iterator[Problem]:
    if not document["title"]:
        yield Problem("title", "Give the procedure a title.")
    if not document["summary"]:
        yield Problem("summary", "Say in a sentence when to follow it: agents find it by that.", "warning")
    if not document["steps"]:
        yield Problem("steps", "Add at least one step.")
    yield from repeated([step["title"] for step in document["steps"]], "steps", "title", "Two steps have this title.")


def repeated(values: list[str], path: str, key: str, message: str) -> Iterator[Problem]:
    counts = Counter(values)
    for n, value in enumerate(values):
        if value and counts[value] > 1 and value in values[:n]:
            yield Problem(f"{path}[{n}].{key}", message, "warning")


def field_problems(given: Sequence[Mapping[str, Any]], path: str, *, inputs: bool = False) -> Iterator[Problem]:
    seen: set[str] = set()
    for n, field in enumerate(given):
        place = f"{path}[{n}]"
        if field["name"] in seen:
            yield Problem(f"{place}.name", f"'{field['name']}' stands here twice. Each name may stand once.")
        if names.CONFIRMATION.fullmatch(field["name"]):
            yield Problem(f"{place}.name", "Names such as confirm_1 are kept for preconditions. Use another.")
        seen.add(field["name"])
        yield from value_problems(field, place, inputs=inputs)


def value_problems(field: Mapping[str, Any], place: str, *, inputs: bool) -> Iterator[Problem]:
    yield from kind_problems(field, place)
    if field.get("default") is not None and not inputs:
        yield Problem(f"{place}.default", "Evidence has no default: it shows that the step was done.")
        return
    if "default" in field and "must_be" in field:
        yield Problem(f"{place}.default", "Leave the default out: the value must be said by whoever knows it.")
    bare = {name: value for name, value in field.items() if name != "must_be"}
    for name in ("default", "must_be"):
        if name in field and pattern_is_fine(field) and (wrong := fields.problem_of(bare, field[name])):
            yield Problem(f"{place}.{name}", f"This does not fit the field itself: {wrong}")


def pattern_steps(document: Document) -> int:
    evidence = [field for step in document["steps"] for field in step["evidence"]]
    return sum(
        patterns.steps(field["pattern"], field[name])
        for field in [*document["inputs"], *evidence]
        for name in ("default", "must_be")
        if field.get("pattern") and isinstance(field.get(name), str) and pattern_is_fine(field)
    )


def without_patterns(document: Document) -> Document:
    def bare(given: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [{name: value for name, value in field.items() if name != "pattern"} for field in given]

    steps = [step | {"evidence": bare(step["evidence"])} for step in document["steps"]]
    return document | {"inputs": bare(document["inputs"]), "steps": steps}


def kind_problems(field: Mapping[str, Any], place: str) -> Iterator[Problem]:
    kind, choices = field["type"], field.get("choices")
    if kind == "choice" and not choices:
        yield Problem(f"{place}.choices", "List what may be chosen.")
    if kind != "choice" and choices is not None:
        yield Problem(f"{place}.choices", "Only a field of the type choice has choices.")
    if choices and (len(set(choices)) < len(choices) or not all(one.strip() for one in choices)):
        yield Problem(f"{place}.choices", "Each choice is a text of its own, and stands once.")
    if kind != "text" and field.get("pattern"):
        yield Problem(f"{place}.pattern", "Only a field of the type text has a pattern.")
    yield from pattern_problems(field.get("pattern"), f"{place}.pattern")
    yield from range_problems(field, place)


def range_problems(field: Mapping[str, Any], place: str) -> Iterator[Problem]:
    least, most = field.get("minimum"), field.get("maximum")
    if field["type"] != "number" and (least is not None or most is not None):
        yield Problem(
            f"{place}.{'minimum' if least is not None else 'maximum'}", "Only a field of the type number has limits."
        )
    if least is not None and most is not None and least > most:
        yield Problem(f"{place}.maximum", "The maximum is below the minimum: nothing would fit.")


def pattern_is_fine(field: Mapping[str, Any]) -> bool:
    return not list(pattern_problems(field.get("pattern"), ""))


def pattern_problems(pattern: str | None, path: str) -> Iterator[Problem]:
    if pattern:
        try:
            patterns.automaton(pattern)
        except patterns.PatternRefused as error:
            yield Problem(path, str(error))


def precondition_problems(given: Sequence[Mapping[str, Any]], path: str, scope: Scope) -> Iterator[Problem]:
    for n, precondition in enumerate(given):
        place = f"{path}[{n}]"
        if not precondition["text"]:
            yield Problem(f"{place}.text", "Say in words what must hold.")
        if precondition["check"]:
            yield from check_problems(precondition["check"], f"{place}.check", scope)
        elif precondition.get("otherwise") == "skip":
            yield Problem(
                f"{place}.otherwise", "Without a check the agent has to confirm it, so it cannot skip the step."
            )


def check_problems(given: Mapping[str, Any], path: str, scope: Scope) -> Iterator[Problem]:
    op, value = given["op"], given["value"]
    if paths.parse(given["path"]) is None:
        yield Problem(f"{path}.path", f"This is no path. Write {paths.SHAPES}.")
    elif wrong := scope.lacks(given["path"]):
        yield Problem(f"{path}.path", wrong)
    if op == "in" and not isinstance(value, list):
        yield Problem(f"{path}.value", "Give a list of the values that are fine.")
    if op in ("at_least", "at_most") and (isinstance(value, bool) or not isinstance(value, NUMBERS)):
        yield Problem(f"{path}.value", "Give a number.")
    if op in ("equals", "not_equals") and value is None:
        yield Problem(f"{path}.value", "Give the value to compare with. To ask whether there is one, use exists.")
    if op == "exists" and value not in (None, True, False):
        yield Problem(f"{path}.value", "Give true or false, or leave it out.")
    if op == "matches":
        if isinstance(value, str) and value:
            yield from pattern_problems(value, f"{path}.value")
        else:
            yield Problem(f"{path}.value", "Give a pattern.")
