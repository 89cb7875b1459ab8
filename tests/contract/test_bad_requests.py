"""Wrong methods, keys, permissions, addresses, query strings and headers, at every address."""

from __future__ import annotations

from typing import Any

import pytest

from memoryhub.access.principals import ALL_PERMISSIONS
from tests.conftest import HubClient, MakeClient
from tests.contract.answers import names, problem
from tests.contract.calls import Call
from tests.contract.described import operation
from tests.contract.recipes import RECIPES
from tests.contract.routes import METHODS, Route, api_routes
from tests.contract.world import World, rows_of, send, undone

pytestmark = pytest.mark.django_db
ROUTES = api_routes()
PATHS = sorted({route.path for route in ROUTES})


def every(routes: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", [pytest.param(one, id=str(one)) for one in routes])


def good(route: Route, world: World) -> Call:
    return RECIPES[str(route)][0].build(world)


def with_header(call: Call, name: str, value: str | None) -> Call:
    kept = {key: old for key, old in call.headers.items() if key != name}
    return Call(call.path, call.query, call.body, kept if value is None else kept | {name: value})


def ask(client: HubClient, route: Route, call: Call) -> Any:
    with undone():
        return send(client, route.method, route.path, call)


@pytest.mark.parametrize("path", PATHS)
def test_other_methods_are_405_and_the_answer_says_which_are_allowed(ours: World, path: str):
    routes = {route.method: route for route in ROUTES if route.path == path}
    call = good(next(iter(routes.values())), ours)
    for method in {*METHODS, "OPTIONS", "TRACE"} - set(routes):
        answer = ours.client.generic(method, call.address(path))
        problem(answer, 405, f"{method} {path}")
        assert set(answer["Allow"].split(", ")) - {"HEAD"} == set(routes)


@every(ROUTES)
def test_without_a_valid_key_everybody_gets_the_same_401(ours: World, make_key: Any, route: Route):
    call = good(route, ours)
    key = make_key(tenant="ours")
    changed = key[:-1] + ("1" if key.endswith("0") else "0")
    broken = [changed, f"{key}x", f"{key} x", "mh_", "\u00e9", "", " "]
    headers = [*(f"Bearer {text}" for text in broken), "Bearer", "Basic YTpi"]
    wrong = [HubClient(HTTP_AUTHORIZATION=text) for text in headers]
    if not route.public:
        wrong += [HubClient(), HubClient(QUERY_STRING=f"key={key}")]
    answers = [ask(client, route, call) for client in wrong]
    bodies = [problem(answer, 401, f"{route} {number}") | {"request_id": ""} for number, answer in enumerate(answers)]
    assert all(body == bodies[0] for body in bodies)
    assert all(answer["WWW-Authenticate"].startswith("Bearer") for answer in answers)


#: What was given to one key is of no use to another one.
BOUND_TO_THE_KEY = {"POST operations/finish"}
#: Beginning tells what memory holds.
NEEDED_TOO = {"POST operations/begin": {"read"}}
MAKES_WHAT_IT_NAMES = {"PUT operations/rules/{kind}"}


@every(route for route in ROUTES if not route.public)
def test_a_key_needs_the_permission(ours: World, api: MakeClient, route: Route):
    call = good(route, ours)
    lacking = api(tenant="ours", agent=ours.agent, scopes=ALL_PERMISSIONS - {route.permission})
    before = rows_of(ours.tenant)
    found = problem(ask(lacking, route, call), 403, route)
    assert found["code"] == "permission_missing"
    assert f"'{route.permission}'" in found["detail"]
    assert rows_of(ours.tenant) == before
    if str(route) in BOUND_TO_THE_KEY:
        return
    enough = api(tenant="ours", agent=ours.agent, scopes={route.permission} | NEEDED_TOO.get(str(route), set()))
    assert ask(enough, route, call).status_code < 300, f"{route} needs more than '{route.permission}'"


@every(route for route in ROUTES if "{" in route.path and str(route) not in MAKES_WHAT_IT_NAMES)
def test_ids_of_no_form_are_404(ours: World, route: Route):
    call = good(route, ours)
    for name in call.path:
        for text in ("no-such-thing", "0", "00000000-0000-0000-0000-000000000000", "%00", "a%0Ab", "\U0001f600"):
            spoiled = Call(call.path | {name: text}, call.query, call.body, call.headers)
            assert problem(ask(ours.client, route, spoiled), 404, f"{route} {text!r}")


@every(route for route in ROUTES if not route.takes_body and not route.public)
def test_unknown_query_parameters_are_refused(ours: World, route: Route):
    call = good(route, ours)
    spoiled = Call(call.path, call.query | {"colour": "blue"}, call.body, call.headers)
    assert names(problem(ask(ours.client, route, spoiled), 400, route), "colour")


def query_parameters(route: Route) -> list[dict[str, Any]]:
    return [one for one in operation(route).get("parameters", []) if one["in"] == "query"]


@every(route for route in ROUTES if query_parameters(route))
def test_query_parameters_of_another_type_are_refused(ours: World, route: Route):
    call = good(route, ours)
    for one in query_parameters(route):
        schema = one["schema"]
        for wrong in wrong_values(schema):
            spoiled = Call(call.path, call.query | {one["name"]: wrong}, call.body, call.headers)
            found = problem(ask(ours.client, route, spoiled), 400, f"{route}?{one['name']}={wrong}")
            assert names(found, one["name"]), found


def wrong_values(schema: dict[str, Any]) -> list[str]:
    by_type = {"integer": ["many", "1.5", "-1", "9" * 30], "number": ["many", "NaN"], "boolean": ["perhaps"]}
    wrong = by_type.get(str(schema.get("type")), ["a\x00b"])
    if "maximum" in schema and schema.get("type") == "integer":
        wrong = [*wrong, str(schema["maximum"] + 1)]
    return [*wrong, "no such choice"] if "enum" in schema else wrong


@every(ROUTES)
def test_names_of_agents_are_checked(ours: World, api: MakeClient, route: Route):
    if route.public:
        return
    client = api(tenant="ours", scopes=ALL_PERMISSIONS)
    call = good(route, ours)
    for text in ("", "a b", "x" * 201):
        found = problem(ask(client, route, with_header(call, "X-Agent-Id", text)), 400, f"{route} as {text!r}")
        assert names(found, "X-Agent-Id")


def needs_a_version(route: Route) -> bool:
    return "If-Match" in operation(route)["responses"].get("428", {}).get("description", "")


@every(route for route in ROUTES if needs_a_version(route) and "412" in operation(route)["responses"])
def test_the_version_seen_is_needed_and_must_be_current(ours: World, route: Route):
    call = good(route, ours)
    for text, status in ((None, 428), ('"99"', 412), ('W/"1"', 412), ("1", 400), ('"one"', 400), ("", 400)):
        problem(ask(ours.client, route, with_header(call, "If-Match", text)), status, f"{route} If-Match: {text}")


@every(route for route in ROUTES if route.method == "POST" and route.view().is_repeatable())
def test_a_repeated_post_is_carried_out_once(ours: World, route: Route):
    call = with_header(good(route, ours), "Idempotency-Key", "once")
    first = ours.send(route.method, route.path, call)
    assert first.status_code < 300, first.content
    before = rows_of(ours.tenant)
    again = ours.send(route.method, route.path, call)
    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    assert again.json() == first.json() or again.json()["already_done"]
    assert rows_of(ours.tenant) == before
    other = Call(call.path, call.query, (call.body or {}) | {"colour": 1}, call.headers)
    problem(ask(ours.client, route, other), 422, route)
    for text in ("", "a b", "x" * 256):
        found = problem(ask(ours.client, route, with_header(call, "Idempotency-Key", text)), 400, f"{route} {text!r}")
        assert names(found, "Idempotency-Key")


def test_addresses_that_do_not_exist_are_404(ours: World):
    for path in ("nowhere", "", "context", "session/", "context/store/", "Context/store", "../etc/passwd", "%00"):
        for method in METHODS:
            problem(ours.client.generic(method, f"/memory/{path}"), 404, path)
