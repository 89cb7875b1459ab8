"""Digests by which the same work is known again, however its input was written down."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from typing import Any


def work_digest(action: str, given: Any) -> str:
    """SHA-256 (hex) of what was done with what: case and spaces of the action make no difference.

    Nothing given and an empty object are the same.
    """
    return digest_of([plain_text(action), normal(given) or None])


def operation_digest(kind: str, task: str, context: Any) -> str:
    """SHA-256 (hex) of kind, task and context."""
    return digest_of([kind, plain_text(task), normal(context) or None])


def digest_of(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain_text(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def normal(value: Any) -> Any:
    """A JSON value in one form: composed letters, and 1 for 1.0."""
    if isinstance(value, dict):
        return {unicodedata.normalize("NFC", name): normal(child) for name, child in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal(child) for child in value]
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
