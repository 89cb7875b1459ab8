"""The description of the API is complete, true to the addresses, and the same as the committed one."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from jsonschema import Draft4Validator

from memoryhub.access.api.problems import MEDIA_TYPE
from memoryhub.openapi_samples import UNKNOWN
from tests.contract.described import SNAPSHOT, body_schema, described, operation, resolved
from tests.contract.routes import Route, api_routes

ROUTES = api_routes()
JSON = "application/json"
every = pytest.mark.parametrize("route", [pytest.param(one, id=str(one)) for one in ROUTES])


def answers(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = operation(route)["responses"]
    return found


def good_answer(route: Route) -> dict[str, Any]:
    code = next(code for code in answers(route) if code.startswith("2"))
    found: dict[str, Any] = answers(route)[code]
    return found


def test_the_description_is_valid_and_made_without_a_warning():
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        document = described.__wrapped__()
        found = list(GENERATOR_STATS._warn_cache) + list(GENERATOR_STATS._error_cache)
    assert not found
    validate_schema(document)


def test_it_describes_the_addresses_that_there_are_and_no_others():
    there = {(f"/memory/{route.path}", route.method.lower()) for route in ROUTES}
    told = {(path, method) for path, methods in described()["paths"].items() for method in methods}
    assert told == there


def test_names_of_operations_are_unique():
    names = [operation(route)["operationId"] for route in ROUTES]
    assert len(names) == len(set(names))


@every
def test_an_operation_says_what_it_does_and_what_it_needs(route: Route):
    found = operation(route)
    assert 5 <= len(found["summary"]) <= 120, found["summary"]
    assert found["summary"][0].isupper()
    assert found["description"]
    assert found["tags"], "an operation belongs to an area"
    assert {one["name"] for one in described()["tags"]} >= set(found["tags"])
    if route.public:
        assert {} in found["security"]
    else:
        assert f"`{route.permission}`" in found["description"]


@every
def test_parameters_and_fields_are_explained(route: Route):
    known = {"tenant_id", "limit", "cursor"}
    for one in operation(route).get("parameters", []):
        assert one.get("description") or one["in"] == "path" or one["name"] in known, one["name"]


def examples(part: dict[str, Any]) -> list[Any]:
    return [one["value"] for one in part.get("content", {}).get(JSON, {}).get("examples", {}).values()]


@every
def test_a_request_and_its_answer_have_examples_that_conform(route: Route):
    if route.takes_body:
        body = operation(route)["requestBody"]
        conform(body, "the request")
    conform(good_answer(route), "the answer")


def conform(part: dict[str, Any], name: str) -> None:
    found = examples(part)
    assert found, f"{name} has no example"
    for one in found:
        assert UNKNOWN not in str(one), f"add sample values to memoryhub/openapi_samples.py, or an example: {one}"
        Draft4Validator(plain_schema(part["content"][JSON]["schema"])).validate(one)


def plain_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: references put in their places, ``nullable`` made a type."""
    if isinstance(node, list):
        return [plain_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return plain_schema(resolved(node))
    found = {key: plain_schema(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [found, {"type": "null"}]} if node.get("nullable") is True else found


@every
def test_problems_are_described(route: Route):
    needed = {"401", "429", "503"} | (set() if route.public else {"400", "403"})
    needed |= {"413", "415"} if route.takes_body else set()
    needed |= {"404"} if "{" in route.path else set()
    needed |= {"409", "422"} if route.method == "POST" and route.view().is_repeatable() else set()
    assert needed <= answers(route).keys()
    for code in needed:
        found = answers(route)[code]
        assert list(found["content"]) == [MEDIA_TYPE], code
        assert found["description"]


@every
def test_headers_are_described(route: Route):
    sent = {one["name"] for one in operation(route).get("parameters", []) if one["in"] == "header"}
    assert ("X-Agent-Id" in sent) is not route.public
    assert ("Idempotency-Key" in sent) is (route.method == "POST" and route.view().is_repeatable())
    assert ("Consultation-Token" in sent) is (route.writes and route.view.consults)
    takes_token = "consultation_token" in body_schema(route).get("properties", {}) if route.takes_body else False
    assert takes_token or ({"If-Match", "Consultation-Token"} & sent) or "428" not in answers(route)
    assert "Retry-After" in answers(route)["429"]["headers"]
    assert all("X-Request-Id" in answer["headers"] for answer in answers(route).values())


def test_ids_that_an_answer_tells_are_linked_with_who_takes_them():
    links = described()["paths"]["/memory/context/store"]["post"]["responses"]["200"]["links"]
    assert links["context_get"]["parameters"] == {"entry_id": "$response.body#/entry_id"}
    linked = {name for route in ROUTES for name in good_answer(route).get("links", {})}
    taking = {
        operation(route)["operationId"] for route in ROUTES if route.path.count("{") == 1 and "_id}" in route.path
    }
    assert linked == taking


def test_the_committed_description_is_up_to_date(tmp_path: Any):
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(fresh))
    renew = "The API changed. Look at the difference, then: manage.py spectacular --file docs/openapi.yaml"
    assert SNAPSHOT.read_text() == fresh.read_text(), renew
