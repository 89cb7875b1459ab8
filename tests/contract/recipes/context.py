"""Entries by key and by id."""

from __future__ import annotations

from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World

CURRENT = {"If-Match": '"1"'}


def new_entry(world: World, **fields: Any) -> dict[str, Id]:
    """``key`` and ``entry_id`` of a stored one."""
    key = world.name("key")
    stored = world.post(
        "context/store", **{"key": key, "value": {"said": world.text()}, "metadata": {"note": world.text()}} | fields
    )
    return {"key": key, "entry_id": world.known(stored["entry_id"])}


def new_entry_id(world: World, **fields: Any) -> Id:
    return new_entry(world, **fields)["entry_id"]


@recipe("POST context/store", foreign=Foreign.OWN)
def store(world: World) -> Call:
    return Call(body={"key": world.name("key"), "value": {"said": world.text()}, "tags": [world.text("tag")]})


@recipe("POST context/store", foreign=Foreign.OWN)
def store_again(world: World) -> Call:
    return Call(body={"key": new_entry(world)["key"], "value": {"said": world.text()}})


@recipe("POST context/store", foreign=Foreign.OWN)
def store_for_a_user(world: World) -> Call:
    key = new_entry(world, scope="user", user_id=world.user)["key"]
    return Call(body={"key": key, "value": [world.text()], "scope": "user", "user_id": world.user})


@recipe("POST context/store")
def store_below_a_parent(world: World) -> Call:
    return Call(body={"key": "child", "value": world.text(), "parent_id": new_entry_id(world)})


@recipe("POST context/retrieve", shows=True)
def retrieve(world: World) -> Call:
    return Call(body={"key": new_entry(world)["key"]})


@recipe("POST context/retrieve", shows=True)
def retrieve_of_a_user(world: World) -> Call:
    key = new_entry(world, scope="user", user_id=world.user)["key"]
    return Call(body={"key": key, "user_id": world.user})


@recipe("POST context/retrieve", shows=True)
def retrieve_of_an_agent(world: World) -> Call:
    key = new_entry(world, scope="agent")["key"]
    return Call(body={"key": key, "scope": "agent", "agent_id": world.agent})


@recipe("GET context/{entry_id}", shows=True)
def get(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)})


@recipe("GET context/{entry_id}", shows=True)
def get_of_a_session(world: World) -> Call:
    entry = new_entry_id(world, scope="session", session_id="talk", layer="session")
    return Call(path={"entry_id": entry}, query={"session_id": "talk"})


@recipe("PATCH context/{entry_id}")
def change(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"value": {"now": world.text()}}, headers=CURRENT)


@recipe("PATCH context/{entry_id}")
def change_parent(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"parent_id": new_entry_id(world)}, headers=CURRENT)
