"""What every refusal has in common."""

from __future__ import annotations

from typing import Any

from memoryhub.access.api.problems import MEDIA_TYPE


def problem(answer: Any, status: int, about: Any = "") -> dict[str, Any]:
    """The problem document of an answer; fails for anything else, saying what it was ``about``."""
    text = answer.content.decode()
    assert answer.status_code == status, f"{about}: {answer.status_code} instead of {status}: {text[:2000]}"
    assert answer["Content-Type"] == MEDIA_TYPE, about
    found: dict[str, Any] = answer.json()
    assert found["success"] is False
    assert found["status"] == status
    assert found["request_id"] == answer["X-Request-Id"]
    assert found["type"] == f"urn:memoryhub:problem:{found['code']}"
    assert found["title"]
    assert found["detail"], about
    return found


def names(found: dict[str, Any], field: str) -> bool:
    """Whether a problem says that this field, or a part of it, is wrong."""
    return any(
        error["field"] == field or error["field"].startswith((f"{field}.", f"{field}[")) for error in found["errors"]
    )
