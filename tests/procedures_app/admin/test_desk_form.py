"""The form of the editor says exactly the document that it shows, and keeps what is not right yet as it was typed."""

from __future__ import annotations

from typing import Any

import pytest

from procedures_app import documents
from procedures_app.admin import desk_moves
from procedures_app.admin.desk_form import Reading, State, complete, state_from, state_of
from procedures_app.admin.desk_places import place_of, target_of, where

FULL: dict[str, Any] = {
    "name": "safe-deployment",
    "title": "Safe deployment",
    "summary": "For every release.\nNever on Fridays.",
    "kind": "deployment",
    "tags": ["release", "web"],
    "inputs": [
        {"name": "version", "type": "text", "pattern": r"\d+\.\d+", "description": "What is shipped"},
        {"name": "env", "type": "choice", "choices": ["staging, first", "production"], "default": "staging, first"},
        {"name": "share", "type": "number", "required": False, "minimum": 0.5, "maximum": 100, "default": 5},
        {"name": "code", "type": "text", "must_be": "5"},
        {"name": "flags", "type": "json", "required": False, "default": {"fast": True}},
    ],
    "preconditions": [
        {"text": "The build is green", "check": None},
        {"text": "Not production", "check": {"path": "inputs.env", "op": "in", "value": ["staging, first"]}},
        {"text": "There are flags", "check": {"path": "inputs.flags", "op": "exists", "value": None}},
    ],
    "steps": [
        {
            "id": "tests",
            "title": "Run the tests",
            "instruction": "Run them all:\n\n    make test\n\nfor {{inputs.version}}.",
            "agents": ["builder", "deploy-bot"],
            "evidence": [{"name": "passed", "type": "boolean", "must_be": True, "description": "All of them"}],
            "time_limit_seconds": 5400,
            "max_attempts": 3,
            "on_failure": "retry",
        },
        {
            "id": "call",
            "kind": "http",
            "title": "Tell the gateway",
            "request": {
                "method": "POST",
                "url": "https://gate.example/deploy?x={{inputs.version}}",
                "headers": {"X-Token": "{{secrets.gate}}", "Accept": "application/json"},
                "body": {"version": "{{inputs.version}}", "n": [1, None, True]},
                "expect_status": [200, 202],
                "save": {"ticket": "/data/id"},
            },
            "preconditions": [
                {
                    "text": "Tests passed",
                    "check": {"path": "steps.tests.evidence.passed", "op": "equals", "value": True},
                    "otherwise": "skip",
                }
            ],
            "rollback": {
                "kind": "http",
                "title": "Take it back",
                "request": {"method": "DELETE", "url": "https://gate.example/x"},
            },
        },
        {
            "id": "note",
            "kind": "memory",
            "title": "Note it",
            "action": {"do": "store", "with": {"key": "last", "value": {"v": "{{inputs.version}}"}}},
            "rollback": {"kind": "instruction", "title": "Forget it", "instruction": "Delete the key."},
        },
        {
            "id": "sub",
            "kind": "procedure",
            "title": "Follow up",
            "procedure": "follow-up",
            "inputs": {"version": "{{inputs.version}}"},
        },
        {"id": "ok", "kind": "confirmation", "title": "A person says yes"},
    ],
}


def posted(state: Any, place: str = "") -> dict[str, str]:
    """The fields that a page with this state sends."""
    if isinstance(state, str):
        return {place: state}
    items = enumerate(state) if isinstance(state, list) else state.items()
    found: dict[str, str] = {}
    for name, value in items:
        found |= posted(value, f"{place}.{name}" if place else str(name))
    return found


def test_a_document_comes_back_from_its_form_as_it_was() -> None:
    document = documents.read(FULL)
    reading = Reading(state_of(posted(state_from(document))))
    assert reading.mistakes == {}
    assert documents.read(reading.document) == document


def test_line_ends_of_browsers_change_nothing() -> None:
    document = documents.read(FULL)
    sent = {name: text.replace("\n", "\r\n") for name, text in posted(state_from(document)).items()}
    assert documents.read(Reading(state_of(sent)).document) == document


def test_what_is_typed_for_another_kind_stays_in_the_form_and_out_of_the_document() -> None:
    state = state_from(documents.read(FULL))
    state["steps"][1]["kind"] = "instruction"
    again = state_of(posted(state))
    assert "request" not in Reading(again).document["steps"][1]
    assert again["steps"][1]["request"]["url"].startswith("https://gate.example")


@pytest.mark.parametrize(
    ("place", "text", "message"),
    [
        ("steps.0.max_attempts", "two", "whole number"),
        ("steps.0.time_limit", "1.5", "whole number"),
        ("steps.1.request.body", '{"a": }', "Line 1, column 7"),
        ("steps.1.request.headers", "no colon", "Name: value"),
        ("steps.1.request.headers", "A: 1\nA: 2", "twice"),
        ("steps.1.request.expect_status", "ok", "three digits"),
        ("steps.2.action.with", "[" * 100_000, "nested"),
        ("inputs.2.minimum", "little", "number"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_place_and_kept(place: str, text: str, message: str) -> None:
    sent = posted(state_from(documents.read(FULL))) | {place: text}
    state = state_of(sent)
    mistakes = {place_of(path): told for path, told in Reading(state).mistakes.items()}
    assert message in mistakes[place]
    assert posted(state)[place] == text


@pytest.mark.parametrize(
    "sent",
    [
        {"steps": "x"},
        {"steps.0": "x", "steps.0.title": "y"},
        {"steps.0.evidence.x": "1", "steps.0.rollback": "2", "steps.0.request.url.x": "3"},
        {"inputs.title": "1"},
        {"steps.9999.title": "far", "steps.2.title": "near"},
        {"__class__.x": "1", "steps.-1.title": "2", "a b": "3", "steps..title": "4"},
    ],
)
def test_a_form_that_nobody_made_is_read_as_far_as_it_goes(sent: dict[str, str]) -> None:
    state = state_of(sent)
    assert isinstance(Reading(state).document["steps"], list)


# -- moves -----------------------------------------------------------------------------------------------------------


def three() -> State:
    steps = [{"title": title, "id": title.lower()} for title in ("One", "Two", "Three")]
    return complete({"steps": steps, "inputs": [{"name": "a"}, {"name": "b"}]})


def titles(state: State) -> list[str]:
    return [step.get("title", "") for step in state["steps"]]


@pytest.mark.parametrize(
    ("asked", "left", "focus"),
    [
        ("up:steps.1", ["Two", "One", "Three"], "up:steps.0"),
        ("down:steps.1", ["One", "Three", "Two"], "down:steps.2"),
        ("before:steps.0", ["", "One", "Two", "Three"], "steps.0.title"),
        ("after:steps.2", ["One", "Two", "Three", ""], "steps.3.title"),
        ("append:steps", ["One", "Two", "Three", ""], "steps.3.title"),
        ("copy:steps.1", ["One", "Two", "Two (copy)", "Three"], "steps.2.title"),
        ("drop:steps.0", ["Two", "Three"], "undo"),
        ("up:steps.0", ["One", "Two", "Three"], ""),
    ],
)
def test_the_focus_stays_with_what_was_done(asked: str, left: list[str], focus: str) -> None:
    state = three()
    done = desk_moves.carry_out(state, [], asked)
    assert done is not None
    assert (titles(state), done.focus) == (left, focus)


def test_a_move_is_told_in_words() -> None:
    done = desk_moves.carry_out(three(), [], "down:steps.0")
    assert done is not None
    assert done.says == "Step 1, One is number 2 of 3 now."


def test_a_copy_has_no_id_yet() -> None:
    state = three()
    desk_moves.carry_out(state, [], "copy:steps.0")
    assert state["steps"][1]["id"] == ""


def test_what_was_removed_comes_back_last_first() -> None:
    state, removed = three(), desk_moves.Removed()
    for asked in ("drop:steps.1", "drop:inputs.0", "drop:steps.1", "undo", "undo", "undo"):
        assert desk_moves.carry_out(state, removed, asked) is not None
    assert state == three()
    assert desk_moves.carry_out(state, removed, "undo") is None


def test_evidence_of_a_step_that_is_gone_is_not_brought_back_elsewhere() -> None:
    state, removed = three(), desk_moves.Removed()
    state["steps"][2]["evidence"] = [{"name": "x"}]
    desk_moves.carry_out(state, removed, "drop:steps.2.evidence.0")
    state["steps"].pop()
    done = desk_moves.carry_out(state, removed, "undo")
    assert done is not None
    assert "cannot be brought back" in done.says


@pytest.mark.parametrize(
    "asked",
    ["", "up", "up:", "up:steps", "up:steps.9", "up:steps.-1", "append:", "append:steps.0", "fly:steps.0", "up:title.0",
     "append:steps.7.evidence", "drop:steps.x", "copy:steps.0.request"],
)  # fmt: skip
def test_buttons_that_are_not_there_do_nothing(asked: str) -> None:
    state = three()
    assert desk_moves.carry_out(state, [], asked) is None
    assert state == three()


# -- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("title", "title"),
        ("steps", "append:steps"),
        ("steps[2]", "steps.2.title"),
        ("steps[2].check.path", "steps.2.path"),
        ("steps[0].preconditions[1].check.value", "steps.0.preconditions.1.value"),
        ("steps[0].time_limit_seconds", "steps.0.time_limit"),
        ("steps[1].request.headers.X-Token", "steps.1.request.headers"),
        ("steps[1].rollback", "steps.1.rollback.kind"),
        ("steps[1].rollback.request.url", "steps.1.rollback.request.url"),
        ("steps[3].inputs.version", "steps.3.inputs"),
        ("steps[3].evidence", "append:steps.3.evidence"),
        ("steps[3].evidence[0]", "steps.3.evidence.0.name"),
        ("inputs[0].choices[2]", "inputs.0.choices"),
        ("tags[1]", "tags"),
    ],
)
def test_problems_lead_to_their_controls(path: str, target: str) -> None:
    assert target_of(place_of(path)) == target


def test_places_are_told_in_words() -> None:
    assert where("steps.1.evidence.0.name", three()) == "Step 2 “Two”, evidence 1, name"
    assert where("", {}) == "Procedure"
