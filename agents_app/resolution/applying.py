"""The result of a case under a strategy, with a person's picks on top: what preview shows and a decision writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents_app.resolution.cases import ATTRIBUTES, Case, Offer
from agents_app.resolution.equality import equal
from agents_app.resolution.merging import Choice, Merged, PathMerge, Problem, merge_offers
from memoryhub.registry.diffs import MISSING, compare

PREFIX = "@"
#: The caller names no value of its own.
UNNAMED: Any = object()


@dataclass(frozen=True, slots=True)
class Resolution:
    """``value`` is MISSING where the entry is to be deleted; ``current`` is what is committed. ``attributes`` holds
    those that differ from current's. Valid when ``errors`` is empty.
    """

    current: Any
    value: Any
    attributes: dict[str, Any]
    paths: list[PathMerge]
    clashes: int
    errors: list[Problem]

    @property
    def valid(self) -> bool:
        return not self.errors

    @property
    def writes(self) -> bool:
        """Something would change."""
        return bool(self.attributes) or not equal(self.current, self.value)

    def changed(self) -> list[str]:
        """Pointers at which the result differs from what is committed."""
        values = [difference.pointer for difference in compare(self.current, self.value)]
        return values + [f"{PREFIX}{name}" for name in self.attributes]


def apply(
    case: Case, *, side: str | None = None, choices: Mapping[str, Choice] | None = None, value: Any = UNNAMED
) -> Resolution:
    """Merges a case. ``side`` ("current", "candidate:1") is taken wherever ``choices`` pick nothing else.

    A ``value`` of the caller's own replaces the whole merged value; the attributes are merged all the same.
    Clashes without a pick are errors, as are picks that cannot be carried out.
    """
    picks = dict(choices or {})
    merged = merged_value(case, side, {p: c for p, c in picks.items() if not p.startswith(PREFIX)}, value)
    beside = merged_attributes(case, side, {p: c for p, c in picks.items() if p.startswith(PREFIX)})
    if merged.value is MISSING:  # what goes needs no attributes
        beside = replace(beside, value=current_attributes(case), paths=[], clashes=0, errors=[])
    beside = replace(beside, paths=[path for path in beside.paths if path.pointer])
    unpicked = [*unpicked_of(merged), *unpicked_of(beside)]
    paths = merged.paths + beside.paths
    errors = merged.errors + beside.errors + unpicked
    attributes = differing(beside.value, current_attributes(case))
    return Resolution(
        current=case.current.value,
        value=merged.value,
        attributes=attributes,
        paths=paths,
        clashes=merged.clashes + beside.clashes,
        errors=errors,
    )


def taken(case: Case, side: str) -> Resolution:
    """What ``apply`` gives where one side is taken everywhere, without looking at each path."""
    current = current_attributes(case)
    if side == "current":
        return Resolution(case.current.value, case.current.value, {}, [], 0, [])
    offer = case.offers[int(side.removeprefix("candidate:")) - 1]
    attributes = {} if offer.value is MISSING else differing(offered_attributes(offer, current), current)
    return Resolution(case.current.value, offer.value, attributes, [], 0, [])


def unpicked_of(merged: Merged) -> list[Problem]:
    if not merged.clashes:
        return []
    return [
        Problem(path.pointer, f"Both changed this: {path.note}. Pick one, or edit it.")
        for path in merged.paths
        if path.kind == "clash" and path.choice is None
    ]


def merged_value(case: Case, side: str | None, choices: dict[str, Choice], value: Any) -> Merged:
    offers = [(offer.base.value if offer.base else MISSING, offer.value) for offer in case.offers]
    if value is not UNNAMED:
        merged = merge_offers(case.current.value, offers, whole=case.whole)
        return replace(merged, value=value, clashes=0, errors=[])
    return merge_offers(case.current.value, offers, choices=choices, default=side, whole=case.whole)


def merged_attributes(case: Case, side: str | None, choices: dict[str, Choice]) -> Merged:
    """Attributes that an offer does not name count as unchanged by it."""
    current = current_attributes(case)
    offers = [(base_attributes(offer, current), offered_attributes(offer, current)) for offer in case.offers]
    return merge_offers(current, offers, choices=choices, default=side, prefix=PREFIX)


def current_attributes(case: Case) -> dict[str, Any]:
    named = {name for offer in case.offers for name in offer.attributes}
    return {name: case.current.attributes.get(name) for name in ATTRIBUTES if name in named}


def base_attributes(offer: Offer, current: dict[str, Any]) -> dict[str, Any]:
    """The base's, where there is one; else nothing is known of what they were."""
    known = offer.base.attributes if offer.base else {}
    return {
        name: known[name] if name in offer.attributes and name in known else present
        for name, present in current.items()
        if name not in offer.attributes or name in known
    }


def offered_attributes(offer: Offer, current: dict[str, Any]) -> dict[str, Any]:
    return current | {name: said for name, said in offer.attributes.items() if name in current}


def differing(result: Any, current: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result
    return {name: said for name, said in found.items() if not equal(current.get(name), said)}
