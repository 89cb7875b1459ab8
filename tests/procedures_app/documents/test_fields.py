"""Values that are handed in, paths to them, and what they are compared with."""

from __future__ import annotations

import time
from typing import Any

import pytest

from procedures_app.documents import fields, patterns, placeholders, preconditions

CONTEXT = {
    "inputs": {"service": "api", "list": ["a b", {"x": 1}], "count": 3, "empty": None},
    "steps": {"test": {"evidence": {"ok": True, "report": "https://ci/1"}, "output": {"status": 200, "items": [7]}}},
}


def errors(field: dict[str, Any], **given: Any) -> list[tuple[str, str]]:
    return fields.check([{"name": "x", "type": "text", "required": True} | field], given)[1]


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ({"type": "text"}, "a", 5),
        ({"type": "text"}, "a", "  "),
        ({"type": "text", "pattern": r"v\d+(\.\d+)*"}, "v1.20.3", "v1."),
        ({"type": "number", "minimum": 0, "maximum": 5}, 5, 5.1),
        ({"type": "number"}, 0, True),
        ({"type": "number"}, 1.5, float("nan")),
        ({"type": "boolean"}, False, "yes"),
        ({"type": "boolean", "must_be": True}, True, False),
        ({"type": "choice", "choices": ["a", "b"]}, "b", "c"),
        ({"type": "url"}, "https://ci.example.com/1?a=b", "javascript:alert(1)"),
        ({"type": "url"}, "http://x", "https://a b"),
        ({"type": "url"}, "https://[::1]/", "https://["),
        ({"type": "json"}, {"a": [1]}, "x" * 70_000),
    ],
)
def test_a_value_fits_or_does_not(field: dict[str, Any], good: Any, bad: Any):
    assert errors(field, x=good) == []
    assert [name for name, _ in errors(field, x=bad)] == ["x"]


def test_a_number_of_hundreds_of_digits_is_too_large():
    for value in (10**350, -(10**350)):
        assert errors({"type": "number", "maximum": 5}, x=value) == [("x", "This number is too large.")]


def test_what_is_missing_and_what_nobody_asked_for():
    assert errors({"description": "The log"}) == [("x", "This is required (text): The log")]
    assert errors({}, x=None)
    assert errors({"required": False}) == []
    assert errors({"required": False}, y=1) == [("y", "Nobody asked for this. Asked for: x.")]
    assert fields.check([{"name": "x", "type": "number", "required": True, "default": 3}], {}) == ({"x": 3}, [])


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("abc", ["abc"], ["ab", "abcd"]),
        ("^a|b$", ["a", "b"], ["ab", ""]),
        (r"[a-z_]+@(?:[a-z]+\.)+com", ["a_b@x.y.com"], ["a@com", "A@x.com"]),
        (r"\d{2,4}-?", ["12", "1234-"], ["1", "12345"]),
        (r"(a|aa)*", ["", "aaa"], ["b"]),
        (r"[^\]\d]{3}", ["abc"], ["ab]", "ab1"]),
        (r"x{0}y{1,}", ["y", "yyy"], ["xy"]),
        (r"\.\[\x41", [".[A"], ["a[A"]),
        ("(ab){2}", ["abab"], ["ab", "ababab"]),
    ],
)
def test_patterns_fit_whole_texts(pattern: str, fitting: list[str], others: list[str]):
    assert [text for text in [*fitting, *others] if patterns.fits(pattern, text)] == fitting


@pytest.mark.parametrize("pattern", [r"(a)\1", "(?=a)b", "a*?", "(?i)a", r"a\b", "(", "a**", "((a{50}){50}){50}", "[a"])
def test_other_patterns_are_refused(pattern: str):
    with pytest.raises(patterns.PatternRefused):
        patterns.automaton(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+b", "a*a*a*a*a*a*b", "(a|aa)+b", "(?:a?){20}b", "(.*)*b"])
def test_no_pattern_keeps_the_hub_busy(pattern: str):
    started = time.process_time()
    assert not patterns.fits(pattern, "a" * patterns.LONGEST_TEXT)
    # a backtracking matcher would need longer than the universe is old
    assert time.process_time() - started < 5
    assert not patterns.fits(".*", "a" * (patterns.LONGEST_TEXT + 1))


def test_placeholders_are_filled():
    assert placeholders.fill("{{ inputs.service }}: {{inputs.count}}", CONTEXT) == "api: 3"
    filled = placeholders.fill({"all": "{{inputs.list}}", "of": ["{{steps.test.evidence.ok}}", 1]}, CONTEXT)
    assert filled == {"all": ["a b", {"x": 1}], "of": [True, 1]}
    assert placeholders.fill("{{steps.test.output.items.0}} {{inputs.list.1}}", CONTEXT) == '7 {"x": 1}'


def test_values_are_not_filled_in_again():
    context = {"inputs": {"a": "{{inputs.b}}", "b": "secret"}}
    assert placeholders.fill("x {{inputs.a}}", context) == "x {{inputs.b}}"


def test_secrets_stay_for_whoever_sends():
    assert placeholders.fill("Bearer {{secrets.ci}}", CONTEXT) == "Bearer {{secrets.ci}}"


def test_what_has_no_value():
    with pytest.raises(placeholders.PlaceholderMissing, match=r"inputs\.nothing"):
        placeholders.fill("{{inputs.nothing}}", CONTEXT)
    assert placeholders.fill("a {{inputs.empty}}", CONTEXT, missing="(not given)") == "a (not given)"


def test_an_address_cannot_be_led_elsewhere():
    context = {"inputs": {"id": "../x?y=1#z/ä"}}
    assert placeholders.fill_url("https://h/a/{{inputs.id}}/b", context) == "https://h/a/..%2Fx%3Fy%3D1%23z%2F%C3%A4/b"
    for url, value in (
        ("https://h/a/{{inputs.id}}/b", ".."),
        ("https://h/{{inputs.id}}", "."),
        ("h/.{{inputs.id}}", "."),
    ):
        with pytest.raises(placeholders.PlaceholderRefused):
            placeholders.fill_url(url, {"inputs": {"id": value}})
    assert placeholders.fill_url("https://h/a?of={{inputs.id}}", {"inputs": {"id": ".."}}) == "https://h/a?of=.."


@pytest.mark.parametrize(
    ("path", "op", "value", "outcome"),
    [
        ("inputs.service", "equals", "api", True),
        ("inputs.count", "equals", True, False),
        ("inputs.service", "not_equals", "web", True),
        ("inputs.nothing", "not_equals", "web", False),
        ("inputs.service", "in", ["web", "api"], True),
        ("inputs.count", "at_least", 3, True),
        ("inputs.count", "at_most", 2.5, False),
        ("inputs.service", "at_least", 1, False),
        ("inputs.service", "matches", "a..", True),
        ("inputs.count", "matches", "3", False),
        ("steps.test.evidence.ok", "equals", True, True),
        ("steps.test.output.status", "equals", 200.0, True),
        ("steps.test.output", "exists", None, True),
        ("steps.other.output", "exists", None, False),
        ("steps.other.output", "exists", False, True),
        ("inputs.empty", "exists", True, False),
    ],
)
def test_preconditions(path: str, op: str, value: Any, outcome: bool):
    check = {"path": path, "op": op, "value": value}
    assert preconditions.holds({"text": "t", "check": check}, CONTEXT) is outcome


def test_what_has_no_check_is_confirmed():
    given: list[dict[str, Any]] = [
        {"text": "A", "check": {"path": "inputs.a", "op": "exists"}},
        {"text": "No freeze", "check": None},
    ]
    assert preconditions.holds(given[1], {})
    [field] = preconditions.confirmations(given)
    assert (field["name"], field["must_be"], field["description"]) == ("confirm_2", True, "No freeze")
