"""What differs between two versions, in the words of somebody who reads it; and three versions put together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memoryhub.registry.diffs import MISSING
from procedures_app.documents import Document, diff, three_way
from procedures_app.documents.merging import clash_errors
from tests.procedures_app.documents.samples import document, step

A, B, C, D = (step(name, id=name.lower()) for name in "ABCD")


def changed(given: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return given | fields


@pytest.mark.parametrize(
    ("new", "says"),
    [
        ([A, B, C, D], []),
        ([A, D, B, C], ["Step “D” moved up 2 places."]),
        ([B, C, D, A], ["Step “A” moved down 3 places."]),
        ([C, B, A, D], ["Step “C” moved up 2 places.", "Step “A” moved down 2 places."]),
        ([A, B, D], ["Step “C” was removed."]),
        ([A, B, step("New"), C, D], ["Step “New” was added."]),
        ([A, changed(B, title="Better"), C, D], ["Step “Better”: the title changed from “B” to “Better”."]),
        (
            [A, changed(B, evidence=[{"name": "tests_passed"}]), C, D],
            ["Step “B”: evidence `tests_passed` was added."],
        ),
        ([A, changed(B, instruction="x" * 100), C, D], ["Step “B”: the instruction was added."]),
        ([A, changed(B, max_attempts=3), C, D], ["Step “B”: how often it is attempted changed from 1 to 3."]),
        ([A, changed(B, time_limit_seconds=60), C, D], ["Step “B”: the time limit was added."]),
    ],
)
def test_a_diff_in_words(new: list[dict[str, Any]], says: list[str]):
    assert diff(document(A, B, C, D), document(*new)).says == says


def test_a_step_that_moved_and_changed():
    old = document(A, B, changed(C, evidence=[{"name": "a"}, {"name": "b"}]))
    new = document(changed(C, evidence=[{"name": "b", "type": "number"}, {"name": "a"}]), A, B, title="Other")
    found = diff(old, new)
    assert found.says == [
        "The title changed from “Ship it” to “Other”.",
        "Step “C” moved up 2 places.",
        "Step “C”: evidence `b` changed (type).",
    ]
    assert [(one.step_id, one.kind, one.moved_by) for one in found.steps] == [
        ("c", "changed", -2),
        ("a", "same", 0),
        ("b", "same", 0),
    ]
    assert found.steps[0].fields[0].parts[0].pointer == "/type"


def test_removed_steps_stand_where_they_stood():
    found = diff(document(A, B, C, D), document(step("New"), B, D))
    assert [(one.title, one.kind) for one in found.steps] == [
        ("A", "removed"),
        ("New", "added"),
        ("B", "same"),
        ("C", "removed"),
        ("D", "same"),
    ]
    assert (found.steps[0].new, found.steps[1].old) == (None, None)


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(7)))
def test_moves_explain_the_new_order(order: list[int]):
    steps = [step(f"S{n}", id=f"s{n}") for n in range(7)]
    found = diff(document(*steps), document(*(steps[n] for n in order)))
    assert bool(found.says) == (order != sorted(order))
    for place, one in enumerate(found.steps):
        if one.moved_by:
            assert place - int(one.step_id[1:]) == one.moved_by


def test_what_one_side_changed_is_merged():
    base = document(A, B, C, tags=["x"])
    published = document(A, changed(B, title="B!", evidence=[{"name": "one"}]), C, summary="Better.", tags=["x", "y"])
    draft = document(C, A, changed(B, evidence=[{"name": "two"}], max_attempts=2), D, inputs=[{"name": "service"}])
    merged = three_way(base, published, draft)
    assert (merged.open, merged.errors) == (0, [])
    found = merged.document
    assert [one["id"] for one in found["steps"]] == ["c", "a", "b", "d"]
    b = found["steps"][2]
    assert (b["title"], b["max_attempts"], sorted(one["name"] for one in b["evidence"])) == ("B!", 2, ["one", "two"])
    assert (found["summary"], found["inputs"][0]["name"]) == ("Better.", "service")
    sides = {path.label: path.side for path in merged.paths}
    assert sides["summary"] == "published"
    assert sides["Step “B!”: max attempts"] == "draft"
    assert sides["order of steps"] == "draft"


def test_what_both_changed_is_for_somebody_to_choose():
    base, published, draft = (document(changed(A, title=title), B) for title in ("A", "Published", "Drafted"))
    [clash] = three_way(base, published, draft).clashes
    assert (clash.pointer, clash.label) == ("/steps/items/a/title", "Step “Published”: title")
    assert (clash.base, clash.published, clash.draft, clash.side) == ("A", "Published", "Drafted", None)
    assert clash.options == ("base", "published", "draft", "both")
    undecided = three_way(base, published, draft)
    assert undecided.document["steps"][0]["title"] == "Published"
    assert [path for path, _ in clash_errors(undecided)] == ["/steps/items/a/title"]
    choices: list[tuple[Any, str]] = [("draft", "Drafted"), ("base", "A"), ({"value": "Neither"}, "Neither")]
    for choice, title in choices:
        chosen = three_way(base, published, draft, {clash.pointer: choice})
        assert chosen.document["steps"][0]["title"] == title
        assert not clash_errors(chosen)


def test_a_step_that_one_side_removed_and_the_other_changed():
    base, published, draft = document(A, B, C), document(A, C), document(A, changed(B, max_attempts=2), C)
    undecided = three_way(base, published, draft)
    [clash] = undecided.clashes
    assert (clash.pointer, clash.published, clash.note) == ("/steps/items/b", MISSING, "removed here, changed there")
    assert [one["id"] for one in undecided.document["steps"]] == ["a", "c"]
    kept = three_way(base, published, draft, {clash.pointer: "draft"}).document
    assert sorted(one["id"] for one in kept["steps"]) == ["a", "b", "c"]


def test_both_reordered_differently():
    merged = three_way(document(A, B, C), document(B, A, C), document(A, C, B))
    [clash] = merged.clashes
    assert clash.label == "order of steps"
    chosen = three_way(document(A, B, C), document(B, A, C), document(A, C, B), {clash.pointer: "draft"})
    assert [one["id"] for one in chosen.document["steps"]] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("choices", "path"),
    [
        ({"/steps/items/a/title": "nobody"}, "/steps/items/a/title"),
        ({"/nowhere": "draft"}, "/nowhere"),
        ({"/steps/items/a/title": {"value": 5}}, "steps[0].title"),
        ({"/steps": {"value": 5}}, "steps"),
        ({"/steps/items": {"value": [1]}}, "steps"),
        ({"/steps/order": {"value": {}}, "/steps/items/a": {"value": None}}, "steps[0]"),
    ],
)
def test_choices_that_cannot_be(choices: dict[str, Any], path: str):
    base, published, draft = (document(changed(A, title=title), B) for title in ("A", "Published", "Drafted"))
    merged = three_way(base, published, draft, choices)
    assert path in [one.path for one in merged.errors]


def test_a_kind_from_here_and_a_request_from_there():
    request = {"url": "https://x/"}
    base = document(step("S", kind="http", request=request))
    published = document(step("S", kind="http", request={"url": "https://y/"}, id="s"))
    draft = document(step("S", kind="confirmation", id="s"))
    merged = three_way(base, published, draft)
    assert merged.document["steps"][0]["kind"] == "confirmation"
    assert "request" not in merged.document["steps"][0]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_merging_with_one_side_unchanged_gives_the_other(data: st.DataObject):
    from tests.procedures_app.documents.generated import DOCUMENT

    base, other = data.draw(DOCUMENT), data.draw(DOCUMENT)
    assert same(three_way(base, base, other).document, other)
    assert same(three_way(base, other, base).document, other)
    assert same(three_way(base, other, other).document, other)


def same(one: Document, other: Document) -> bool:
    return not diff(one, other).says
