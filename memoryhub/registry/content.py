"""The searchable text of a JSON value: its strings, numbers and keys, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

#: Longer texts are cut: what stands further behind is stored, but not found by word.
LONGEST = 100_000
_SEAMS = re.compile(r"[_\-./\s]+|(?<=[a-z0-9])(?=[A-Z])")


@lru_cache(maxsize=4096)
def readable(name: str) -> str:
    """A key as words: ``themePreference_v2`` → ``theme Preference v2``."""
    return " ".join(word for word in _SEAMS.split(name) if word)


def text_of(value: Any) -> str:
    """One line per scalar, each led by its key. At most ``LONGEST`` characters; the same value gives the same text."""
    lines: list[str] = []
    room = LONGEST
    for line in walk(value):
        lines.append(line[:room])
        room -= len(line) + 1
        if room <= 0:
            break
    return "\n".join(lines)


def walk(value: Any) -> Iterator[str]:
    """Without recursion: values may be nested as deep as the parser allows."""
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        name, node = stack.pop()
        if isinstance(node, dict):
            stack.extend((readable(key), item) for key, item in reversed(node.items()))
            if name and node:
                yield name
        elif isinstance(node, (list, tuple)):
            stack.extend((name, item) for item in reversed(node))
        else:
            yield from scalar(name, node)


def scalar(name: str, node: Any) -> Iterator[str]:
    if node is None or node == "":
        if name:
            yield name
        return
    text = str(node).lower() if isinstance(node, bool) else str(node)
    yield f"{name}: {text}" if name else text
