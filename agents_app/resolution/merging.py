"""Three-way merge of JSON by key, of arrays by item, of texts by line.

Every path is one of: ``same`` (nobody changed it), ``one_sided`` (one side changed it), ``auto`` (several did, and it
fits together), ``clash`` (it does not; until somebody picks, the committed value stands in the result).
Several candidates are merged at once, each against its own base: what they offer is folded in their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from agents_app.resolution.equality import equal, frozen
from agents_app.resolution.lists import as_set, by_id, merge_sequences, merge_sets, union, with_additions
from agents_app.resolution.texts import merge_texts
from memoryhub.registry.diffs import MISSING, canonical, escaped, json_type

PathKind = Literal["same", "one_sided", "auto", "clash"]
#: A pick for a path: "base", "current", "candidate:1", "both", or {"value": …}.
Choice = str | Mapping[str, Any]
UNPICKED: Any = object()


@dataclass(frozen=True, slots=True)
class PathMerge:
    """One path. ``MISSING`` where a side has nothing there. ``incoming`` is the first candidate that has a say.

    ``candidates`` holds what each candidate has there, ``options`` what may be picked, ``choice`` what was picked.
    """

    pointer: str
    kind: PathKind
    base: Any
    current: Any
    incoming: Any
    result: Any
    type_changed: bool = False
    note: str = ""
    candidates: tuple[Any, ...] = ()
    options: tuple[str, ...] = ()
    choice: Any = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A pick that cannot be carried out, or a result that is not valid."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True)
class Merged:
    """``value`` is MISSING where the result is that the entry goes. ``clashes`` counts those without a pick."""

    value: Any
    paths: list[PathMerge]
    clashes: int
    errors: list[Problem] = field(default_factory=list)


def merge(base: Any, current: Any, incoming: Any) -> Merged:
    """Merges two versions made from ``base`` (MISSING: there is no common ancestor)."""
    return merge_offers(current, [(base, incoming)])


def merge_offers(
    current: Any,
    offers: Sequence[tuple[Any, Any]],
    *,
    choices: Mapping[str, Choice] | None = None,
    default: str | None = None,
    whole: bool = False,
    prefix: str = "/",
) -> Merged:
    """Merges pairs of (base, offered value) into ``current``.

    ``choices`` are picks by pointer and win; ``default`` ("current", "candidate:2", …) is picked for all other paths.
    ``whole``: the values are not taken apart. ``prefix`` begins the pointers of the members of the root.
    """
    walk = Walk(choices or {}, default, whole, prefix, ancestor=bool(offers) and offers[0][0] is not MISSING)
    value = walk.node("", [base for base, _ in offers], current, [offered for _, offered in offers])
    walk.note_strange_choices()
    return Merged(value, walk.paths, walk.open_clashes(), walk.errors)


@dataclass
class Walk:
    """One pass over all sides, from the root down."""

    choices: Mapping[str, Choice]
    default: str | None
    whole: bool
    prefix: str
    ancestor: bool
    paths: list[PathMerge] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)

    def open_clashes(self) -> int:
        return sum(path.kind == "clash" and path.choice is None for path in self.paths)

    def note_strange_choices(self) -> None:
        known = {path.pointer for path in self.paths}
        message = "There is no such path in this conflict. Pick one of its paths."
        self.errors += [Problem(pointer, message) for pointer in self.choices if pointer not in known]

    def node(self, pointer: str, bases: Sequence[Any], current: Any, offers: Sequence[Any]) -> Any:
        sides = Sides(pointer, tuple(bases), current, tuple(offers))
        if pointer in self.choices or sides.all_same() or self.whole:
            return self.leaf(sides)
        if sides.are_objects():
            return self.members(sides)
        if self.looks_into(pointer) and sides.are_lists_by_id() and (order := sides.order_of_ids()) is not None:
            return self.items(sides, order)
        return self.leaf(sides)

    def looks_into(self, pointer: str) -> bool:
        """An array is taken as a whole from a side, in that side's order, unless something in it is picked."""
        return self.default is None or any(picked.startswith(f"{pointer}/") for picked in self.choices)

    def members(self, sides: Sides) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in sides.names():
            pointer = f"{sides.pointer}/{escaped(name)}" if sides.pointer else f"{self.prefix}{escaped(name)}"
            result = self.node(pointer, *sides.at(lambda side, name=name: member(side, name)))
            if result is not MISSING:
                found[name] = result
        return found

    def items(self, sides: Sides, order: list[Any]) -> list[Any]:
        by_name = sides.indexed()
        results = []
        for name in order:
            pointer = f"{sides.pointer}/id={escaped(canonical(name))}"
            results.append(self.node(pointer, *by_name.at(lambda side, name=name: side.get(frozen(name), MISSING))))
        return [result for result in results if result is not MISSING]

    def leaf(self, sides: Sides) -> Any:
        kind, result, note = self.verdict(sides)
        options = self.options(sides)
        choice = self.choices.get(sides.pointer, self.default)
        if choice is not None and (kind != "same" or sides.pointer in self.choices):
            picked = self.pick(sides, choice, options)
            result, choice = (result, None) if picked is UNPICKED else (picked, choice)
        else:
            choice = None
        self.paths.append(sides.path(kind, result, note, options, choice))
        return result

    def verdict(self, sides: Sides) -> tuple[PathKind, Any, str]:
        live = sides.live
        if not live:
            return sides.verdict_without_offers()
        if sides.current_untouched() and all(equal(sides.offers[live[0]], sides.offers[k]) for k in live):
            return "one_sided", sides.offers[live[0]], ""
        folded = UNPICKED if self.whole else sides.folded()
        if folded is UNPICKED:
            return "clash", sides.current, sides.why_clash()
        return "auto", folded, "both changes fit together"

    def options(self, sides: Sides) -> tuple[str, ...]:
        base = ("base",) if self.ancestor else ()
        both = ("both",) if not self.whole and sides.can_be_joined() else ()
        return (*base, "current", *(f"candidate:{n}" for n in range(1, len(sides.offers) + 1)), *both)

    def pick(self, sides: Sides, choice: Choice, options: tuple[str, ...]) -> Any:
        if isinstance(choice, Mapping) and set(choice) == {"value"}:
            return choice["value"]
        if not isinstance(choice, str) or choice not in options:
            allowed = ", ".join(options)
            self.errors.append(
                Problem(sides.pointer, f'{choice!r} cannot be picked here. Pick {allowed} or {{"value": …}}.')
            )
            return UNPICKED
        return sides.side(choice)


@dataclass(frozen=True)
class Sides:
    """What stands at one pointer: the committed value, and for each candidate its base and its offer."""

    pointer: str
    bases: tuple[Any, ...]
    current: Any
    offers: tuple[Any, ...]

    @property
    def base(self) -> Any:
        return self.bases[0] if self.bases else MISSING

    def pairs(self) -> list[tuple[int, Any, Any]]:
        return [(k, base, self.offers[k]) for k, base in enumerate(self.bases)]

    def all_same(self) -> bool:
        return all(equal(side, self.current) for side in (*self.bases, *self.offers))

    @cached_property
    def live(self) -> list[int]:
        """The candidates that changed something here, other than current did."""
        return [k for k, base, offer in self.pairs() if not equal(base, offer) and not equal(offer, self.current)]

    def current_untouched(self) -> bool:
        return all(equal(self.bases[k], self.current) for k in self.live)

    def verdict_without_offers(self) -> tuple[PathKind, Any, str]:
        alike = any(not equal(base, offer) for _, base, offer in self.pairs())
        if alike:
            return "auto", self.current, "changed alike"
        if equal(self.base, self.current):
            return "same", self.current, ""
        return "one_sided", self.current, ""

    def are_objects(self) -> bool:
        said = [self.offers[k] for k in self.live] or [self.base]
        return all(isinstance(side, dict) for side in (self.current, *said))

    def are_lists_by_id(self) -> bool:
        said = [self.offers[k] for k in self.live]
        if not said or not all(isinstance(side, list) for side in (self.current, *said)):
            return False
        return by_id(self.current, *said, *(list_or_none(self.bases[k]) for k in self.live))

    def order_of_ids(self) -> list[Any] | None:
        """The ids of all items, in the merged order; None when somebody changed the order itself."""
        sides = [self.current, *(side for k in self.live for side in (self.offers[k], self.bases[k]))]
        ids = {frozen(item["id"]): item["id"] for side in sides for item in list_or_none(side)}
        orders = [[frozen(item["id"]) for item in list_or_none(side)] for side in sides]
        common = set.intersection(*(set(order) for order in orders if order))
        if len({tuple(name for name in order if name in common) for order in orders if order}) > 1:
            return None
        merged = orders[0]
        for other in orders[1:]:
            merged = with_additions(merged, other, set(orders[0]))
        return [ids[name] for name in merged]

    def indexed(self) -> Sides:
        """The same sides with each array as a mapping from the id to the item."""
        bases, current, offers = self.at(items_by_id)
        return Sides(self.pointer, tuple(bases), current, tuple(offers))

    def names(self) -> list[str]:
        """The members of all sides, in current's order."""
        sides = [side for side in (self.current, *self.offers, *self.bases) if isinstance(side, dict)]
        return list(dict.fromkeys(name for side in sides for name in side))

    def at(self, find: Any) -> tuple[list[Any], Any, list[Any]]:
        return [find(base) for base in self.bases], find(self.current), [find(offer) for offer in self.offers]

    def folded(self) -> Any:
        """Current with all offers merged in, one after the other; UNPICKED where that does not fit."""
        merged = self.current
        for k in self.live:
            merged = fold(self.bases[k], merged, self.offers[k])
            if merged is UNPICKED:
                return UNPICKED
        return merged

    def can_be_joined(self) -> bool:
        sides = [self.current, *(self.offers[k] for k in self.live)]
        kinds = {json_type(side) for side in sides}
        return len(sides) > 1 and kinds in ({"array"}, {"string"})

    def both(self) -> Any:
        """What everybody has: all items of arrays, all lines of texts."""
        if isinstance(self.current, list):
            return union(self.current, [self.offers[k] for k in self.live])
        merged = self.current
        for k in self.live:
            merged = merge_texts(text_or_none(self.bases[k]), merged, self.offers[k], both=True)
        return merged

    def side(self, choice: str) -> Any:
        if choice == "both":
            return self.both()
        if choice.startswith("candidate:"):
            return self.offers[int(choice.removeprefix("candidate:")) - 1]
        return self.base if choice == "base" else self.current

    def why_clash(self) -> str:
        sides = [self.current, *(self.offers[k] for k in self.live)]
        if any(side is MISSING for side in sides):
            return "removed here, changed there"
        kinds = {json_type(side) for side in sides}
        if len(kinds) > 1:
            return "changed to different types"
        return {"string": "the same lines were changed", "array": "the same items were changed"}.get(
            kinds.pop(), "changed to different values"
        )

    def path(
        self, kind: PathKind, result: Any, note: str, options: tuple[str, ...], choice: Choice | None
    ) -> PathMerge:
        live = self.live
        kinds = {json_type(side) for side in (self.base, self.current, *self.offers)} - {"missing"}
        return PathMerge(
            pointer=self.pointer,
            kind=kind,
            base=self.base,
            current=self.current,
            incoming=self.offers[live[0] if live else 0] if self.offers else MISSING,
            result=result,
            type_changed=len(kinds) > 1,
            note=note,
            candidates=self.offers,
            options=options,
            choice=choice,
        )


def fold(base: Any, current: Any, offer: Any) -> Any:
    """Two texts or arrays merged; UNPICKED where they do not fit, and for everything else that both changed."""
    if equal(current, base) or equal(current, offer):
        return offer
    if isinstance(current, str) and isinstance(offer, str):
        merged: Any = merge_texts(text_or_none(base), current, offer)
    elif isinstance(current, list) and isinstance(offer, list):
        sides = list_or_none(base), current, offer
        merged = merge_sets(*sides) if as_set(*sides) else merge_sequences(*sides)
    else:
        return UNPICKED
    return UNPICKED if merged is None else merged


def text_or_none(side: Any) -> str:
    return side if isinstance(side, str) else ""


def list_or_none(side: Any) -> list[Any]:
    return side if isinstance(side, list) else []


def member(side: Any, name: str) -> Any:
    return side.get(name, MISSING) if isinstance(side, dict) else MISSING


def items_by_id(side: Any) -> dict[Any, Any]:
    return {frozen(item["id"]): item for item in list_or_none(side) if isinstance(item, dict) and "id" in item}
