"""What a JSON log line or a JSON error answer says, as a line of text."""

from __future__ import annotations

import json
import re
from typing import Any

_TYPES = ("__type", "type", "name", "class", "exception_class", "error_type", "reason", "code")
_SAYINGS = (
    "reason",
    "message",
    "Message",
    "msg",
    "error",
    "err",
    "exception",
    "detail",
    "error_description",
    "log",
    "title",
    "errors",
)
_DEEPEST = 4
_LONGEST_LINE = 2_000
_LOGFMT = re.compile(r"(?:level|lvl|ts|time|t)=\S")
_PAIR = re.compile(r'\b(msg|err|error)=("(?:[^"\\]|\\.){0,600}"|[^\s"]{1,200})')


def spoken(text: str) -> str:
    """The message in the JSON; any other text as it is. A log with JSON in each line says one line for each."""
    if _LOGFMT.match(text):
        return "\n".join(map(_of_pairs, text.split("\n")))
    if not text.lstrip().startswith("{"):
        return text
    whole = _parsed(text)
    if whole is not None:
        return _said(whole, _DEEPEST) or text
    return "\n".join(_line(line) for line in text.split("\n"))


def _of_pairs(line: str) -> str:
    """``level=error msg="cannot open" err="no such file"`` is ``cannot open: no such file``."""
    found = dict(_PAIR.findall(line[:_LONGEST_LINE]))
    parts = [found[name].strip('"').replace('\\"', '"') for name in ("msg", "err", "error") if name in found]
    return ": ".join(part for part in parts if part) or line


def _line(line: str) -> str:
    found = _parsed(line) if line.startswith("{") and line.rstrip().endswith("}") else None
    return line if found is None else _said(found, _DEEPEST) or line


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _said(found: Any, deepest: int) -> str:
    if isinstance(found, str):
        return found
    if isinstance(found, list):
        return _said(found[0], deepest - 1) if found and deepest else ""
    if not isinstance(found, dict) or not deepest:
        return ""
    parts = [_said(found[name], deepest - 1) for name in _SAYINGS if name in found]
    return ": ".join(_named(found) + list(dict.fromkeys(part for part in parts if part)))


def _named(found: dict[str, Any]) -> list[str]:
    named = (found.get(name) for name in _TYPES)
    return [
        name
        for name in named
        if isinstance(name, str) and name.isidentifier() and (name[:1].isupper() or name.endswith("_exception"))
    ][:1]
