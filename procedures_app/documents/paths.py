"""Paths into a run: ``inputs.x``, ``steps.<id>.evidence.<name>``, ``steps.<id>.output.<a>.<b>``.

A context is ``{"inputs": {…}, "steps": {"<id>": {"evidence": {…}, "output": …}}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from memoryhub.registry.diffs import MISSING

SHAPES = "inputs.<name>, steps.<id>.evidence.<name> or steps.<id>.output"


@dataclass(frozen=True, slots=True)
class Path:
    """``step`` is empty for inputs; ``rest`` leads from there into the value."""

    part: Literal["inputs", "evidence", "output"]
    step: str
    rest: tuple[str, ...]


def parse(text: str) -> Path | None:
    """The path, or None where it is none."""
    parts = text.strip().split(".")
    if not all(parts):
        return None
    match parts:
        case ["inputs", _, *_]:
            return Path("inputs", "", tuple(parts[1:]))
        case ["steps", step, "evidence", _, *_]:
            return Path("evidence", step, tuple(parts[3:]))
        case ["steps", step, "output", *rest]:
            return Path("output", step, tuple(rest))
    return None


def value_at(text: str, context: Mapping[str, Any]) -> Any:
    """The value, or MISSING where there is none."""
    path = parse(text)
    if path is None:
        return MISSING
    if path.part == "inputs":
        return follow(context.get("inputs"), path.rest)
    return follow(context.get("steps"), (path.step, path.part, *path.rest))


def follow(node: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(node, Mapping):
            node = node.get(part, MISSING)
        elif isinstance(node, list) and part.isdecimal() and len(part) < 7 and int(part) < len(node):
            node = node[int(part)]
        else:
            return MISSING
    return node
