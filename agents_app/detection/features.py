"""What the model weighs: the numbers that describe how two statements differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents_app.detection.aligning import Alignment, Likeness
from agents_app.detection.reading import Statement, Token

NAMES = (
    "similarity",
    "covered",
    "covered_less",
    "exact_cover",
    "nothing_left",
    "one_side_left",
    "left_over",
    "negated_and_covered",
    "negated_and_slot",
    "opposite_and_covered",
    "opposite_and_negated",
    "opposite_with_more",
    "clash_and_covered",
    "clash_with_more",
    "clash_of_event",
    "clash_in_subject",
    "clashes",
    "slot_single",
    "slot_many",
    "slot_plain",
    "slot_in_subject",
    "slot_both_negated",
    "slot_of_event",
    "slot_likeness",
    "slot_names",
    "more_slots",
    "listing",
    "length_gap",
    "soft_and_differs",
)


def features(a: Statement, b: Statement, found: Alignment, similarity: float, likeness: Likeness) -> list[float]:
    """The values of ``NAMES``, most of them 0 to 1."""
    left_a, left_b = len(found.left_a), len(found.left_b)
    differs = bool(found.opposites or found.clashes)
    covered = sorted((cover(a, found, 0), cover(b, found, 1)))
    negated = (a.negations % 2) != (b.negations % 2)
    both_negated = a.negations > 0 and b.negations > 0
    clean = left_a == 0 or left_b == 0
    event = a.event and b.event
    clash_subject = any(in_subject(p.a, a) and in_subject(p.b, b) for p in found.clashes)
    slot = len(found.slots) == 1 and not differs
    slot_subject = (
        slot and all(in_subject(t, a) for t in found.slots[0].a) and all(in_subject(t, b) for t in found.slots[0].b)
    )
    single, many = a.single and b.single, a.many and b.many
    plainly_slot = slot and not slot_subject and not event and not both_negated
    n_clash, opposites = len(found.clashes), len(found.opposites)
    values = {
        "similarity": similarity,
        "covered": covered[1],
        "covered_less": covered[0],
        "exact_cover": exact(found) * covered[0],
        "nothing_left": not left_a and not left_b and not differs and not negated,
        "one_side_left": min(max(left_a, left_b), 5) / 5 if clean and not differs else 0,
        "left_over": min(left_a, left_b, 4) / 4,
        "negated_and_covered": negated and clean and not differs,
        "negated_and_slot": negated and not clean,
        "opposite_and_covered": bool(opposites) and clean and not negated and not n_clash,
        "opposite_and_negated": bool(opposites) and negated,
        "opposite_with_more": bool(opposites) and (not clean or bool(n_clash)) and not negated,
        "clash_and_covered": n_clash == 1 and clean and not opposites and not event and not clash_subject,
        "clash_with_more": bool(n_clash) and not clean,
        "clash_of_event": bool(n_clash) and event,
        "clash_in_subject": clash_subject,
        "clashes": min(n_clash, 3) / 3 if n_clash > 1 else 0,
        "slot_single": plainly_slot and single and not many,
        "slot_many": plainly_slot and many,
        "slot_plain": plainly_slot and not single and not many,
        "slot_in_subject": slot_subject,
        "slot_both_negated": slot and both_negated,
        "slot_of_event": slot and event and not slot_subject,
        "slot_likeness": slot_likeness(found, likeness) if slot else 0,
        "slot_names": plainly_slot and names_on_both(found),
        "more_slots": min(len(found.slots) + n_clash + opposites - 1, 3) / 3 if found.slots else 0,
        "listing": a.listing and b.listing,
        "soft_and_differs": any(pair.likeness < 1 for pair in found.pairs) and bool(differs or found.slots),
        "length_gap": min(abs(len(a.content) - len(b.content)), 6) / 6,
    }  # fmt: skip
    return [float(values[name]) for name in NAMES]


def cover(statement: Statement, found: Alignment, side: int) -> float:
    """The share of a statement's words that the other one says, too."""
    total = sum(map(weight, statement.content)) or 1.0
    matched = sum(weight((pair.a, pair.b)[side]) * pair.likeness for pair in found.pairs)
    return matched / total


def exact(found: Alignment) -> float:
    return sum(pair.likeness == 1.0 for pair in found.pairs) / len(found.pairs) if found.pairs else 0.0


def weight(token: Token) -> float:
    """Names, numbers and dates say more than a word does."""
    return 1.5 if token.kind != "word" else 1.0


def in_subject(token: Token, statement: Statement) -> bool:
    return token.place < statement.verb


def slot_likeness(found: Alignment, likeness: Likeness) -> float:
    slot = found.slots[0]
    return likeness(phrase(slot.a), phrase(slot.b))


def phrase(tokens: Iterable[Token]) -> str:
    return " ".join(token.text for token in tokens)


def names_on_both(found: Alignment) -> bool:
    slot = found.slots[0]
    return named(slot.a) and named(slot.b)


def named(tokens: Sequence[Token]) -> bool:
    return any(token.kind in ("name", "code") for token in tokens)
