"""What two memories are to each other, and why; examples beside the labelled pairs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents_app.detection import score
from agents_app.detection.reading import read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The meeting lasts 90 minutes", "The meeting takes one and a half hours, 90 min"),
        ("Backups run at 14:30", "Backups run at 2:30 pm"),
        ("The office is closed on Sundays", "On Sunday the office is closed"),
        ({"mode": "blue_green", "n": 2}, {"n": 2.0, "mode": "Blue-Green"}),
        ({"content": "Release every Tuesday"}, "Releases go out weekly: release every Tuesday"),
    ],
)
def test_the_same_value_written_another_way_is_no_contradiction(a: object, b: object) -> None:
    assert score(a, b).kind != "contradiction"


@pytest.mark.parametrize(
    ("a", "b", "why"),
    [
        ("The door is locked at 22:00", "The door is locked at 23:30", "“22:00” against “23:30”."),
        ("Caching is enabled for images", "Caching is disabled for images", "exclude each other"),
        ("Guests may enter the lab", "Guests may not enter the lab", "Only the second one is negated."),
        ({"mode": "a", "n": 2}, {"mode": "b", "n": 2}, '/mode: "a" against "b".'),
    ],
)
def test_a_contradiction_says_in_words_what_excludes_what(a: object, b: object, why: str) -> None:
    verdict = score(a, b)
    assert verdict.kind == "contradiction"
    assert any(why in line for line in verdict.evidence)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({"host": "db1", "role": "primary"}, {"host": "db2", "role": "replica"}),
        ({"status": "open"}, {"owner": "Ida"}),
        ("Backup of Monday failed after 3 minutes", "Backup of Tuesday failed after 9 minutes"),
        ("", ""),
        (None, {}),
    ],
)
def test_two_different_things_are_neither(a: object, b: object) -> None:
    assert score(a, b).kind is None


def test_keys_that_name_different_things_keep_short_values_apart() -> None:
    same, other = ("task-1-status", "status-task-1"), ("task-1", "task-2")
    assert score({"status": "open", "n": 1}, {"status": "open", "n": 1}, keys=same).kind == "duplicate"
    assert score({"status": "open", "n": 1}, {"status": "open", "n": 1}, keys=other).kind is None
    assert score({"status": "open", "n": 1}, {"status": "done", "n": 1}, keys=other).kind is None


def test_keys_made_by_the_server_say_nothing() -> None:
    keys = ("mem_0190d3f4-6f3e-7a44-8f5e-6a0f0d2f1c11", "mem_0190d3f4-6f3e-7a44-8f5e-6a0f0d2f1c22")
    assert score({"plan": "pro", "n": 1}, {"plan": "pro", "n": 1}, keys=keys).kind == "duplicate"


def test_what_says_when_it_was_noted_does_not_count() -> None:
    a = {"plan": "pro", "seats": 3, "updated_at": "2026-01-01", "confidence": 0.4}
    assert score(a, a | {"updated_at": "2026-05-05", "confidence": 0.9}).kind == "duplicate"


def test_numbers_are_read_by_their_value_and_unit() -> None:
    values = [(token.kind, token.value) for token in read("24 months, two years, 2,000 EUR, 5 mg, 10 am").content]
    assert values[0] == values[1] == ("amount:time", 24 * 2_592_000)
    assert values[2:] == [("amount:eur", 2000.0), ("amount:mass", 0.005), ("clock", 600.0)]


@settings(max_examples=60, deadline=None)
@given(JSON, JSON)
def test_any_two_values_get_probabilities_and_the_same_ones_again(a: object, b: object) -> None:
    verdict = score(a, b)
    assert 0 <= verdict.duplicate <= 1
    assert 0 <= verdict.contradiction <= 1
    assert verdict == score(a, b)


def test_deep_and_long_values_are_taken() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = {"a": deep}
    assert score(deep, deep).kind == "duplicate"
    assert score("word " * 50_000, "word " * 50_000).evidence
