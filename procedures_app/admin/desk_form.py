"""The form of a draft: what stands in its fields, as texts, and the procedure document that these make.

``State`` mirrors the document, with a text in every field exactly as somebody typed it, so that nothing is lost while
it is not right yet. Fields are named by their place: ``steps.2.evidence.0.name``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from procedures_app.models import OnFailure, StepKind

State = dict[str, Any]
PLACE = re.compile(r"[a-z_]+(?:\.(?:[a-z_]+|\d{1,4}))*")
LISTS = ("inputs", "preconditions", "steps", "evidence")
UNITS = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


# -- from the form --------------------------------------------------------------------------------------------


def state_of(posted: Mapping[str, str]) -> State:
    """The state that a form sent; fields with other names are left out."""
    found: State = {}
    for name, text in posted.items():
        if PLACE.fullmatch(name):
            put(found, name.split("."), text.replace("\r\n", "\n"))
    return complete(listed(found))


def put(into: State, parts: list[str], text: str) -> None:
    for part in parts[:-1]:
        below = into.setdefault(part, {})
        if not isinstance(below, dict):
            return
        into = below
    into.setdefault(parts[-1], text)


def listed(found: Any) -> Any:
    """Objects whose names are numbers are lists, in the order of these."""
    if not isinstance(found, dict):
        return found
    if found and all(name.isdigit() for name in found):
        return [listed(found[name]) for name in sorted(found, key=int)]
    return {name: listed(value) for name, value in found.items()}


def complete(found: State) -> State:
    """Every list is there, and holds objects alone, whatever was sent."""
    for name in ("inputs", "preconditions", "steps"):
        found[name] = objects(found.get(name))
    for step in found["steps"]:
        for name in ("evidence", "preconditions"):
            step[name] = objects(step.get(name))
        for name in ("request", "action", "rollback"):
            step[name] = step[name] if isinstance(step.get(name), dict) else {}
        for name in ("request", "action"):
            below = step["rollback"].get(name)
            step["rollback"][name] = below if isinstance(below, dict) else {}
    return found


def objects(value: Any) -> list[State]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


# -- from a document --------------------------------------------------------------------------------------------


def state_from(document: Mapping[str, Any]) -> State:
    """The state that shows a document; ``Reading(state_from(document)).document`` says the same as it."""
    found: State = {name: text_of(document.get(name)) for name in ("name", "title", "summary", "kind")}
    found["tags"] = ", ".join(map(str, document.get("tags") or []))
    found["inputs"] = [field_state(field) for field in document.get("inputs") or []]
    found["preconditions"] = [precondition_state(one) for one in document.get("preconditions") or []]
    found["steps"] = [step_state(step) for step in document.get("steps") or []]
    return complete(found)


def step_state(step: Mapping[str, Any]) -> State:
    unit, seconds = 60, step.get("time_limit_seconds")
    if isinstance(seconds, int) and seconds > 0:
        unit = next(size for size, _ in UNITS if seconds % size == 0)
    return {
        **{name: text_of(step.get(name)) for name in ("id", "kind", "title", "instruction", "procedure")},
        "agents": ", ".join(map(str, step.get("agents") or [])),
        "evidence": [field_state(field) for field in step.get("evidence") or []],
        "preconditions": [precondition_state(one) for one in step.get("preconditions") or []],
        "time_limit": str(seconds // unit) if isinstance(seconds, int) else text_of(seconds),
        "time_unit": str(unit),
        "max_attempts": text_of(step.get("max_attempts", 1)),
        "on_failure": text_of(step.get("on_failure") or OnFailure.ESCALATE),
        "inputs": json_text(step["inputs"]) if step.get("inputs") else "",
        "rollback": rollback_state(step.get("rollback")),
        **calls_state(step),
    }


def rollback_state(rollback: Mapping[str, Any] | None) -> State:
    if not rollback:
        return {"kind": ""}
    return {name: text_of(rollback.get(name)) for name in ("kind", "title", "instruction")} | calls_state(rollback)


def calls_state(step: Mapping[str, Any]) -> State:
    request, action = step.get("request") or {}, step.get("action") or {}
    return {
        "request": {
            "method": text_of(request.get("method")),
            "url": text_of(request.get("url")),
            "headers": lines_of(request.get("headers"), ": "),
            "body": json_text(request["body"]) if request.get("body") is not None else "",
            "expect_status": ", ".join(map(str, request.get("expect_status") or [])),
            "save": lines_of(request.get("save"), " = "),
        },
        "action": {
            "do": text_of(action.get("do")),
            "with": json_text(action["with"]) if action.get("with") else "",
        },
    }


def field_state(field: Mapping[str, Any]) -> State:
    texts = ("name", "type", "description", "pattern", "minimum", "maximum")
    found: State = {name: text_of(field.get(name)) for name in texts}
    found["required"] = "on" if field.get("required", True) else ""
    found["choices"] = "\n".join(map(str, field.get("choices") or []))
    for name in ("must_be", "default"):
        found[name] = loose_text(field[name]) if field.get(name) is not None else ""
    return found


def precondition_state(one: Mapping[str, Any]) -> State:
    check = one.get("check") or {}
    return {
        "text": text_of(one.get("text")),
        "path": text_of(check.get("path")),
        "op": text_of(check.get("op")),
        "value": loose_text(check["value"]) if check.get("value") is not None else "",
        "otherwise": text_of(one.get("otherwise") or "block"),
    }


def text_of(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def lines_of(value: Any, between: str) -> str:
    return "\n".join(f"{name}{between}{said}" for name, said in value.items()) if isinstance(value, dict) else ""


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def loose_text(value: Any) -> str:
    """A text as it is, unless it would be read as something else; anything else as JSON."""
    return value if isinstance(value, str) and loose(value) == value else json.dumps(value, ensure_ascii=False)


def loose(text: str) -> Any:
    """JSON where it is JSON (``5``, ``true``, ``["a"]``, ``"5"``), else the text itself."""
    try:
        return json.loads(text, parse_constant=lambda name: name)
    except (ValueError, RecursionError):
        return text


# -- to a document ------------------------------------------------------------------------------------------------


class Reading:
    """The document of a state, and what could not be read in it: ``mistakes`` is place → message."""

    def __init__(self, state: State) -> None:
        self.mistakes: dict[str, str] = {}
        self.document: dict[str, Any] = {
            "name": one_line(state.get("name")),
            **{name: raw(state.get(name)) for name in ("title", "summary")},
            "kind": one_line(state.get("kind")) or "general",
            "tags": parts_of(state.get("tags")),
            "inputs": [self.field(one, f"inputs.{n}", default=True) for n, one in enumerate(state["inputs"])],
            "preconditions": [
                self.precondition(one, f"preconditions.{n}") for n, one in enumerate(state["preconditions"])
            ],
            "steps": [self.step(one, f"steps.{n}") for n, one in enumerate(state["steps"])],
        }

    def step(self, state: State, place: str) -> dict[str, Any]:
        kind = one_line(state.get("kind")) or str(StepKind.INSTRUCTION)
        attempts = self.number(state.get("max_attempts"), f"{place}.max_attempts", whole=True)
        return {
            # without one it gets one: that of the published step that it is, or a new one
            **({"id": said} if (said := one_line(state.get("id"))) else {}),
            "kind": kind,
            **{name: raw(state.get(name)) for name in ("title", "instruction")},
            "agents": parts_of(state.get("agents")),
            "evidence": [self.field(one, f"{place}.evidence.{n}") for n, one in enumerate(state["evidence"])],
            "preconditions": [
                self.precondition(one, f"{place}.preconditions.{n}", of_step=True)
                for n, one in enumerate(state["preconditions"])
            ],
            "time_limit_seconds": self.seconds(state, place),
            "max_attempts": 1 if attempts is None else attempts,
            "on_failure": one_line(state.get("on_failure")) or str(OnFailure.ESCALATE),
            "rollback": self.rollback(state["rollback"], f"{place}.rollback"),
            **self.part(kind, state, place),
        }

    def rollback(self, state: State, place: str) -> dict[str, Any] | None:
        kind = one_line(state.get("kind"))
        if not kind:
            return None
        texts = {name: raw(state.get(name)) for name in ("title", "instruction")}
        return {"kind": kind, **texts, **self.part(kind, state, place)}

    def part(self, kind: str, state: State, place: str) -> dict[str, Any]:
        """What the kind of a step needs; what was typed for another kind stays in the form alone."""
        if kind == StepKind.HTTP:
            return {"request": self.request(state["request"], f"{place}.request")}
        if kind == StepKind.MEMORY:
            action = state["action"]
            given = self.json(action.get("with"), f"{place}.action.with")
            return {"action": {"do": one_line(action.get("do")), "with": {} if given is None else given}}
        if kind == StepKind.PROCEDURE:
            inputs = self.json(state.get("inputs"), f"{place}.inputs")
            return {"procedure": one_line(state.get("procedure")), **({} if inputs is None else {"inputs": inputs})}
        return {}

    def request(self, state: State, place: str) -> dict[str, Any]:
        found: dict[str, Any] = {
            "method": one_line(state.get("method")) or "GET",
            "url": words(state.get("url")),
            "headers": self.pairs(state.get("headers"), f"{place}.headers", ":", "Name: value"),
            "body": self.json(state.get("body"), f"{place}.body"),
            "expect_status": self.statuses(state.get("expect_status"), f"{place}.expect_status"),
            "save": self.pairs(state.get("save"), f"{place}.save", "=", "name = /json/pointer"),
        }
        return {name: value for name, value in found.items() if value not in (None, {}, [])}

    def field(self, state: State, place: str, *, default: bool = False) -> dict[str, Any]:
        kind = one_line(state.get("type")) or "text"
        found: dict[str, Any] = {
            "name": one_line(state.get("name")),
            "type": kind,
            "required": bool(state.get("required")),
            "description": raw(state.get("description")),
        }
        if kind == "choice":
            found["choices"] = list(filled_lines(state.get("choices")))
        if kind == "text" and words(state.get("pattern")):
            found["pattern"] = words(state.get("pattern"))
        if kind == "number":
            for name in ("minimum", "maximum"):
                found[name] = self.number(state.get(name), f"{place}.{name}")
        for name in ("must_be", "default") if default else ("must_be",):
            text = words(state.get(name))
            if text:
                found[name] = given_as(kind, text)
        return {name: value for name, value in found.items() if value is not None}

    def precondition(self, state: State, place: str, *, of_step: bool = False) -> dict[str, Any]:
        path, op = words(state.get("path")), one_line(state.get("op"))
        check: dict[str, Any] | None = None
        if path:
            check = {"path": path, "op": op or "equals"}
            if value := words(state.get("value")):
                check["value"] = loose(value)
        found = {"text": raw(state.get("text")), "check": check}
        return {**found, "otherwise": one_line(state.get("otherwise")) or "block"} if of_step else found

    def seconds(self, state: State, place: str) -> Any:
        amount = self.number(state.get("time_limit"), f"{place}.time_limit_seconds", whole=True)
        unit = one_line(state.get("time_unit"))
        return amount * int(unit) if isinstance(amount, int) and unit.isdigit() else amount

    def number(self, text: Any, place: str, *, whole: bool = False) -> Any:
        said = one_line(text)
        if not said:
            return None
        try:
            number = int(said) if whole or re.fullmatch(r"-?\d+", said) else float(said)
            return number if abs(number) < 10**15 else self.mistake(place, "This number is too large.")
        except ValueError:
            return self.mistake(place, f"Write a {'whole ' if whole else ''}number, in digits.")

    def json(self, text: Any, place: str) -> Any:
        said = words(text)
        if not said:
            return None
        try:
            return json.loads(said)
        except json.JSONDecodeError as error:
            return self.mistake(place, f"This is not JSON. Line {error.lineno}, column {error.colno}: {error.msg}.")
        except (ValueError, RecursionError):
            return self.mistake(place, "This is nested too deeply, or holds a number that is too long.")

    def pairs(self, text: Any, place: str, between: str, form: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in filled_lines(text):
            name, split, value = line.partition(between)
            if not split or not name.strip():
                self.mistake(place, f"Write one per line, as {form}. This line is not: {line[:80]}")
            elif name.strip() in found:
                self.mistake(place, f"The name {name.strip()[:80]} stands twice. Keep one of them.")
            found[name.strip()] = value.strip()
        return found

    def statuses(self, text: Any, place: str) -> list[int]:
        said = parts_of(text)
        if not all(re.fullmatch(r"\d{3}", one) for one in said):
            self.mistake(place, "Write status codes of three digits, separated by commas, such as 200, 201.")
            return []
        return [int(one) for one in said]

    def mistake(self, place: str, message: str) -> None:
        self.mistakes.setdefault(place, message)


def given_as(kind: str, text: str) -> Any:
    """For a field of text, ``5`` is a text as well."""
    value = loose(text)
    return text if kind in ("text", "url", "choice") and not isinstance(value, str) else value


def raw(text: Any) -> str:
    return str(text or "")


def words(text: Any) -> str:
    return str(text or "").strip()


def one_line(text: Any) -> str:
    return " ".join(str(text or "").split())


def parts_of(text: Any) -> list[str]:
    return [said for part in str(text or "").split(",") if (said := one_line(part))]


def filled_lines(text: Any) -> Iterable[str]:
    return (said for line in str(text or "").splitlines() if (said := line.strip()))
