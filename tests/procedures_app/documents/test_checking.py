"""What would break a run is found before anybody follows the procedure."""

from __future__ import annotations

from typing import Any

import pytest

from procedures_app.documents import Document, check, read
from procedures_app.documents.checking import TOO_SLOW
from tests.procedures_app.documents.samples import document, step

HOSTS = ["ci.example.com"]


def places(given: Document, known: dict[str, Document] | None = None, **kwargs: Any) -> dict[str, str]:
    return {one.path: f"{one.level}: {one.message}" for one in check(given, known or {}, HOSTS, **kwargs)}


def http(url: str = "https://ci.example.com/{{inputs.service}}", **request: Any) -> dict[str, Any]:
    return step("Call", kind="http", request={"url": url} | request)


def memory(**given: Any) -> dict[str, Any]:
    return step("Look", kind="memory", action={"do": given.pop("do", "search"), "with": given})


SERVICE = {"name": "service"}


def test_patterns_do_not_keep_the_hub_busy():
    inputs = [{"name": f"i{n}", "pattern": "(.*a){0,15}", "default": "a" * 300} for n in range(10)]
    assert places(document(step("One"), inputs=inputs)) == {"inputs": f"error: {TOO_SLOW}"}
    assert places(document(step("One"), inputs=inputs[:1])) == {}
    inputs[0]["pattern"] = "(.*a){0,400}"
    assert "too large" in places(document(step("One"), inputs=inputs[:1]))["inputs[0].pattern"]


def test_nothing_is_wrong_with_a_good_one():
    ok = {"name": "ok", "type": "boolean", "must_be": True}
    skip = {
        "text": "There were changes",
        "check": {"path": "steps.first.evidence.ok", "op": "equals", "value": True},
        "otherwise": "skip",
    }
    given = document(
        step(
            "First {{inputs.service}}",
            evidence=[ok],
            instruction="For {{inputs.service}}, {{inputs.confirm_1}}.",
            id="first",
        ),
        http(body={"a": ["{{steps.first.evidence.ok}}"]}, headers={"Authorization": "Bearer {{secrets.ci}}"}),
        memory(query="{{inputs.service}}"),
        step(
            "Last",
            preconditions=[skip],
            on_failure="retry",
            max_attempts=3,
            rollback={"title": "Undo", "instruction": "{{steps.last.output.id}}"},
        ),
        inputs=[SERVICE],
        preconditions=[{"text": "Nobody else deploys"}],
    )
    assert places(given, secrets={"ci": HOSTS}, publishing=True) == {}


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ({}, "There is no secret 'ci' in procedures.secrets that this tenant may use."),
        ({"other": HOSTS}, "There is no secret 'ci'"),
        ({"ci": ["status.example.com"]}, "The secret 'ci' may not go to https://ci.example.com:443."),
        ({"ci": ["http://ci.example.com"]}, "The secret 'ci' may not go to https://ci.example.com:443."),
        ({"ci": ["ci.example.com:8443"]}, "The secret 'ci' may not go to https://ci.example.com:443."),
        ({"ci": ["ci.example.com:port"]}, "procedures.secrets.ci.hosts is wrong: 'ci.example.com:port'"),
    ],
)
@pytest.mark.parametrize("undoing", [False, True])
def test_a_secret_that_may_not_go_there(secrets: dict[str, list[str]], said: str, undoing: bool):
    call = http("https://ci.example.com/", headers={"X-Token": "a {{ secrets.ci }} {{secrets.ci}}"})
    given = document(step("One", rollback=call) if undoing else call)
    path = "steps[0].rollback.request.headers.X-Token" if undoing else "steps[0].request.headers.X-Token"
    assert places(given, secrets=secrets)[path].startswith(f"warning: {said}")
    assert places(given, secrets=secrets, publishing=True)[path].startswith(f"error: {said}")


@pytest.mark.parametrize(
    ("fields", "path", "said"),
    [
        ({"title": ""}, "title", "title"),
        ({"steps": []}, "steps", "at least one"),
        ({"inputs": [SERVICE, SERVICE]}, "inputs[1].name", "twice"),
        ({"inputs": [{"name": "confirm_1"}]}, "inputs[0].name", "kept for preconditions"),
        ({"inputs": [{"name": "a", "type": "choice"}]}, "inputs[0].choices", "List"),
        ({"inputs": [{"name": "a", "choices": ["b"]}]}, "inputs[0].choices", "Only"),
        ({"inputs": [{"name": "a", "pattern": "(a)\\1"}]}, "inputs[0].pattern", "not supported"),
        ({"inputs": [{"name": "a", "minimum": 1}]}, "inputs[0].minimum", "number"),
        ({"inputs": [{"name": "a", "type": "number", "minimum": 2, "maximum": 1}]}, "inputs[0].maximum", "below"),
        ({"inputs": [{"name": "a", "type": "number", "default": "x"}]}, "inputs[0].default", "number"),
        ({"preconditions": [{"text": ""}]}, "preconditions[0].text", "in words"),
        (
            {"preconditions": [{"text": "a", "check": {"path": "x", "op": "exists"}}]},
            "preconditions[0].check.path",
            "no path",
        ),
        (
            {"preconditions": [{"text": "a", "check": {"path": "inputs.x", "op": "in", "value": 1}}]},
            "preconditions[0].check.value",
            "list",
        ),
        (
            {"preconditions": [{"text": "a", "check": {"path": "steps.do-it.output", "op": "exists"}}]},
            "preconditions[0].check.path",
            "later",
        ),
    ],
)
def test_what_is_wrong_with_the_whole(fields: dict[str, Any], path: str, said: str):
    found = places(document(**fields))
    assert said in found[path]
    assert found[path].startswith("error")


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        (step(""), "title", "title"),
        (step(instruction="{{inputs.x}}"), "instruction", "no input 'x'"),
        (step(instruction="{{nonsense}}"), "instruction", "not known"),
        (step(id="me", instruction="{{steps.me.output}}"), "instruction", "later"),
        (step(instruction="{{secrets.a}}"), "instruction", "headers"),
        (step(evidence=[{"name": "a", "default": "b"}]), "evidence[0].default", "no default"),
        (step(evidence=[{"name": "a", "must_be": 1}]), "evidence[0].must_be", "does not fit"),
        (step(preconditions=[{"text": "a", "otherwise": "skip"}]), "preconditions[0].otherwise", "confirm"),
        (step(kind="http"), "request.url", "address"),
        (http("https://{{inputs.service}}/"), "request.url", "after the host"),
        (http("ftp://x/"), "request.url", "http"),
        (http("https://user@ci.example.com/"), "request.url", "@"),
        (http(headers={"Host": "x"}), "request.headers.Host", "cannot be set"),
        (http(save={"a": "b"}), "request.save.a", "pointer"),
        (http() | {"preconditions": [{"text": "a"}]}, "preconditions[0].check", "hub makes the call"),
        (step(kind="memory"), "action.do", "Say"),
        (memory(do="capture_knowledge", title="x"), "action.with.content", "needs"),
        (memory(query="x", depth=3), "action.with.depth", "knows no depth"),
        (step(kind="procedure"), "procedure", "which"),
        (step(kind="procedure", procedure="ship-it"), "procedure", "of itself"),
        (step(kind="procedure", procedure="unknown"), "procedure", "no published"),
        (step(rollback={"kind": "http"}), "rollback.title", "undoes"),
        (step(rollback={"title": "u", "kind": "http"}), "rollback.request.url", "address"),
    ],
)
def test_what_is_wrong_with_a_step(given: dict[str, Any], path: str, said: str):
    found = places(document(given, inputs=[SERVICE]))
    assert said in found[f"steps[0].{path}"]
    assert found[f"steps[0].{path}"].startswith("error")


def test_another_host_is_for_an_administrator_to_allow():
    given = document(http("https://other.example.com/"))
    assert places(given)["steps[0].request.url"].startswith("warning")
    assert places(given, publishing=True)["steps[0].request.url"].startswith("error")
    assert places(document(http("https://ci.example.com:8443/")), publishing=True)


def uses(name: str, *used: str, **fields: Any) -> Document:
    steps = [step(f"Follow {one}", kind="procedure", procedure=one) for one in used] or [step()]
    return document(*steps, name=name, **fields)


def test_procedures_do_not_go_in_circles():
    known = {"b": uses("b", "c"), "c": uses("c", "a"), "a": uses("a")}
    assert "a → b → c → a" in places(uses("a", "b"), known)["steps[0].procedure"]


def test_procedures_are_nested_five_deep_at_most_upwards_too():
    known = {name: uses(name, *used) for name, used in [("d", "e"), ("c", "d"), ("e", ""), ("top", "a")]}
    assert places(uses("b", "c"), known) == {}
    known["b"] = uses("b", "c")
    assert places(uses("a", "b"), {name: one for name, one in known.items() if name != "top"}) == {}
    assert "deeper" in places(uses("a", "b"), known)["steps[0].procedure"]


def test_a_used_procedure_gets_its_inputs():
    known = {
        "b": uses("b", inputs=[{"name": "service"}, {"name": "size", "default": "s"}, {"name": "x", "required": False}])
    }
    assert places(uses("a", "b"), known)["steps[0].inputs.service"]
    assert places(uses("a", "b", inputs=[SERVICE]), known) == {}
    given = read(
        {
            "name": "a",
            "title": "A",
            "summary": "s",
            "steps": [
                {"title": "B", "kind": "procedure", "procedure": "b", "inputs": {"service": "api", "strange": 1}}
            ],
        }
    )
    assert list(places(given, known)) == ["steps[0].inputs.strange"]


def test_who_uses_a_procedure_has_to_give_what_it_comes_to_need():
    known = {"a": uses("a", "b"), "b": uses("b")}
    found = places(uses("b", inputs=[SERVICE]), known)
    assert found == {"inputs": "warning: 'a' has this as a step. 'b' needs this input. Give it here."}
    assert places(uses("b", inputs=[SERVICE | {"required": False}]), known) == {}
