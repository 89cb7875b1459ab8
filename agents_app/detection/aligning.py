"""Which words of two statements answer each other, and what is left over on each side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agents_app.detection.reading import Statement, Token, opposite

#: How near two words or phrases are, 0 to 1; by their vectors where there is a model.
Likeness = Callable[[str, str], float]
#: From here on two different words are taken for the same.
SAME_WORD = 0.62


@dataclass(frozen=True, slots=True)
class Pair:
    a: Token
    b: Token
    likeness: float


@dataclass(frozen=True, slots=True)
class Slot:
    """A run of words on one side where the other has another run: "Tuesdays" and "Thursdays"."""

    a: tuple[Token, ...]
    b: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    """``pairs`` say the same. ``opposites`` and ``clashes`` (values of one kind that differ) exclude each other.

    ``slots`` are the differing runs that stand at the same place, ``left_a`` and ``left_b`` all that is left over.
    """

    pairs: tuple[Pair, ...]
    opposites: tuple[Pair, ...]
    clashes: tuple[Pair, ...]
    slots: tuple[Slot, ...]
    left_a: tuple[Token, ...]
    left_b: tuple[Token, ...]


def no_likeness(a: str, b: str) -> float:
    return 0.0


def align(a: Statement, b: Statement, likeness: Likeness = no_likeness) -> Alignment:
    pairs = best_pairs(a.content, b.content, lambda x, y: same(x, y, likeness))
    left_a, left_b = without(a.content, [p.a for p in pairs]), without(b.content, [p.b for p in pairs])
    opposites = best_pairs(left_a, left_b, lambda x, y: float(opposite(x, y)))
    swapped = [pair for pair in pairs if a.pivot and b.pivot and (pair.a.place < a.pivot) != (pair.b.place < b.pivot)]
    pairs = [pair for pair in pairs if pair not in swapped]
    left_a, left_b = without(left_a, [p.a for p in opposites]), without(left_b, [p.b for p in opposites])
    clashes = best_pairs(left_a, left_b, lambda x, y: float(clashing(x, y)))
    left_a, left_b = without(left_a, [p.a for p in clashes]), without(left_b, [p.b for p in clashes])
    clashes = one_thing(clashes, left_a, left_b)
    return Alignment(
        tuple(pairs), (*opposites, *swapped), tuple(clashes), tuple(slots_of(left_a, left_b)), left_a, left_b
    )


def best_pairs(a: Sequence[Token], b: Sequence[Token], near: Callable[[Token, Token], float]) -> list[Pair]:
    """Greedy: the nearest first, among equals those that stand at the most similar place."""
    found = [(near(x, y), -abs(i / len(a) - j / len(b)), i, j) for i, x in enumerate(a) for j, y in enumerate(b)]
    used_a: set[int] = set()
    used_b: set[int] = set()
    pairs = []
    for value, _, i, j in sorted((f for f in found if f[0] > 0), key=lambda f: (-f[0], -f[1], f[2], f[3])):
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append(Pair(a[i], b[j], value))
    return pairs


def same(a: Token, b: Token, likeness: Likeness) -> float:
    """1 for the same word or value, the likeness of two words that mean nearly the same, else 0."""
    if a.value == b.value and (a.kind == b.kind or not (a.typed and b.typed)):
        return 1.0
    if full_hour(a, b) or full_hour(b, a):
        return 1.0
    if a.typed or b.typed:
        return 0.0
    if opposite(a, b):
        return 0.0
    if a.kind == "name" and b.kind == "name":
        return 0.0
    near = likeness(a.text, b.text)
    return near if near >= SAME_WORD else 0.0


def full_hour(clock: Token, other: Token) -> bool:
    """ "8 to 16" speaks of 8:00 and 16:00; and "16" may be 16 of whatever the other names."""
    if other.kind != "number" or not isinstance(other.value, float):
        return False
    return clock.kind == "clock" and clock.value == other.value * 60


def clashing(a: Token, b: Token) -> bool:
    if not (a.typed and b.typed):
        return False
    return a.kind == b.kind or {a.kind, b.kind} <= {"number", "clock"}


def one_thing(clashes: Sequence[Pair], left_a: Sequence[Token], left_b: Sequence[Token]) -> list[Pair]:
    """Clashes that count: "PostgreSQL 16" and "MySQL 8" differ in one thing, and so do "8 to 18" and "9 to 17"."""
    kept: list[Pair] = []
    for pair in sorted(clashes, key=lambda found: found.a.place):
        with_name = follows(pair.a, left_a, 1) and follows(pair.b, left_b, 1)
        with_number = follows(pair.a, [p.a for p in clashes], 2) and follows(pair.b, [p.b for p in clashes], 2)
        if not with_name and not (kept and with_number):
            kept.append(pair)
    return kept


def follows(token: Token, others: Sequence[Token], steps: int) -> bool:
    return any(0 < token.place - other.place <= steps for other in others)


def without(tokens: Sequence[Token], gone: Sequence[Token]) -> tuple[Token, ...]:
    places = {token.place for token in gone}
    return tuple(token for token in tokens if token.place not in places)


def slots_of(left_a: Sequence[Token], left_b: Sequence[Token]) -> list[Slot]:
    """The differing runs in their order; what has no counterpart belongs to the last one, or is no slot at all."""
    runs_a, runs_b = runs(left_a), runs(left_b)
    return [Slot(x, y) for x, y in zip(runs_a, runs_b, strict=False)]


def runs(tokens: Sequence[Token]) -> list[tuple[Token, ...]]:
    """Tokens that stand together; a word to pass over may stand between them."""
    found: list[list[Token]] = []
    for token in tokens:
        if found and token.place - found[-1][-1].place <= 2:
            found[-1].append(token)
        else:
            found.append([token])
    return [tuple(run) for run in found]
