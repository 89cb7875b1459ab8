"""Three-way alignment of sequences: what both sides left alone, what one changed, what both changed.

The idea is that of diff3 (Khanna, Kunal, Pierce: A Formal Investigation of Diff3, 2007): items of the base that both
sides kept cut the sequences into chunks; a chunk that only one side changed is taken from that side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

#: Longer sequences are not aligned (alignment may be cubic): what both changed in them is one clash.
MOST_ITEMS = 2_000
#: Aligning looks at all pairs of equal items, several times.
MOST_PAIRS = 100_000

Items = Sequence[Hashable]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Half-open ranges of the same stretch in base, current and incoming. ``stable``: one item that all three have."""

    base: tuple[int, int]
    current: tuple[int, int]
    incoming: tuple[int, int]
    stable: bool = False


def chunks(base: Items, current: Items, incoming: Items) -> Iterator[Chunk]:
    """The three sequences cut into chunks, in order; joined, the ranges of each side give that side again."""
    in_current, in_incoming = kept(base, current), kept(base, incoming)
    b = c = i = 0
    for index in range(len(base)):
        if index not in in_current or index not in in_incoming:
            continue
        at_current, at_incoming = in_current[index], in_incoming[index]
        if (b, c, i) != (index, at_current, at_incoming):
            yield Chunk((b, index), (c, at_current), (i, at_incoming))
        b, c, i = index + 1, at_current + 1, at_incoming + 1
        yield Chunk((index, b), (at_current, c), (at_incoming, i), stable=True)
    if (b, c, i) != (len(base), len(current), len(incoming)):
        yield Chunk((b, len(base)), (c, len(current)), (i, len(incoming)))


def kept(base: Items, side: Items) -> dict[int, int]:
    """Where the items of the base that a side kept stand in that side."""
    before, after = ends(base, side)
    found = {index: index for index in range(before)}
    middle = base[before : len(base) - after], side[before : len(side) - after]
    for block in SequenceMatcher(None, *middle, autojunk=False).get_matching_blocks():
        found |= {before + block.a + step: before + block.b + step for step in range(block.size)}
    return found | {len(base) - step: len(side) - step for step in range(after, 0, -1)}


def ends(base: Items, side: Items) -> tuple[int, int]:
    """How many items are the same at the beginning and, of the rest, at the end."""
    most = min(len(base), len(side))
    before = next((index for index in range(most) if base[index] != side[index]), most)
    after = next((step for step in range(most - before) if base[-1 - step] != side[-1 - step]), most - before)
    return before, after


def too_long(*sides: Items) -> bool:
    return any(len(side) > MOST_ITEMS for side in sides)


def too_alike(base: Items, side: Items) -> bool:
    """What is left between equal ends repeats itself so often that aligning it would take long."""
    before, after = ends(base, side)
    counts = Counter(base[before : len(base) - after])
    return sum(counts[item] for item in side[before : len(side) - after]) > MOST_PAIRS


def alignable(base: Items, current: Items, incoming: Items) -> bool:
    too_much = too_long(base, current, incoming) or too_alike(base, current) or too_alike(base, incoming)
    return not too_much
