"""Relationships of entries."""

from __future__ import annotations

from tests.contract.calls import Call, Id
from tests.contract.recipes import recipe
from tests.contract.recipes.context import new_entry_id
from tests.contract.world import World


def linked(world: World, source: Id | None = None) -> tuple[Id, Id]:
    """An entry with a link to a new one, and the link."""
    source = source or new_entry_id(world)
    body = {"target_id": new_entry_id(world), "relationship_type": world.text("supports")}
    made = world.made("POST", "context/{entry_id}/relationships", Call(path={"entry_id": source}, body=body))
    return source, world.known(made["relationship_id"])


def one_more_link(world: World, call: Call) -> None:
    linked(world, Id(call.path["entry_id"]))


@recipe("POST context/{entry_id}/relationships")
def relate(world: World) -> Call:
    body = {"target_id": new_entry_id(world), "relationship_type": world.text("supports"), "strength": 0.5}
    return Call(path={"entry_id": new_entry_id(world)}, body=body)


@recipe("GET context/{entry_id}/relationships", shows=True, grows=one_more_link)
def links(world: World) -> Call:
    source, _ = linked(world)
    linked(world, source)
    return Call(path={"entry_id": source}, query={"limit": 1})


@recipe("DELETE context/{entry_id}/relationships/{relationship_id}")
def unrelate(world: World) -> Call:
    source, link = linked(world)
    return Call(path={"entry_id": source, "relationship_id": link})


@recipe("GET context/{entry_id}/related", shows=True, grows=one_more_link)
def related(world: World) -> Call:
    return Call(path={"entry_id": linked(world)[0]}, query={"depth": 2})
