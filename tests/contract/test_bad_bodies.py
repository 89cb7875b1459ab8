"""Bodies that cannot be meant, sent to every address that takes one: refused with the field named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings

from tests.contract.answers import names, problem
from tests.contract.calls import Call
from tests.contract.described import body_schema, resolved
from tests.contract.recipes import RECIPES
from tests.contract.routes import Route, api_routes
from tests.contract.world import World, undone

pytestmark = pytest.mark.django_db
TAKING_BODIES = [pytest.param(route, id=str(route)) for route in api_routes() if route.takes_body]
JSON = "application/json"
OTHER_TYPES = ("text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
#: Values of other JSON types than the one that is described.
OTHER_JSON = {
    "array": ('"text"', '{"0": "text"}', "1"),
    "object": ('"text"', "[]", "1"),
    "string": ('{"wrong": "type"}', "[]", "5", "true"),
    "integer": ('{"wrong": "type"}', "[]", '"5"', "1.5", "true"),
    "number": ('{"wrong": "type"}', "[]", '"0.5"', "true"),
    "boolean": ('{"wrong": "type"}', "[]", '"true"', "1"),
}
DEEP = "[" * 2000 + "]" * 2000
#: What stands in a field, and the field that the answer may name instead of it.
POISON = {
    "NUL": (r'"a\u0000b"', ()),
    "lone surrogate": (r'"\ud800"', ()),
    "surrogate in a key": (r'{"\udfff": 1}', ("body",)),
    "NaN": ("NaN", ("body",)),
    "infinity": ("-Infinity", ("body",)),
    "a number beyond floats": ("1e999", ("body",)),
    "4,000 digits": ("9" * 4000, ("body",)),
    "2,000 levels": (DEEP, ("body",)),
    "a key twice": ('{"twice": 1, "twice": 2}', ("twice",)),
}


class Door:
    """An address with a request that it takes, to be spoiled."""

    def __init__(self, route: Route, world: World) -> None:
        self.route, self.world = route, world
        self.call: Call = RECIPES[str(route)][0].build(world)
        self.body: dict[str, Any] = self.call.body or {}

    def send(self, text: Any, content_type: str = JSON) -> Any:
        address = self.call.address(self.route.path)
        with undone():
            return self.world.client.generic(
                self.route.method, address, text, content_type=content_type, headers=self.call.headers
            )

    def refuses(self, text: str, field: str, *instead: str) -> None:
        found = problem(self.send(text), 400, f"{self.route} with {text[:200]}")
        assert any(names(found, one) for one in (field, *instead)), f"{self.route} names {found['errors']}, not {field}"


@pytest.fixture
def door(request: Any, ours: World) -> Door:
    return Door(request.param, ours)


every_door = pytest.mark.parametrize("door", TAKING_BODIES, indirect=True)


def with_raw(body: dict[str, Any], field: str, raw: str) -> str:
    """The body as JSON text in which ``field`` is ``raw``."""
    rest = "".join(f"{json.dumps(name)}: {json.dumps(value)}, " for name, value in body.items() if name != field)
    return f"{{{rest}{json.dumps(field)}: {raw}}}"


@every_door
def test_values_that_cannot_be_kept_are_refused(door: Door):
    for raw, instead in POISON.values():
        for field in [*door.body, "extra"]:
            door.refuses(with_raw(door.body, field, raw), field, *instead)


@every_door
def test_fields_that_are_unknown_or_not_for_callers_are_refused(door: Door):
    for field in ("colour", "sync_version", "created_at", "id"):
        if field not in body_schema(door.route).get("properties", {}):
            door.refuses(with_raw(door.body, field, "1"), field)


@every_door
def test_a_field_may_stand_only_once(door: Door):
    text = json.dumps(door.body or {"extra": 1})
    first = next(iter(door.body or {"extra": 1}))
    door.refuses(f"{text[:-1]}, {json.dumps(first)}: null}}", first)


@every_door
def test_bodies_that_are_no_objects_are_refused(door: Door):
    for text in ("[]", '"text"', "17", "true", "{", '{"a": 1} trailing', "{'a': 1}"):
        found = problem(door.send(text), 400, f"{door.route} with {text}")
        assert found["errors"], text


@every_door
def test_fields_of_another_type_are_refused(door: Door):
    for field, schema in body_schema(door.route).get("properties", {}).items():
        for wrong in OTHER_JSON.get(kind(schema), ()):
            door.refuses(with_raw(door.body, field, wrong), field)


@every_door
def test_a_wrong_choice_is_told_which_there_are(door: Door):
    for field, schema in body_schema(door.route).get("properties", {}).items():
        choices = [one for one in flat(schema).get("enum", []) if one]
        if choices:
            text = with_raw(door.body, field, '"no such choice"')
            found = problem(door.send(text), 400, f"{door.route} {field}")
            told = " ".join(error["message"] for error in found["errors"] if error["field"] == field)
            assert all(str(one) in told for one in choices), f"{door.route} {field}: {told}"


def flat(schema: dict[str, Any]) -> dict[str, Any]:
    """The one description behind references and wrappers."""
    found = resolved(schema)
    inner = [resolved(one) for one in found.get("allOf", found.get("oneOf", []))]
    return next((one for one in inner if one.get("enum") not in (None, [""], [None])), found)


def kind(schema: dict[str, Any]) -> str:
    """Its JSON type; empty for what may be anything."""
    found = flat(schema)
    of = found.get("type", "string" if "enum" in found else "")
    return str(of if isinstance(of, str) else next(one for one in of if one != "null"))


@every_door
def test_other_content_types_are_415(door: Door):
    text = json.dumps(door.body)
    for content_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
    ):
        found = problem(door.send(text, content_type), 415, f"{door.route} as {content_type}")
        assert JSON in found["detail"]


@every_door
def test_bodies_over_the_limit_are_413(door: Door):
    huge = json.dumps("x" * settings.CONFIG.limits.body_kb * 1024)
    problem(door.send(with_raw(door.body, "extra", huge)), 413, str(door.route))


@every_door
def test_bodies_that_are_not_utf_8_are_refused(door: Door):
    problem(door.send(b'{"extra": "\xff"}'), 400, str(door.route))
