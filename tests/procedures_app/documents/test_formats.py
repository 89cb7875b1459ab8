"""Procedures as text: what is written is read back, whatever stands in it; a list becomes steps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from procedures_app.documents import Document, DocumentInvalid, check, formats, parse, render
from procedures_app.documents.compacting import compact
from tests.procedures_app.documents.generated import DOCUMENT
from tests.procedures_app.documents.samples import document, step

SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(DOCUMENT)
def test_what_is_written_is_read_back(whole: Document):
    for form in formats.RENDERED:
        assert parse(render(whole, form), form) == whole
        assert parse(formats.WRITERS[form](compact(whole), dense=True), form) == whole


@pytest.mark.long
@settings(max_examples=2_000, deadline=None, suppress_health_check=SLOW)
@given(DOCUMENT)
def test_what_is_written_is_read_back_thousands_of_times(whole: Document):
    for form in formats.RENDERED:
        assert parse(render(whole, form), form) == whole
        assert parse(formats.WRITERS[form](compact(whole), dense=True), form) == whole


def test_a_format_is_recognized():
    whole = document(step("Run the tests", instruction="1. One\n2. Two"), step("Deploy"), kind="deployment")
    for form in formats.RENDERED:
        assert formats.guessed(render(whole, form)) == form
        assert parse(render(whole, form)) == whole


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Deploy:\n1. A\n2. B", "list"),
        ("- A\n- B", "list"),
        ("Step 1: A", "list"),
        ("# Deploy\n\n1. A", "markdown"),
        ("# Deploy\n\n## Step 1: A", "markdown"),
        ("# a comment\ntitle: A\nsteps:\n- title: B", "yaml"),
        ("title: A", "yaml"),
        ("summary: what\n1. A", "list"),
    ],
)
def test_what_somebody_pasted(text: str, form: str):
    assert formats.guessed(text) == form
    parse(text)


MARKDOWN = """# Ship it

When a service goes live.

```yaml procedure
kind: deployment
inputs:
- {name: service}
```

## Steps

### 1. Run the tests

All of them:

```sh
## 2. not a step
make test
```

```yaml step
evidence:
- {name: ok, type: boolean}
```

### Step 2) Deploy

Carefully.
"""


def test_markdown_as_people_write_it():
    found = parse(MARKDOWN)
    assert (found["title"], found["summary"], found["kind"]) == ("Ship it", "When a service goes live.", "deployment")
    first, second = found["steps"]
    assert (first["id"], second["id"]) == ("run-the-tests", "deploy")
    assert first["instruction"] == "All of them:\n\n```sh\n## 2. not a step\nmake test\n```"
    assert first["evidence"][0]["name"] == "ok"
    assert second["instruction"] == "Carefully."


def test_markdown_for_people_to_read():
    text = render(parse(MARKDOWN), "markdown")
    assert text.startswith("# Ship it\n\nWhen a service goes live.\n\n```yaml procedure\n")
    assert "\n## 1. Run the tests\n\nAll of them:\n" in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing here"),
        ("# Title\n\nNo steps", "no list"),
        ("## 1. A\n```yaml step\nid: a", "not closed"),
        ("## 1. A\n```yaml step\n- a\n```", "keys and values"),
        ("# A\n```yaml procedure\ntitle: B\n```\n## 1. A", "Keep one"),
        ("x" * 500_001, "larger than 500 kB"),
        ("x" * 4_500_001, "larger than 4500 kB"),
        ("title: x" + " " * 4_500_000, "larger than 4500 kB"),
        ("{" + " " * 4_500_000, "larger than 4500 kB"),
        ("steps: [" + "[]," * 80_000 + "]", "too much of it"),
    ],
)
def test_text_that_is_no_procedure(text: str, said: str):
    with pytest.raises(DocumentInvalid, match=said):
        parse(text)


LIST = """Releasing the app:
When a release is due.

1. Run the tests.
   - All suites, on a clean checkout.
   - Evidence: whether all tests passed
   - Report the number of failed tests (optional)
   - Attach a link to the report
2. Ask the release manager for approval
3. **Deploy**: push the button, and wait until it is green.
   Look at the dashboard meanwhile.
   - Record `version` (text): what runs now
   - Note that the health check is green
4. Wait ten minutes, then look at the error rate of the last release and compare it with the one before. Stop if higher.
"""


def test_a_numbered_list_becomes_steps():
    found = parse(LIST)
    assert (found["title"], found["summary"]) == ("Releasing the app", "When a release is due.")
    tests, ask, deploy, wait = found["steps"]
    assert [one["id"] for one in found["steps"]] == [
        "run-the-tests",
        "ask-the-release-manager-for-approval",
        "deploy",
        wait["id"],
    ]
    assert tests["instruction"] == "- All suites, on a clean checkout."
    assert [(one["name"], one["type"], one["required"]) for one in tests["evidence"]] == [
        ("tests_passed", "boolean", True),
        ("number_of_failed_tests", "number", False),
        ("link_to_the_report", "url", True),
    ]
    assert (tests["kind"], ask["kind"]) == ("instruction", "confirmation")
    assert deploy["instruction"].startswith("push the button")
    assert "dashboard" in deploy["instruction"]
    assert [(one["name"], one["type"], one.get("must_be")) for one in deploy["evidence"]] == [
        ("version", "text", None),
        ("health_check_is_green", "boolean", True),
    ]
    assert wait["title"].startswith("Wait ten minutes")
    assert "Stop if higher." in wait["instruction"]
    assert [one for one in check(found | {"name": "release"}, {}, []) if one.level == "error"] == []
    assert parse(LIST) == found


def nested(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


#: Documents near the limits, whose texts are much larger than they are.
LARGE = {
    "deep lists": nested([1] * 15_000, 13),
    "many lists": nested([[[]]] * 6_000, 12),
    "texts that YAML escapes": ["\U0001f600 \uffff" * 1_000] * 130,
    "long keys": {f"{n}: {'k' * 2_000}": f"- {{'\n'}}: {n}" for n in range(180)},
    "long lines": ["\\U0001f600 'x' \"y\" " * 60] * 300,
}


@pytest.mark.parametrize("form", formats.RENDERED)
@pytest.mark.parametrize("what", LARGE)
def test_whatever_is_exported_can_be_imported(what: str, form: formats.Rendered):
    keep = {"do": "store", "with": {"key": "k", "value": LARGE[what]}}
    whole = document(step("One", instruction="# a\n" * 100), step("Keep", kind="memory", action=keep))
    text = render(whole, form)
    assert parse(text, form) == whole
    assert formats.guessed(text) == form


def test_what_could_not_be_written_to_be_read_again_is_refused():
    action = {"do": "store", "with": {"key": "k", "value": [[]] * 80_000}}
    with pytest.raises(DocumentInvalid, match="too many values"):
        document(step("Keep", kind="memory", action=action))


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Ask a person to approve the change", True),
        ("Get approval from the team lead", True),
        ("Wait for sign-off", True),
        ("A human confirms that it looks right", True),
        ("Have somebody look at the screenshots", True),
        ("Confirm it with the on-call manager", True),
        ("Confirm that the tests pass", False),
        ("Ask the user for the log file", False),
        ("Deploy without approval", False),
        ("Run the approval tests", False),
    ],
)
def test_which_steps_ask_a_person(text: str, asks: bool):
    [found] = parse(f"1. {text}")["steps"]
    assert (found["kind"] == "confirmation") is asks


def test_bullets_alone_and_nested_lists():
    found = parse("- First\n  1. one\n  2. two\n- Second")
    assert [(one["title"], one["instruction"]) for one in found["steps"]] == [
        ("First", "1. one\n2. two"),
        ("Second", ""),
    ]


def test_a_list_over_a_version_changes_what_a_list_can_say():
    fields: dict[str, Any] = {"time_limit_seconds": 60, "evidence": [{"name": "ok"}], "on_failure": "fail"}
    before = document(
        step("Run the tests", id="t1", **fields),
        step("Tell the team", id="tell", kind="http", request={"url": "https://x/"}),
        kind="deployment",
    )
    found = parse("1. Ask a manager for approval\n2. Tell the whole team\n3. Run all tests\n   - Quickly.", over=before)
    approve, tell, tests = found["steps"]
    assert [one["id"] for one in found["steps"]] == ["ask-a-manager-for-approval", "tell", "t1"]
    assert (tests["time_limit_seconds"], tests["evidence"][0]["name"], tests["instruction"]) == (60, "ok", "- Quickly.")
    assert (tell["kind"], tell["request"]["url"]) == ("http", "https://x/")
    assert (found["kind"], found["title"], approve["kind"]) == ("deployment", "Ship it", "confirmation")


def test_a_step_that_becomes_a_confirmation_loses_its_call():
    before = document(step("Tell the team lead", id="tell", kind="http", request={"url": "https://x/"}))
    [found] = parse("1. Ask the team lead", over=before)["steps"]
    assert found["kind"] == "confirmation"
    assert "request" not in found
