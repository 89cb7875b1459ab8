"""Procedures as text: read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Literal, Protocol

from procedures_app.documents import ids, list_text, markdown_text, yaml_text
from procedures_app.documents.compacting import compact
from procedures_app.documents.problems import DocumentInvalid
from procedures_app.documents.reading import Document, read

Format = Literal["auto", "yaml", "json", "markdown", "list"]
Rendered = Literal["yaml", "json", "markdown"]
FORMATS: tuple[Format, ...] = ("auto", "yaml", "json", "markdown", "list")
RENDERED: tuple[Rendered, ...] = ("yaml", "json", "markdown")
#: A plain list is for people to write; what is longer is none.
LONGEST_LIST = 500_000
#: A text that is longer is written without indentation: it would be mostly that.
LONGEST_PRETTY = 500_000
OUR_BLOCK = re.compile(r"^`{3,}yaml (?:procedure|step)[ \t]*$", re.MULTILINE)
KEY = re.compile(r"^(?:name|title|summary|kind|tags|inputs|preconditions|steps)[ \t]*:", re.MULTILINE)
STEPS = re.compile(r"^steps[ \t]*:[ \t]*(?:\[|#|$)", re.MULTILINE)
ITEM = re.compile(r"^[ \t]*(?:(?:step[ \t]+)?\d{1,3}[.):]|[-*•+])[ \t]+\S", re.MULTILINE | re.IGNORECASE)


class Writer(Protocol):
    def __call__(self, data: dict[str, Any], *, dense: bool) -> str: ...


def parse(text: str, format: Format = "auto", *, over: Document | None = None) -> Document:  # noqa: A002
    """The document that a text describes. Raises DocumentInvalid.

    ``over``: an earlier version of the same procedure, whose steps keep their ids: by their id, else by the likeness
    of their titles. A list changes only what a list can say of it.
    """
    if not text.strip():
        raise DocumentInvalid([("", "There is nothing here. Paste a procedure, or a numbered list of its steps.")])
    refuse_larger(text, yaml_text.LONGEST)
    plain = text.replace("\r\n", "\n").removeprefix("\ufeff")
    chosen = guessed(plain) if format == "auto" else format
    if chosen == "list" or (chosen == "markdown" and not is_markdown(plain)):
        refuse_larger(plain, LONGEST_LIST)
        return read_list(plain, over)
    return read(LOADERS[chosen](plain), over=over)


def refuse_larger(text: str, longest: int) -> None:
    if len(text) > longest:
        raise DocumentInvalid([("", f"The text is larger than {longest // 1000} kB.")])


def read_list(text: str, over: Document | None) -> Document:
    data = ids.with_ids(list_text.load(text), over)
    if not data["steps"]:
        raise DocumentInvalid([("", "There is no list here. Begin each step with a number: 1. Run the tests.")])
    return read(list_text.over(data, over) if over else data)


def guessed(text: str) -> Format:
    if text.lstrip().startswith("{"):
        return "json"
    if OUR_BLOCK.search(text):
        return "markdown"
    if STEPS.search(text) or (KEY.search(text) and not ITEM.search(text)):
        return "yaml"
    if markdown_text.has_steps(text) or re.match(r"\s*#[ \t]", text):
        return "markdown"
    return "list"


def is_markdown(text: str) -> bool:
    """Whether it has steps with headings, or a block of ours; else it may be a list below a title."""
    return bool(OUR_BLOCK.search(text)) or markdown_text.has_steps(text)


def render(document: Document, format: Rendered = "yaml") -> str:  # noqa: A002
    """The text of a document; what goes without saying is left out. ``parse`` gives the same document back."""
    data, write = compact(document), WRITERS[format]
    text = write(data, dense=False)
    return text if len(text) <= LONGEST_PRETTY else write(data, dense=True)


def as_json(data: dict[str, Any], *, dense: bool = False) -> str:
    return json.dumps(data, ensure_ascii=False, indent=None if dense else 2) + "\n"


LOADERS: dict[str, Callable[[str], Any]] = {
    "yaml": yaml_text.load,
    "json": yaml_text.load_json,
    "markdown": markdown_text.load,
}
WRITERS: dict[str, Writer] = {
    "yaml": yaml_text.dump,
    "json": as_json,
    "markdown": markdown_text.dump,
}
