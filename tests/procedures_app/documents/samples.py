"""Procedures that tests are about."""

from __future__ import annotations

from typing import Any

from procedures_app.documents import Document, read


def step(title: str = "Do it", **fields: Any) -> dict[str, Any]:
    return {"title": title, **fields}


def document(*steps: dict[str, Any], **fields: Any) -> Document:
    """A document in its normal form that has nothing wrong with it."""
    return read(
        {"name": "ship-it", "title": "Ship it", "summary": "When shipping.", "steps": [*steps] or [step()]} | fields
    )
