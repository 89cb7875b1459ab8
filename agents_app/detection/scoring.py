"""The probability that two memories say the same, or contradict each other; and why, in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents_app.detection import structures, weights
from agents_app.detection.aligning import Alignment, Likeness, align, no_likeness
from agents_app.detection.features import features
from agents_app.detection.reading import Statement, Token, read, stem

#: A pair is reported from here on; chosen on the development half of the labelled pairs.
DUPLICATE = 0.65
CONTRADICTION = 0.65
#: Keys made by the server say nothing.
GENERATED = re.compile(
    r"^(?:mem(?:ory)?[_:-])?[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$", re.IGNORECASE
)
SHORT_TEXT = 4
OTHER_THING = 0.2
LONGEST_SHOWN = 60
Probabilities = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``duplicate`` and ``contradiction`` are probabilities; ``evidence`` are sentences, the strongest first."""

    duplicate: float
    contradiction: float
    evidence: tuple[str, ...]

    @property
    def kind(self) -> str | None:
        """duplicate, contradiction, or None: nothing to report."""
        if self.duplicate >= DUPLICATE and self.duplicate >= self.contradiction:
            return "duplicate"
        return "contradiction" if self.contradiction >= CONTRADICTION else None

    @property
    def confidence(self) -> float:
        return max(self.duplicate, self.contradiction)


def score(
    a: Any,
    b: Any,
    *,
    similarity: float | None = None,
    likeness: Likeness | None = None,
    keys: tuple[str, str] = ("", ""),
) -> Verdict:
    """Compares two values (text or JSON).

    ``similarity`` is the cosine of their embeddings, ``likeness`` that of any two words or phrases; without both,
    only what is written counts. ``keys``: those of the entries; two keys that name different things keep short values
    apart.
    """
    left, right = structures.unwrapped(a), structures.unwrapped(b)
    if isinstance(left, dict) and isinstance(right, dict):
        found = by_paths(left, right, likeness)
    else:
        found = by_text(sentence(left, keys[0]), sentence(right, keys[1]), similarity, likeness)
    return apart(found) if different_things(left, right, keys) else found


def by_paths(a: dict[str, Any], b: dict[str, Any], likeness: Likeness | None) -> Verdict:
    found = structures.compare(a, b)

    def texts(x: str, y: str) -> Probabilities:
        verdict = by_text(x, y, None if likeness is None else likeness(x, y), likeness)
        return verdict.duplicate, verdict.contradiction

    duplicate, contradiction = structures.probabilities(found, texts)
    return Verdict(round(duplicate, 4), round(contradiction, 4), tuple(path_evidence(found)))


def path_evidence(found: structures.Compared) -> list[str]:
    lines = [f"{path}: {shown(a)} against {shown(b)}." for path, a, b in found.differing]
    if found.equal:
        lines.append(f"The same: {', '.join(found.equal[:6])}.")
    for which, paths in (("first", found.only_a), ("second", found.only_b)):
        if paths:
            lines.append(f"Only the {which} one has {', '.join(paths[:6])}.")
    return lines


def by_text(a: str, b: str, similarity: float | None, likeness: Likeness | None) -> Verdict:
    here, there = read(a), read(b)
    if not here.content or not there.content:
        return Verdict(0.0, 0.0, ("One of them says nothing that can be compared.",))
    found = align(here, there, likeness or no_likeness)
    vectors = similarity is not None and likeness is not None
    near = similarity if similarity is not None and vectors else overlap(here, there)
    row = features(here, there, found, near, likeness or no_likeness)
    table = weights.WITH_VECTORS if vectors else weights.WORDS_ONLY
    duplicate, contradiction = probabilities(row, table)
    evidence = text_evidence(here, there, found, similarity)
    return Verdict(round(duplicate, 4), round(contradiction, 4), tuple(evidence))


def probabilities(row: Sequence[float], table: Sequence[Sequence[float]]) -> Probabilities:
    """Multinomial logistic regression; "neither" is the class that the other two are measured against."""
    duplicate, contradiction = (
        math.exp(sum(weight * value for weight, value in zip(column, (*row, 1.0), strict=True))) for column in table
    )
    total = 1.0 + duplicate + contradiction
    return duplicate / total, contradiction / total


def overlap(a: Statement, b: Statement) -> float:
    """The cosine of the two sets of stems: what stands in for the embeddings' where there is no model."""
    here, there = {t.value for t in a.content}, {t.value for t in b.content}
    return len(here & there) / math.sqrt(len(here) * len(there)) if here and there else 0.0


def text_evidence(a: Statement, b: Statement, found: Alignment, similarity: float | None) -> list[str]:
    lines = [f"{quoted(p.a)} and {quoted(p.b)} exclude each other." for p in found.opposites]
    lines += [f"{quoted(p.a)} against {quoted(p.b)}." for p in found.clashes]
    if a.negations % 2 != b.negations % 2:
        lines.append(f"Only the {'first' if a.negations % 2 else 'second'} one is negated.")
    lines += [f"{run(slot.a)} where the other says {run(slot.b)}." for slot in found.slots]
    soft = [f"{quoted(p.a)} and {quoted(p.b)}" for p in found.pairs if p.a.text != p.b.text]
    if soft:
        lines.append(f"Taken for the same: {', '.join(soft[:4])}.")
    same = [p.a.text for p in found.pairs if p.a.text == p.b.text]
    if same:
        lines.append(f"In both: {', '.join(same[:8])}.")
    if similarity is not None:
        lines.append(f"Their meaning is {similarity:.0%} alike by their vectors.")
    return lines


def quoted(token: Token) -> str:
    return f"“{token.text.strip()}”"


def run(tokens: Sequence[Token]) -> str:
    return f"“{' '.join(token.text.strip() for token in tokens)}”"


def shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def sentence(value: Any, key: str) -> str:
    """The text that is compared; a short one is led by its key, which says what it is the value of."""
    text = value if isinstance(value, str) else spelled(value)
    named = readable(key)
    return f"{named}: {text}" if named and len(text.split()) < SHORT_TEXT else text


def spelled(value: Any) -> str:
    parts = [
        f"{readable(path.rsplit('/', 1)[-1])}: {item}" if path else str(item) for path, item in structures.leaves(value)
    ]
    return ", ".join(parts)


def readable(key: str) -> str:
    if not key or GENERATED.match(key):
        return ""
    return " ".join(word for word in re.split(r"[_\-./:\s]+|(?<=[a-z0-9])(?=[A-Z])", key) if word)


def different_things(a: Any, b: Any, keys: tuple[str, str]) -> bool:
    """Whether the keys of two short or structured values name different things, as "task-1" and "task-2" do."""
    if any(isinstance(value, str) and len(value.split()) >= SHORT_TEXT for value in (a, b)):
        return False
    here, there = (frozenset(stem(word) for word in readable(key).lower().split()) for key in keys)
    if not here or not there or here == there:
        return False
    numbers = [{word for word in key if any(map(str.isdigit, word))} for key in (here, there)]
    return numbers[0] != numbers[1] or not (
        here <= there or there <= here or len(here & there) / len(here | there) >= 0.5
    )


def apart(found: Verdict) -> Verdict:
    line = "Their keys name different things."
    return Verdict(found.duplicate * OTHER_THING, found.contradiction * OTHER_THING, (line, *found.evidence))
