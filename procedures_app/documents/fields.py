"""Values that have to be handed in: inputs of a run, evidence of a step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from agents_app.resolution.equality import equal
from procedures_app.documents import patterns

LONGEST_VALUE_TEXT, LONGEST_URL, LONGEST_JSON = 10_000, 2_000, 65_536
Fields = Sequence[Mapping[str, Any]]


def check(fields: Fields, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The values as they are kept (with defaults filled in), and what is wrong: (name, message).

    ``null`` counts as not given. What no field asks for is an error, so that a slip of the pen is noticed.
    """
    cleaned: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for field in fields:
        name = field["name"]
        value = given.get(name)
        value = field.get("default") if value is None else value
        if value is None or (value == "" and field["type"] != "json"):
            if field.get("required", True):
                errors.append((name, needed(field)))
        elif problem := problem_of(field, value):
            errors.append((name, problem))
        else:
            cleaned[name] = value
    known = {field["name"] for field in fields}
    return cleaned, errors + [(str(name), not_asked(known)) for name in given if name not in known]


def needed(field: Mapping[str, Any]) -> str:
    about = f": {field['description']}" if field.get("description") else ""
    return f"This is required ({KINDS[field['type']]}){about}"


def not_asked(known: set[str]) -> str:
    return f"Nobody asked for this. Asked for: {', '.join(sorted(known)) or 'nothing'}."


def problem_of(field: Mapping[str, Any], value: Any) -> str:
    """What is wrong with a value; empty where it fits."""
    wrong = CHECKS[field["type"]](field, value)
    if wrong:
        return wrong
    if field.get("must_be") is not None and not equal(value, field["must_be"]):
        return f"This must be {json.dumps(field['must_be'], ensure_ascii=False)}."
    return ""


def check_text(field: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str):
        return "This must be a text."
    if not value.strip():
        return "This must not be blank."
    if len(value) > LONGEST_VALUE_TEXT:
        return f"At most {LONGEST_VALUE_TEXT} characters."
    return check_pattern(field.get("pattern"), value)


def check_pattern(pattern: str | None, value: str) -> str:
    if not pattern:
        return ""
    if len(value) > patterns.LONGEST_TEXT:
        return f"At most {patterns.LONGEST_TEXT} characters, because it has to look like {pattern}"
    return "" if patterns.fits(pattern, value) else f"This must look like {pattern}"


def check_number(field: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "This must be a number."
    try:
        if not math.isfinite(value):
            return "This must be a number."
    except OverflowError:  # an integer of more than 308 digits
        return "This number is too large."
    if field.get("minimum") is not None and value < field["minimum"]:
        return f"This must be at least {field['minimum']}."
    if field.get("maximum") is not None and value > field["maximum"]:
        return f"This must be at most {field['maximum']}."
    return ""


def check_boolean(field: Mapping[str, Any], value: Any) -> str:
    return "" if isinstance(value, bool) else "This must be true or false."


def check_choice(field: Mapping[str, Any], value: Any) -> str:
    choices = field.get("choices") or []
    return "" if isinstance(value, str) and value in choices else f"Choose one of: {', '.join(choices)}."


def check_url(field: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_URL or any(c.isspace() for c in value):
        return "This must be an address that begins with https:// or http://."
    try:
        parts = urlsplit(value)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        fine = False
    return "" if fine else "This must be an address that begins with https:// or http://."


def check_json(field: Mapping[str, Any], value: Any) -> str:
    size = len(json.dumps(value, ensure_ascii=False))
    return "" if size <= LONGEST_JSON else f"At most {LONGEST_JSON // 1024} KiB of JSON."


CHECKS: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "text": check_text,
    "number": check_number,
    "boolean": check_boolean,
    "choice": check_choice,
    "url": check_url,
    "json": check_json,
}
KINDS = {
    "text": "text",
    "number": "a number",
    "boolean": "true or false",
    "choice": "one of the choices",
    "url": "an address",
    "json": "JSON",
}
