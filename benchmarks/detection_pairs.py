"""The labelled pairs of memories, and the likeness of words that the benchmarks and tests score them with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

FOLDER = Path(__file__).parent.parent / "tests" / "data" / "pairs"
LABELS = ("neither", "duplicate", "contradiction")
HALVES = ("development", "held_out")


@dataclass(frozen=True)
class LabelledPair:
    topic: str
    label: str
    a: Any
    b: Any


def pairs(half: str) -> list[LabelledPair]:
    """The pairs of ``development`` or ``held_out``: by topic, so that no wording is in both."""
    topics = json.loads((FOLDER / "split.json").read_text())[half]
    return [
        LabelledPair(topic, **json.loads(line))
        for topic in topics
        for line in (FOLDER / f"{topic}.jsonl").read_text().splitlines()
    ]


def remembering(embed: Callable[[list[str]], list[Vector]]) -> Callable[[str, str], float]:
    """The cosine of any two texts; each text is embedded once."""

    @cache
    def vector(text: str) -> Vector:
        return embed([text])[0]

    return lambda a, b: float(vector(a) @ vector(b))


def spoken(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
