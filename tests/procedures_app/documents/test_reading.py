"""From YAML and JSON to the normal form, and what is refused on the way."""

from __future__ import annotations

from typing import Any

import pytest

from procedures_app.documents import DocumentInvalid, parse, read
from tests.procedures_app.documents.samples import document, step


def refusal(text: str) -> list[tuple[str, str]]:
    with pytest.raises(DocumentInvalid) as refused:
        parse(text, "json" if text.startswith("{") else "yaml")
    return refused.value.errors


def test_a_short_document_gets_everything_that_goes_without_saying():
    found = parse("title: Ship it\nkind: Prod Deploy\nsteps:\n- title: Run the tests!\n  evidence:\n  - name: ok\n")
    assert found["kind"] == "prod_deploy"
    assert found["inputs"] == []
    [only] = found["steps"]
    assert (only["id"], only["kind"], only["on_failure"], only["max_attempts"]) == (
        "run-the-tests",
        "instruction",
        "escalate",
        1,
    )
    assert only["evidence"] == [{"name": "ok", "type": "text", "required": True, "description": ""}]


def test_json_and_yaml_say_the_same():
    assert parse('{"title": "A", "steps": [{"title": "B"}]}') == parse("title: A\nsteps: [{title: B}]")


def test_yaml_reads_words_as_words():
    found = parse("title: 'yes'\nsummary: on\ntags: [no, 2026-11-21, 1e3x, 010]\n")
    assert (found["title"], found["summary"], found["tags"]) == ("yes", "on", ["no", "2026-11-21", "1e3x", "010"])


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("- 1", "", "is an object"),
        ("a: &x 1", "line 1", "Anchors"),
        ("a: 1\nb: *x", "line 2", "Anchors"),
        ("title: A\ntitle: B", "line 2", "stands here twice"),
        ('{"title": "A", "title": "B"}', "", "stands twice"),
        ("title: !!python/object:os.system x", "line 1", "tag"),
        ("title: [", "line 2", "not YAML"),
        ("title: 'a\x07'", "", "not YAML"),
        ("[" * 50 + "]" * 50, "line 1", "too much nested"),
        ("x: 1\n" * 100_000, "line 75000", "too much of it"),
        ('{"title": NaN}', "", "no number"),
        ('{"title": "\\u0000"}', "title", "control character"),
        ("titel: A", "titel", "Unknown key"),
        ("steps: [{title: 3}]", "steps[0].title", "must be a text"),
        ("steps: [{}, {id: Not this}]", "steps[1].id", "lower-case"),
        ("steps: [{id: a}, {id: a}]", "steps[1].id", "has this id already"),
        ("steps: [{kind: magic}]", "steps[0].kind", "Choose one of"),
        ("steps: [{title: a, action: {do: search}}]", "steps[0].action", "Only a step of the kind memory"),
        ("steps: [{rollback: {request: {url: u}}}]", "steps[0].rollback.request", "kind http"),
        ("steps: [{max_attempts: 21}]", "steps[0].max_attempts", "At most 20"),
        ("steps: [{max_attempts: 1.5}]", "steps[0].max_attempts", "whole number"),
        ("preconditions: [{text: a, otherwise: skip}]", "preconditions[0].otherwise", "Only a step"),
        (f"steps: [{', '.join(['{}'] * 101)}]", "steps", "At most 100"),
        ("inputs: [{name: a, default: {b: [.5]}}, 7]", "inputs[1]", "an object"),
    ],
)
def test_what_is_refused_says_where_and_why(text: str, place: str, said: str):
    errors = refusal(text)
    assert errors[0][0] == place
    assert said in errors[0][1]


def test_all_errors_are_told_at_once():
    assert [path for path, _ in refusal("titel: A\nsteps: [{kind: x}, {agents: 1}]")] == [
        "steps[0].kind",
        "steps[1].agents",
        "titel",
    ]


@pytest.mark.parametrize("value", [float("inf"), {1, 2}, 10**400])
def test_only_json_is_kept(value: Any):
    with pytest.raises(DocumentInvalid):
        read({"inputs": [{"name": "a", "default": value}]})


def test_deep_and_large_values_are_refused():
    deep: Any = 1
    for _ in range(30):
        deep = [deep]
    with pytest.raises(DocumentInvalid, match="nested"):
        read({"inputs": [{"name": "a", "default": deep}]})
    with pytest.raises(DocumentInvalid, match="larger"):
        read({"steps": [{"instruction": "x" * 15_000} for _ in range(50)]})


def test_ids_stay_with_their_steps():
    before = document(step("Run the tests"), step("Ask for approval"), step("Deploy to production"))
    after = read(
        {"steps": [step("Deploy it to production"), step("Run all the tests"), step("Tell everybody"), step("Deploy")]},
        over=before,
    )
    assert [one["id"] for one in after["steps"]] == [
        "deploy-to-production",
        "run-the-tests",
        "tell-everybody",
        "deploy",
    ]


def test_an_id_that_was_given_is_kept_and_not_given_twice():
    before = document(step("Run the tests"), step("Deploy"))
    after = read({"steps": [step("Anything", id="deploy"), step("Deploy"), step("Deploy"), step("!")]}, over=before)
    assert [one["id"] for one in after["steps"]] == ["deploy", "deploy-2", "deploy-3", "step-4"]
