"""The merge by example, and what holds for all values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app.resolution import Case, Committed, Offer, PathMerge, Snapshot, apply, merge, merge_offers
from agents_app.resolution.applying import taken
from agents_app.resolution.equality import equal
from memoryhub.registry.diffs import MISSING

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0]) | st.sampled_from("ab")
TEXTS = st.lists(st.sampled_from(["one", "two", "three"]), max_size=4).map("\n".join)
WITH_ID = st.lists(
    st.fixed_dictionaries({"id": st.integers(0, 3)}, optional={"n": SCALARS}),
    max_size=3,
    unique_by=lambda item: item["id"],
)
NAMES = st.sampled_from(["a", "b", "c/d", "~"])
VALUES = st.recursive(
    SCALARS | TEXTS | WITH_ID,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
SIDES = VALUES | st.just(MISSING)
EXAMPLES = settings(max_examples=150, deadline=None)
MANY = settings(max_examples=5_000, deadline=None)


def by_pointer(paths: list[PathMerge]) -> dict[str, str]:
    return {path.pointer: path.kind for path in paths}


def test_edits_of_different_keys_fit_together():
    merged = merge({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1, "c": 1}, {"a": 1, "b": 2, "c": 1})
    assert (merged.value, merged.clashes) == ({"a": 2, "b": 2, "c": 1}, 0)
    assert by_pointer(merged.paths) == {"/a": "one_sided", "/b": "one_sided", "/c": "same"}


def test_the_same_key_changed_to_other_values_clashes_and_keeps_current():
    merged = merge({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": {"x": 3}})
    assert (merged.value, merged.clashes) == ({"a": {"x": 2}}, 1)
    [path] = merged.paths
    assert (path.pointer, path.base, path.current, path.incoming, path.result) == ("/a/x", 1, 2, 3, 2)
    assert path.options == ("base", "current", "candidate:1")


def test_changed_alike_is_no_clash():
    merged = merge({"a": 1}, {"a": 2}, {"a": 2})
    assert (by_pointer(merged.paths), merged.clashes) == ({"/a": "auto"}, 0)


@pytest.mark.parametrize(
    ("base", "current", "incoming", "value", "clashes"),
    [
        ({"a": 1}, {}, {"a": 1, "b": 2}, {"b": 2}, 0),
        ({"a": 1}, {}, {"a": 2}, {}, 1),
        ({"a": 1}, {"a": None}, {"a": 1}, {"a": None}, 0),
        ({"a": 1}, {"a": None}, {}, {"a": None}, 1),
        ({"a": 1}, {"a": True}, {"a": 1.0}, {"a": True}, 0),
        ({"a": 0}, {"a": 1}, {"a": True}, {"a": 1}, 1),
        ({"a": {"x": 1}}, {"a": {"x": 2}}, {"a": [1]}, {"a": {"x": 2}}, 1),
        (MISSING, {"a": 1, "c": 1}, {"b": 2, "c": 1}, {"a": 1, "c": 1, "b": 2}, 0),
        (MISSING, {"a": 1}, {"a": 2}, {"a": 1}, 1),
        ({"a": 1}, {"a": 1}, MISSING, MISSING, 0),
        ({"a": 1}, {"a": 2}, MISSING, {"a": 2}, 1),
        ({"a": 1}, MISSING, {"a": 2}, MISSING, 1),
    ],
)
def test_missing_null_and_types(base: Any, current: Any, incoming: Any, value: Any, clashes: int):
    merged = merge(base, current, incoming)
    assert equal(merged.value, value)
    assert merged.clashes == clashes


@pytest.mark.parametrize(
    ("base", "current", "incoming", "value"),
    [
        (["a", "b"], ["a", "b", "c"], ["a", "b", "d"], ["a", "b", "c", "d"]),
        (["a", "b"], ["b"], ["a", "b", "d"], ["b", "d"]),
        (["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c", "d"], ["c", "d", "b", "a"]),
        (["a", "b"], ["b", "a"], ["a"], ["a"]),
        ([1, 2], [1, 2, True], [2], [2, True]),
        ([], ["a"], ["b"], ["a", "b"]),
        (MISSING, ["a", "b"], ["b", "c"], ["a", "b", "c"]),
        ([[1], [2]], [[0], [1], [2]], [[1], [2], [3]], [[0], [1], [2], [3]]),
        ([[1], [2]], [[5], [2]], [[1], [6]], [[5], [6]]),
        (["x", "x"], ["x", "x", "y"], ["z", "x", "x"], ["z", "x", "x", "y"]),
    ],
)
def test_arrays(base: Any, current: Any, incoming: Any, value: Any):
    merged = merge(base, current, incoming)
    assert (merged.value, merged.clashes) == (value, 0)


@pytest.mark.parametrize(
    ("base", "current", "incoming"),
    [(["a", "b", "c"], ["b", "a", "c"], ["c", "b", "a"]), ([[1]], [[2]], [[3]]), ([1, 1], [1, 2, 1], [1, 3, 1])],
)
def test_arrays_that_clash(base: Any, current: Any, incoming: Any):
    merged = merge(base, current, incoming)
    assert (merged.value, merged.clashes) == (current, 1)


def test_items_with_ids_are_merged_one_by_one():
    base = [{"id": 1, "n": 1, "m": 1}, {"id": 2, "n": 1}, {"id": 3, "n": 1}]
    current = [{"id": 1, "n": 2, "m": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 1}]
    incoming = [{"id": 1, "n": 1, "m": 2}, {"id": 2, "n": 3}, {"id": 4}]
    merged = merge(base, current, incoming)
    assert merged.value == [{"id": 1, "n": 2, "m": 2}, {"id": 2, "n": 2}, {"id": 4}]
    assert [path.pointer for path in merged.paths if path.kind == "clash"] == ["/id=2/n"]


@pytest.mark.parametrize(
    ("base", "current", "incoming", "value", "clashes"),
    [
        ("a\nb\nc", "A\nb\nc", "a\nb\nC", "A\nb\nC", 0),
        ("a\nb", "a\nb\nc", "z\na\nb", "z\na\nb\nc", 0),
        ("a\nb\nc", "a\nc", "a\nb\nc\nd", "a\nc\nd", 0),
        ("a", "b", "c", "b", 1),
        ("a\nb", "A\nb", "a\nB", "A\nb", 1),
        ("a", "a\nb", "a\nc", "a\nb", 1),
    ],
)
def test_texts_by_line(base: str, current: str, incoming: str, value: str, clashes: int):
    merged = merge(base, current, incoming)
    assert (merged.value, merged.clashes) == (value, clashes)


@pytest.mark.parametrize(
    ("base", "current", "incoming", "both"),
    [
        ("a", "a\nb", "a\nc", "a\nb\nc"),
        ("a", "b", "c", "b\nc"),
        ([1, 2], [1, 3], [2, 1], [1, 3, 2]),
        ([[1]], [[2]], [[3]], [[2], [3]]),
        ([{"id": 1}], [{"id": 1, "n": 1}, {"id": 2}], [{"id": 3}], [{"id": 1, "n": 1}, {"id": 2}, {"id": 3}]),
    ],
)
def test_both(base: Any, current: Any, incoming: Any, both: Any):
    merged = merge_offers(current, [(base, incoming)], choices={"": "both"})
    assert (merged.value, merged.clashes, merged.errors) == (both, 0, [])


def test_picks_by_path():
    sides = {
        "current": {"a": 2, "b": 2, "c": {"x": 1}},
        "offers": [({"a": 1, "b": 1, "c": {"x": 1}}, {"a": 3, "b": 3})],
    }
    picks = {"/a": "candidate:1", "/b": {"value": [9]}, "/c": "candidate:1"}
    merged = merge_offers(**sides, choices=picks)  # type: ignore[arg-type]
    assert (merged.value, merged.clashes) == ({"a": 3, "b": [9]}, 0)
    assert {path.pointer: path.choice for path in merged.paths} == picks
    merged = merge_offers(**sides, choices={"": "base"})  # type: ignore[arg-type]
    assert merged.value == {"a": 1, "b": 1, "c": {"x": 1}}


def test_picks_that_do_not_go_are_errors():
    picks: dict[str, Any] = {"/a": "both", "/b": "candidate:2", "/c": "current", "": {"x": 1}}
    for pointer, choice in picks.items():
        merged = merge_offers({"a": 2, "b": 2}, [({"a": 1, "b": 1}, {"a": 3, "b": 3})], choices={pointer: choice})
        assert [error.pointer for error in merged.errors] == [pointer]


def test_without_a_common_ancestor_there_is_no_base_to_pick():
    merged = merge(MISSING, {"a": 1}, {"a": 2})
    assert merged.paths[0].options == ("current", "candidate:1")


def test_candidates_are_folded_in_their_order():
    base = {"a": 1, "tags": ["x"], "c": 1}
    offers = [
        (base, {"a": 1, "tags": ["x", "y"], "c": 2}),
        (base, {"a": 5, "tags": ["x", "z"], "c": 3}),
        ({"a": 0, "tags": [], "c": 1}, {"a": 0, "tags": ["w"], "c": 1}),
    ]
    merged = merge_offers(base, offers)
    assert merged.value == {"a": 5, "tags": ["x", "y", "z", "w"], "c": 1}
    [clash] = [path for path in merged.paths if path.kind == "clash"]
    assert (clash.pointer, clash.candidates) == ("/c", (2, 3, 1))


def test_what_is_whole_is_not_taken_apart():
    merged = merge_offers("a\nB\nc", [("a\nb\nc", "A\nb\nc")], whole=True)
    assert (merged.clashes, merged.paths[0].options) == (1, ("base", "current", "candidate:1"))


def test_long_texts_and_arrays_that_both_changed_are_one_clash():
    base = list(range(5_000))
    assert merge(base, [*base, -1], [*base, -2]).clashes == 1
    text = "\n".join(map(str, base))
    assert merge(text, f"{text}\nx", f"y\n{text}").clashes == 1


def unchanged_side_gives_way(base: Any, side: Any) -> None:
    for current, incoming in ((side, base), (base, side), (side, side)):
        merged = merge(base, current, incoming)
        assert equal(merged.value, side)
        assert merged.clashes == 0


def clashes_are_symmetric(base: Any, one: Any, other: Any) -> None:
    there, back = merge(base, one, other), merge(base, other, one)
    assert {p.pointer for p in there.paths if p.kind == "clash"} == {p.pointer for p in back.paths if p.kind == "clash"}
    assert there.clashes == back.clashes


def every_path_keeps_its_promise(base: Any, current: Any, incoming: Any) -> None:
    merged = merge(base, current, incoming)
    assert len({path.pointer for path in merged.paths}) == len(merged.paths)
    for path in merged.paths:
        if path.kind == "same":
            assert equal(path.base, path.current)
            assert equal(path.base, path.incoming)
        elif path.kind == "one_sided":
            changed = path.current if equal(path.incoming, path.base) else path.incoming
            assert equal(path.result, changed)
        elif path.kind == "clash":
            assert equal(path.result, path.current)
            assert not equal(path.current, path.incoming)
            assert not equal(path.base, path.current)
            assert not equal(path.base, path.incoming)


def a_side_taken_everywhere_is_that_side(base: Any, current: Any, incoming: Any) -> None:
    sides = {"current": current, "candidate:1": incoming}
    for name, value in sides.items():
        for merged in (
            merge_offers(current, [(base, incoming)], default=name),
            merge_offers(current, [(base, incoming)], choices={"": name}),
        ):
            assert equal(merged.value, value)
            assert merged.clashes == 0


def picks_settle_everything(base: Any, current: Any, incoming: Any) -> None:
    """Picked one by one, in whatever way, nothing stays open, and picking current everywhere is current."""
    clashes = [path.pointer for path in merge(base, current, incoming).paths if path.kind == "clash"]
    merged = merge_offers(current, [(base, incoming)], choices=dict.fromkeys(clashes, "candidate:1"))
    assert (merged.clashes, merged.errors) == (0, [])


def a_side_taken_is_a_side_applied(base: Any, current: Any, incoming: Any) -> None:
    case = Case(Committed(current, {"tags": ["x"]}), (Offer(incoming, {"tags": ["y"]}, base=Snapshot(base)),))
    for side in ("current", "candidate:1"):
        quick, whole = taken(case, side), apply(case, side=side)
        assert equal(quick.value, whole.value)
        assert (quick.attributes, quick.writes, whole.clashes) == (whole.attributes, whole.writes, 0)


LAWS = [
    a_side_taken_is_a_side_applied,
    clashes_are_symmetric,
    every_path_keeps_its_promise,
    a_side_taken_everywhere_is_that_side,
    picks_settle_everything,
]


@EXAMPLES
@given(SIDES, SIDES)
def test_a_side_that_changed_nothing_gives_way(base: Any, side: Any):
    unchanged_side_gives_way(base, side)


@EXAMPLES
@given(SIDES, SIDES, SIDES)
def test_laws(base: Any, current: Any, incoming: Any):
    for law in LAWS:
        law(base, current, incoming)


OBJECTS = st.dictionaries(NAMES, st.dictionaries(NAMES, SCALARS, max_size=3), max_size=3)


@EXAMPLES
@given(OBJECTS, OBJECTS, OBJECTS)
def test_laws_of_objects(base: Any, current: Any, incoming: Any):
    for law in LAWS:
        law(base, current, incoming)


@pytest.mark.long
@MANY
@given(SIDES, SIDES, SIDES)
def test_laws_over_many_values(base: Any, current: Any, incoming: Any):
    unchanged_side_gives_way(base, current)
    for law in LAWS:
        law(base, current, incoming)


@EXAMPLES
@given(OBJECTS, st.lists(st.tuples(OBJECTS, OBJECTS), min_size=1, max_size=3))
def test_several_candidates_give_what_one_after_the_other_gives(current: Any, offers: list[Any]):
    merged = merge_offers(current, offers)
    value, clashes = current, 0
    for base, offered in offers:
        step = merge(base, value, offered)
        value, clashes = step.value, clashes + step.clashes
    if merged.clashes == clashes == 0:
        assert equal(merged.value, value)
