"""What full-text search looks at, and how a question becomes a query that cannot be misread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

MOST_WORDS = 64
WORD = re.compile(r"\w+")


def content_of(document: Mapping[str, Any]) -> str:
    """The words of a document beside its key. Of an encrypted one there are none."""
    if document.get("encrypted"):
        return ""
    rest = [document.get("category"), document.get("tags")]
    return " ".join(scalars([document.get("value"), rest]))


def scalars(value: Any) -> Iterator[str]:
    """Names and values, wherever they stand in the JSON. Without recursion: values may be nested deeply."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left.extend(part for pair in reversed(one.items()) for part in reversed(pair))
        elif isinstance(one, list):
            left.extend(reversed(one))
        elif one is not None:
            yield str(one)


def query_of(text: str) -> str:
    """Any of the words, best match first: each quoted, so that none is taken for an operator of FTS5."""
    words = WORD.findall(text.replace("_", " "))[:MOST_WORDS]
    return " OR ".join(f'"{word}"' for word in words)
