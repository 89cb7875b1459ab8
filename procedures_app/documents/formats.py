"""Procedures as text: read and written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from procedures_app.documents import yaml_text
from procedures_app.documents.compacting import compact
from procedures_app.documents.problems import DocumentInvalid
from procedures_app.documents.reading import Document, read

Format = Literal["auto", "yaml", "json"]
Rendered = Literal["yaml"]
LOADERS: dict[str, Callable[[str], Any]] = {"yaml": yaml_text.load, "json": yaml_text.load_json}
WRITERS: dict[str, Callable[[dict[str, Any]], str]] = {"yaml": yaml_text.dump}


def parse(text: str, format: Format = "auto", *, over: Document | None = None) -> Document:  # noqa: A002
    """The document that a text describes. Raises DocumentInvalid.

    ``over``: an earlier version of the same procedure, whose steps keep their ids.
    """
    if not text.strip():
        raise DocumentInvalid([("", "There is nothing here. Paste a procedure, or a numbered list of its steps.")])
    return read(LOADERS[guessed(text) if format == "auto" else format](text), over=over)


def guessed(text: str) -> str:
    return "json" if text.lstrip().startswith("{") else "yaml"


def render(document: Document, format: Rendered = "yaml") -> str:  # noqa: A002
    """The text of a document; what is as usual is left out. ``parse`` gives the document back."""
    return WRITERS[format](compact(document))
