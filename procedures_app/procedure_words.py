"""What the parts of a procedure document are called where people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from memoryhub.access.texts import span_words
from procedures_app.models import OnFailure, StepKind

Choices = tuple[tuple[str, str], ...]
FIELD_TYPES: Choices = (
    ("text", "Text"),
    ("number", "Number"),
    ("boolean", "Yes or no"),
    ("choice", "Choice"),
    ("url", "Web address"),
    ("json", "JSON"),
)
COMPARISONS: Choices = (
    ("", "none: the agent confirms it"),
    ("equals", "is"),
    ("not_equals", "is not"),
    ("in", "is one of (JSON list)"),
    ("exists", "is there"),
    ("at_least", "is at least"),
    ("at_most", "is at most"),
    ("matches", "matches (regular expression)"),
)
FIELD_LIMITS = (
    ("minimum", "at least"),
    ("maximum", "at most"),
    ("pattern", "matching"),
    ("must_be", "exactly"),
    ("default", "usually"),
)
MOST_AGENTS = 3


def shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def field_says(field: Mapping[str, Any]) -> str:
    """``number, optional, at least 1``."""
    said = [dict(FIELD_TYPES).get(field["type"], field["type"]).lower()]
    said += [] if field.get("required", True) else ["optional"]
    said += [f"one of {', '.join(map(str, field['choices']))}"] if field.get("choices") else []
    limits = [(words, field.get(name)) for name, words in FIELD_LIMITS]
    return ", ".join([*said, *(f"{words} {shown(value)}" for words, value in limits if value is not None)])


def check_says(check: Mapping[str, Any]) -> str:
    """``inputs.env is "production"``."""
    op = dict(COMPARISONS).get(check["op"], check["op"]).split(" (")[0]
    value = "" if check.get("value") is None else f" {shown(check['value'])}"
    return f"{check['path']} {op}{value}"


def step_limits(step: Mapping[str, Any]) -> str:
    """Of a step in a document, as ``limits_say``."""
    seconds = step.get("time_limit_seconds")
    limit = span_words(timedelta(seconds=seconds)) if seconds else ""
    return limits_say(step.get("agents") or [], limit, str(step.get("max_attempts", 1)), step.get("on_failure", ""))


def limits_say(agents: Sequence[str], limit: str, attempts: str, policy: str) -> str:
    """``any agent · within 10 minutes · 3 attempts · try again, then ask a person``."""
    who = ", ".join(agents[:MOST_AGENTS]) + ("…" if len(agents) > MOST_AGENTS else "")
    said = [
        who or "any agent",
        f"within {limit}" if limit else "",
        f"{attempts} attempt{'' if attempts == '1' else 's'}",
    ]
    said.append(dict(OnFailure.choices).get(policy, "").lower())
    return " · ".join(one for one in said if one)


def kind_says(kind: str) -> str:
    return dict(StepKind.choices).get(kind, kind)
