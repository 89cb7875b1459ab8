"""Merging arrays: as sets where their items can be told apart, else by their order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from agents_app.resolution.diff3 import Chunk, alignable, chunks, too_long
from agents_app.resolution.equality import frozen, is_scalar
from memoryhub.registry.diffs import MISSING

Names = list[Hashable]


def as_set(*sides: list[Any]) -> bool:
    """All items are scalars, and none stands twice in one array."""
    if too_long(*sides):
        return False
    return all(is_scalar(item) for side in sides for item in side) and all(map(distinct, sides))


def by_id(*sides: list[Any]) -> bool:
    """All items are objects with a scalar ``id``, none of which stands twice in one array."""
    if too_long(*sides):
        return False
    objects = all(isinstance(item, dict) and is_scalar(item.get("id", MISSING)) for side in sides for item in side)
    return objects and any(sides) and all(distinct([item["id"] for item in side]) for side in sides)


def distinct(items: list[Any]) -> bool:
    return len({frozen(item) for item in items}) == len(items)


def merge_order(base: Names, current: Names, incoming: Names) -> Names | None:
    """The set of names after the additions and removals of both sides, in order; None when both reordered."""
    if current in (base, incoming):
        return incoming
    if incoming == base:
        return current
    common = set(base) & set(current) & set(incoming)
    old, mine, theirs = ([name for name in side if name in common] for side in (base, current, incoming))
    if old not in (mine, theirs) and mine != theirs:
        return None
    leader, other = (current, incoming) if theirs == old else (incoming, current)
    removed = set(base) - set(other)
    return with_additions([name for name in leader if name not in removed], other, set(base))


def with_additions(order: Names, other: Names, base: set[Hashable]) -> Names:
    """Puts what ``other`` added behind what it stands behind there, after additions already at that place."""
    added, anchor = defaultdict[Hashable, Names](list), None
    there = set(order)
    for name in other:
        if name in there:
            anchor = name
        elif name not in base:
            added[anchor].append(name)
    merged: Names = []
    waiting = added[None]
    for name in order:
        if name in base:
            merged.extend(waiting)
            waiting = []
        merged.append(name)
        waiting = waiting + added[name] if name in added else waiting
    return merged + waiting


def merge_sets(base: list[Any], current: list[Any], incoming: list[Any]) -> list[Any] | None:
    names = [[frozen(item) for item in side] for side in (base, current, incoming)]
    order = merge_order(*names)
    values = {
        name: item for side in (base, incoming, current) for name, item in zip(map(frozen, side), side, strict=True)
    }
    return None if order is None else [values[name] for name in order]


def merge_sequences(base: list[Any], current: list[Any], incoming: list[Any]) -> list[Any] | None:
    """The array with the changes of both; None where they changed the same items."""
    names = [[frozen(item) for item in side] for side in (base, current, incoming)]
    if not alignable(*names):
        return None
    merged: list[Any] = []
    for chunk in chunks(*names):
        part = merge_chunk(chunk, names, (base, current, incoming))
        if part is None:
            return None
        merged += part
    return merged


def merge_chunk(chunk: Chunk, names: Sequence[Names], sides: Sequence[list[Any]]) -> list[Any] | None:
    ranges = (chunk.base, chunk.current, chunk.incoming)
    old, mine, theirs = (side[slice(*place)] for side, place in zip(names, ranges, strict=True))
    my_items, their_items = (sides[n][slice(*ranges[n])] for n in (1, 2))
    if mine in (old, theirs):
        return their_items
    if theirs == old:
        return my_items
    if not len(old) == len(mine) == len(theirs):
        return None
    # neighbors that were each replaced by one side only
    if any(b not in (c, i) and c != i for b, c, i in zip(old, mine, theirs, strict=True)):
        return None
    taken = zip(old, mine, my_items, their_items, strict=True)
    return [their if was == my else my_item for was, my, my_item, their in taken]


def union(current: list[Any], others: Sequence[list[Any]]) -> list[Any]:
    """All items of current, then those of the others that are not there yet; objects with ids count by their id."""
    keyed = by_id(current, *others)
    merged, there = list(current), {name_of(item, keyed) for item in current}
    for item in (item for other in others for item in other):
        if name_of(item, keyed) not in there:
            merged.append(item)
            there.add(name_of(item, keyed))
    return merged


def name_of(item: Any, keyed: bool) -> Hashable:
    return frozen(item["id"] if keyed else item)
