"""Transcript files: JSON or JSON Lines, plain or gzipped, told apart by what is in them."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memoryhub.access.api.parsers import parse_float, refuse_constant
from memoryhub.access.exceptions import Invalid
from sessions_app.transcripts import chats, dialogs
from sessions_app.transcripts.records import Conversation, Problem, session_name

UNKNOWN = (
    "this is no transcript format known here: a list of messages with roles, conversations with 'messages', "
    "ChatGPT's export, LoCoMo, or users with items"
)
Read = Iterator[Conversation | Problem]
NOT_JSON = (ValueError, RecursionError, Invalid)


def read(path: Path) -> Read:
    """Every conversation of a file, and a Problem for everything in it that cannot be read."""
    try:
        raw = contents(path)
        text = raw.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error) as error:
        yield Problem(str(path), f"the file cannot be read: {error}")
    except UnicodeDecodeError as error:
        yield Problem(str(path), f"the file is not UTF-8: {error.reason} at byte {error.start}")
    else:
        # named after the content: the same file under another name is the same import
        fallback = session_name("import", hashlib.sha256(raw).hexdigest()[:12])
        yield from json_or_lines(text, path, fallback)


def contents(path: Path) -> bytes:
    raw = path.read_bytes()
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def strict(text: str) -> Any:
    """Parsed JSON; NaN and numbers beyond a float are none."""
    return json.loads(text, parse_constant=refuse_constant, parse_float=parse_float)


def json_or_lines(text: str, path: Path, fallback: str) -> Read:
    if ".jsonl" in path.suffixes or ".ndjson" in path.suffixes:
        yield from lines(text, path, fallback)
        return
    try:
        document = strict(text)
    except NOT_JSON as error:
        if looks_like_lines(text):
            yield from lines(text, path, fallback)
        else:
            place = f"{path}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else str(path)
            yield Problem(place, f"the file is not JSON: {error}")
        return
    yield from whole(document, path, fallback)


def looks_like_lines(text: str) -> bool:
    """Whether the first line is a JSON object of its own, with others behind it."""
    first, _, rest = text.lstrip().partition("\n")
    try:
        return isinstance(strict(first), dict) and bool(rest.strip())
    except NOT_JSON:
        return False


def lines(text: str, path: Path, fallback: str) -> Read:
    """A conversation a line, or a message a line; a line that is neither is skipped."""
    loose: list[tuple[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = f"{path}:{number}"
        try:
            record = strict(line)
        except NOT_JSON as error:
            yield Problem(place, f"the line is not JSON: {error}")
            continue
        if chats.is_message(record):
            loose.append((place, record))
        else:
            yield from one(record, place, session_name(fallback, number))
    yield from chats.from_messages(loose, str(path), fallback)


def whole(document: Any, path: Path, fallback: str) -> Read:
    place = str(path)
    if not isinstance(document, list):
        yield from one(document, place, fallback)
    elif document and all(not isinstance(record, dict) or chats.is_message(record) for record in document):
        yield from chats.from_messages(
            [(f"{place}[{n}]", record) for n, record in enumerate(document)], place, fallback
        )
    else:
        for index, record in enumerate(document):
            yield from one(record, f"{place}[{index}]", session_name(fallback, index))


def one(record: Any, place: str, fallback: str) -> Read:
    """One record that may hold several conversations."""
    if dialogs.is_locomo(record):
        yield from dialogs.locomo(record, place, fallback)
    elif dialogs.is_items(record):
        yield from dialogs.items(record, place)
    elif chats.is_conversation(record):
        yield from chats.conversation(record, place, fallback)
    elif isinstance(record, dict) and isinstance(record.get("conversations"), list):
        for index, inner in enumerate(record["conversations"]):
            yield from one(inner, f"{place}.conversations[{index}]", session_name(fallback, index))
    else:
        yield Problem(place, UNKNOWN)
