"""Differences of JSON values and texts."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryhub.registry.diffs import MISSING, Difference, compare, json_type, words

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~ é", max_size=4)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3)
)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("/a", "changed", 1, 2)]),
        ({"a": 1}, {}, [("/a", "removed", 1, MISSING)]),
        ({}, {"a": None}, [("/a", "added", MISSING, None)]),
        ({"a": None}, {"a": 0}, [("/a", "changed", None, 0)]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, [("/a~1b/~0", "changed", 1, 2)]),
        (["b", "c"], ["a", "b", "c"], [("/0", "added", MISSING, "a")]),
        (["a", "b", "c"], ["a", "c"], [("/1", "removed", "b", MISSING)]),
        ([{"n": 1}, 2], [{"n": 3}, 2], [("/0/n", "changed", 1, 3)]),
        ("x", ["x"], [("", "changed", "x", ["x"])]),
        (1, True, [("", "changed", 1, True)]),
        (1, 1.0, []),
    ],
)
def test_paths_that_differ(old: Any, new: Any, expected: list[tuple[Any, ...]]) -> None:
    assert compare(old, new) == [Difference(*row) for row in expected]


def test_null_and_missing_are_told_apart() -> None:
    assert [json_type(value) for value in (None, MISSING)] == ["null", "missing"]


def test_a_change_of_type_is_marked() -> None:
    [found] = compare({"a": "1"}, {"a": 1})
    assert found.type_changed


@given(VALUES)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert compare(value, copy.deepcopy(value)) == []


@given(VALUES, VALUES)
def test_values_differ_or_are_equal(old: Any, new: Any) -> None:
    found = compare(old, new)
    assert found or old == new
    if isinstance(old, dict) and isinstance(new, dict):
        assert {d.pointer for d in found} == {d.pointer for d in compare(new, old)} or any_array(old)


def any_array(value: Any) -> bool:
    if isinstance(value, dict):
        return any(any_array(inner) for inner in value.values())
    return isinstance(value, list)


@given(st.text("ab ,\n", max_size=20), st.text("ab ,\n", max_size=20))
def test_words_give_both_texts_back(old: str, new: str) -> None:
    found = words(old, new)
    assert "".join(piece.text for piece in found if piece.kind != "added") == old
    assert "".join(piece.text for piece in found if piece.kind != "removed") == new


def test_one_word_changed() -> None:
    found = [(piece.kind, piece.text) for piece in words("likes black tea", "likes green tea")]
    assert found == [("same", "likes "), ("removed", "black"), ("added", "green"), ("same", " tea")]
