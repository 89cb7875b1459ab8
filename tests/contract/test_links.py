"""Every link in the description leads from an answer to something that exists."""

from __future__ import annotations

from typing import Any

import pytest

from memoryhub.openapi import good_answer
from tests.contract.calls import Call, Id
from tests.contract.described import operation
from tests.contract.recipes import RECIPES, Recipe
from tests.contract.routes import Route, api_routes
from tests.contract.world import World, undone

pytestmark = pytest.mark.django_db
BY_NAME = {operation(route)["operationId"]: route for route in api_routes()}
LINKED = [
    pytest.param(recipe, source, good_answer(operation(source))["links"], id=str(recipe))
    for source in api_routes()
    for recipe in RECIPES.get(str(source), [])
    if "links" in good_answer(operation(source))
]


def found_at(pointer: str, answer: Any) -> Any:
    """What a JSON pointer leads to; None where it leads nowhere."""
    for part in pointer.removeprefix("$response.body#/").split("/"):
        if isinstance(answer, list):
            answer = answer[int(part)] if int(part) < len(answer) else None
        else:
            answer = (answer or {}).get(part)
    return answer


@pytest.mark.parametrize(("recipe", "source", "links"), LINKED)
def test_what_an_answer_tells_is_there_to_be_asked_for(
    recipe: Recipe, source: Route, links: dict[str, Any], ours: World
):
    answer = ours.made(source.method, source.path, recipe.build(ours))
    for name, link in links.items():
        [(parameter, pointer)] = link["parameters"].items()
        told = found_at(pointer, answer)
        if told is not None:
            leads_somewhere(BY_NAME[name], parameter, told, ours)


def leads_somewhere(target: Route, parameter: str, told: str, world: World) -> None:
    """The answer is not the one that an id naming nothing gets."""
    known = RECIPES[str(target)][0].build(world)
    found, missing = (
        asked(target, Call(known.path | {parameter: one}, known.query, known.body, known.headers), world)
        for one in (told, Id(told).made_up())
    )
    assert found.status_code < 500
    assert found.status_code < 300 or found.json()["detail"] != missing.json()["detail"], f"{target}: {found.content!r}"


def asked(target: Route, call: Call, world: World) -> Any:
    with undone():
        return world.send(target.method, target.path, call)
