"""Lists cost the same number of statements however many rows they show."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memoryhub.openapi import good_answer
from tests.contract.calls import Call
from tests.contract.described import operation, resolved
from tests.contract.recipes import RECIPES, Recipe
from tests.contract.routes import Route, api_routes
from tests.contract.world import World

pytestmark = pytest.mark.django_db
MORE = 20
GROWING = [
    pytest.param(route, recipe, id=str(recipe))
    for route in api_routes()
    for recipe in RECIPES.get(str(route), [])
    if recipe.grows
]


ROWS = ("results", "grants", "memories")


def statements(route: Route, call: Call, world: World) -> tuple[int, int]:
    """How many an answer takes, and how many rows it shows."""
    with CaptureQueriesContext(connection) as captured:
        answer = world.made(route.method, route.path, call)
    return len(captured), len(next(answer[name] for name in ROWS if name in answer))


def wide(call: Call) -> Call:
    """The same request for as many rows as there are."""
    return Call(call.path, call.query | ({"limit": 100} if "limit" in call.query else {}), call.body, call.headers)


@pytest.mark.parametrize(("route", "recipe"), GROWING)
def test_a_longer_list_takes_no_more_statements(route: Route, recipe: Recipe, ours: World):
    assert recipe.grows
    call = wide(recipe.build(ours))
    statements(route, call, ours)  # the first request of a process reads what the following remember
    few, short = statements(route, call, ours)
    for _ in range(MORE):
        call = recipe.grows(ours, call) or call
    many, long = statements(route, call, ours)
    assert long >= short + MORE, "the recipe's list does not show what was added"
    assert many == few


def test_every_list_is_among_them():
    lists = {str(route) for route in api_routes() if route.method == "GET" and is_list(route)}
    assert lists <= {str(recipe.values[0]) for recipe in GROWING}


def is_list(route: Route) -> bool:
    content = good_answer(operation(route))["content"]
    members = resolved(content["application/json"]["schema"]).get("properties", {})
    return any(members.get(name, {}).get("type") == "array" for name in ROWS)
