"""One tenant asks every address of the API for what is another's, with each id and with all of them at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import MakeClient, role
from tests.contract.calls import Call, Id, Place
from tests.contract.described import described_fields
from tests.contract.recipes import RECIPES, Foreign, Recipe
from tests.contract.routes import Route, api_routes
from tests.contract.world import World, rows_of, undone, world_of

pytestmark = pytest.mark.django_db
#: Row-level security lets this role see every tenant: the first wall has to hold alone.
WITHOUT_SECOND_WALL = "memoryhub_system"
VOLATILE = re.compile(r'"request_id":"[^"]*"|"[a-z_]*(?:_at|_ms|time)":"?[^",}]*"?')


def cases() -> list[Any]:
    none: list[Recipe | None] = [None]
    return [
        pytest.param(route, one, id=f"{route} {one.build.__name__ if one else ''}")
        for route in api_routes()
        for one in RECIPES.get(str(route)) or none
    ]


@pytest.fixture
def ours(api: MakeClient) -> World:
    return world_of("ours", api)


@pytest.fixture
def theirs(api: MakeClient) -> World:
    return world_of("theirs", api)


def test_every_recipe_is_for_an_address_that_exists():
    assert set(RECIPES) <= {str(route) for route in api_routes()}


@pytest.mark.parametrize(("route", "recipe"), cases())
def test_another_tenant_is_told_that_nothing_is_there(route: Route, recipe: Recipe | None, ours: World, theirs: World):
    assert recipe, f"{route} has no recipe in tests/contract/recipes: nobody knows whether tenants are separated there"
    call = recipe.build(ours)
    own = recipe.build(theirs)
    succeeds(route, recipe, ours, call)
    succeeds(route, recipe, theirs, own)
    for swapped in swaps(call, own, ours, theirs):
        refused(route, recipe, swapped, ours, theirs)
    page_of_another_tenant(route, ours, theirs, call)
    foreign_tenant_field(route, ours, theirs, own)
    succeeds(route, recipe, ours, call)


def succeeds(route: Route, recipe: Recipe, world: World, call: Call) -> None:
    with undone():
        answer = world.send(route.method, route.path, call)
        text = answer.content.decode()
    assert 200 <= answer.status_code < 300, f"the owner itself gets {answer.status_code}: {text}"
    assert not recipe.shows or world.marker in text, f"the owner's answer lacks what it stored: {text}"


def swaps(call: Call, own: Call, ours: World, theirs: World) -> Iterator[Call]:
    """The owner's request with all its ids, then the other tenant's own one with one foreign id at a time."""
    yield call.mapped(lambda place, text: text if isinstance(text, Id) else text.replace(ours.marker, theirs.marker))
    foreign = call.ids()
    assert foreign.keys() == own.ids().keys(), "a recipe asks the same of every tenant"
    if len(foreign) > 1:
        for place, one in foreign.items():
            yield own.with_ids({place: one})


def refused(route: Route, recipe: Recipe, swapped: Call, ours: World, theirs: World) -> None:
    with undone():
        before = rows_of(ours.tenant)
        answer = theirs.send(route.method, route.path, swapped)
        after = rows_of(ours.tenant)
    changed = [table for table in before if before[table] != after[table]]
    assert not changed, f"{route} by another tenant changed {changed}"
    told_nothing(recipe, swapped, answer, ours)
    same_as_for_nothing(route, swapped, foreign_places(swapped, ours), answer, theirs)
    with undone(), role(WITHOUT_SECOND_WALL):
        again = theirs.send(route.method, route.path, swapped)
    told_nothing(recipe, swapped, again, ours)


def told_nothing(recipe: Recipe, swapped: Call, answer: Any, ours: World) -> None:
    text = answer.content.decode()
    leaks_nothing(text, swapped, ours)
    if recipe.foreign is Foreign.REFUSED and foreign_places(swapped, ours):
        assert answer.status_code == 404, text
    elif recipe.foreign is not Foreign.OWN:
        assert answer.status_code == 200, text


def foreign_places(call: Call, ours: World) -> dict[Place, Id]:
    return {place: one for place, one in call.ids().items() if str(one) in ours.ids}


def leaks_nothing(text: str, asked: Call, ours: World) -> None:
    assert ours.marker not in text, f"another tenant's text is in the answer: {text}"
    told = [one for one in ours.ids if one in text and one not in str(asked)]
    assert not told, f"another tenant's ids are in the answer: {told}"


def same_as_for_nothing(route: Route, swapped: Call, real: dict[Place, Id], answer: Any, theirs: World) -> None:
    """An id of another tenant and one that names nothing get the same answer."""
    invented = {place: one.made_up() for place, one in real.items()}
    with undone():
        other = theirs.send(route.method, route.path, swapped.with_ids(invented))
    assert answer.status_code == other.status_code
    if answer.status_code >= 400:
        assert plain(answer, real) == plain(other, invented)


def plain(answer: Any, ids: dict[Place, Id]) -> str:
    text = VOLATILE.sub("", answer.content.decode())
    for one in ids.values():
        text = text.replace(one, "…")
    return text


def page_of_another_tenant(route: Route, ours: World, theirs: World, call: Call) -> None:
    """The address of the owner's next page holds nothing for another tenant."""
    with undone():
        answer = ours.send(route.method, route.path, call).json()
        address = answer.get("next") if isinstance(answer, dict) else None
        # the change feed's is a number
        if not isinstance(address, str) or route.method != "GET":
            return
        more = ours.client.get(address).content.decode()
        assert any(one in more for one in ours.ids), f"the owner's next page is empty: {more}"
        stolen = theirs.client.get(address)
    assert stolen.status_code in (200, 400, 404)
    leaks_nothing(stolen.content.decode(), call, ours)


def foreign_tenant_field(route: Route, ours: World, theirs: World, own: Call) -> None:
    """Where a tenant may be named, another one's is refused, whether or not it exists."""
    for part in ("body", "query"):
        if naming(part, own, theirs.tenant, route, theirs).status_code < 300:
            real = naming(part, own, ours.tenant, route, theirs)
            invented = naming(part, own, "no-such-tenant", route, theirs)
            leaks_nothing(real.content.decode(), own, ours)
            assert real.status_code == invented.status_code
            assert not is_read(part, route) or real.json()["code"] == "tenant_mismatch"


def is_read(part: str, route: Route) -> bool:
    """Whether the field stands there in the address's own description."""
    return "tenant_id" in described_fields(route, part)


def naming(part: str, call: Call, tenant: str, route: Route, caller: World) -> Any:
    named = replace(call, **{part: (getattr(call, part) or {}) | {"tenant_id": tenant}})
    with undone():
        return caller.send(route.method, route.path, named)
