"""Lists cost the same number of statements however many rows they show, and what agents ask most takes few."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from memoryhub.access import remembered
from memoryhub.openapi import good_answer
from tests.contract.calls import Call
from tests.contract.described import operation, resolved
from tests.contract.recipes import RECIPES, Recipe
from tests.contract.recipes.runs import STEP, new_run
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


@pytest.fixture(autouse=True)
def nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine what a process remembers for some seconds would be read again in the middle."""
    monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=lambda: 1.0))


def statements(route: Route, call: Call, world: World) -> tuple[int, int]:
    """How many an answer takes, once what may be remembered is, and how many rows it shows."""
    counts = []
    for _ in range(2):
        with CaptureQueriesContext(connection) as captured:
            answer = world.made(route.method, route.path, call)
        counts.append(len(captured))
    return min(counts), len(next(answer[name] for name in ROWS if name in answer))


def wide(call: Call) -> Call:
    """The same request for as many rows as there are."""
    return Call(call.path, call.query | ({"limit": 100} if "limit" in call.query else {}), call.body, call.headers)


@pytest.mark.parametrize(("route", "recipe"), GROWING)
def test_a_longer_list_takes_no_more_statements(route: Route, recipe: Recipe, ours: World):
    assert recipe.grows
    call = wide(recipe.build(ours))
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


# -- what agents ask most ------------------------------------------------------------------------------

#: Statements of one request, those of the test's savepoints and of putting the walls back among them. Lower a limit
#: that is not reached any more; a higher one needs a reason.
LIMITS = {
    "begin": 9,
    "finish": 8,
    "guidance": 8,
    "record work": 6,
    "match": 17,
    "capture an error": 8,
    "capture knowledge": 10,
    "next": 6,
    "complete": 6,
}


def test_what_agents_ask_most_takes_few_statements(ours: World):
    taken: dict[str, int] = {}
    for _ in range(2):  # the first requests of a process read what the following remember
        for name, call in asked_most(ours):
            with CaptureQueriesContext(connection) as captured:
                call()
            taken[name] = min(len(captured), taken.get(name, len(captured)))
    assert {name: count for name, count in taken.items() if count > LIMITS[name]} == {}


def asked_most(world: World) -> Iterator[tuple[str, Callable[[], Any]]]:
    """In the order in which an agent asks them."""
    known = f"TimeoutError: {world.marker} gave up after 30 s"
    token = world.post("operations/begin", task="Deploy the backend", kind="deployment")["consultation_token"]
    world.post("errors", message=known)
    world.post("errors", message=known)
    yield (
        "begin",
        lambda: world.post("operations/begin", task="Deploy the backend", kind="deployment", context={"n": 1}),
    )
    yield "finish", lambda: world.post("operations/finish", consultation_token=token, success=True, result={"n": 1})
    yield "guidance", lambda: world.post("guidance", task="Deploy the backend", kind="deployment")
    yield "record work", lambda: world.post("work-history", action="Deploy the backend", kind="deployment")
    yield "match", lambda: world.post("knowledge/match", message=known)
    yield "capture an error", lambda: world.post("errors", message=known)
    yield "capture knowledge", lambda: world.post("knowledge", title=world.name("note"), content={"text": "It works."})
    run = new_run(world)
    yield "next", lambda: world.post(f"runs/{run}/next")
    lease = world.post(f"runs/{run}/next")["lease"]["token"]
    done = {"lease": lease, "evidence": {"seen": "yes"}}
    yield "complete", lambda: world.post(f"runs/{run}/steps/{STEP}/complete", **done)
