"""How alike two tasks are."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+")


def task_likeness(asked: str, known: str, cosine: float | None, *, same_kind: bool) -> float:
    """0..1, by the words that both have and by nearness in meaning."""
    ours, theirs = set(WORD.findall(asked.casefold())), set(WORD.findall(known.casefold()))
    shared = len(ours & theirs) / max(1, len(ours | theirs))
    value = max(shared, cosine or 0.0)
    return max(0.0, min(1.0, value + (0.05 if same_kind and value > 0.3 else 0.0)))
