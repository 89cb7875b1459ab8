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


@recipe("POST context/retrieve", shows=True)
def retrieve_an_ephemeral_one(world: World) -> Call:
    return Call(body={"key": new_entry(world, layer="ephemeral")["key"]})


@recipe("GET context/{entry_id}", shows=True)
def get_an_ephemeral_one(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world, layer="ephemeral")})


@recipe("PATCH context/{entry_id}")
def change(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"value": {"now": world.text()}}, headers=CURRENT)


@recipe("PATCH context/{entry_id}")
def change_parent(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"parent_id": new_entry_id(world)}, headers=CURRENT)


@recipe("DELETE context/{entry_id}")
def delete(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, query={"reason": world.text()}, headers=CURRENT)


@recipe("PATCH context/{entry_id}")
def change_an_ephemeral_one(world: World) -> Call:
    entry_id = new_entry_id(world, layer="ephemeral")
    return Call(path={"entry_id": entry_id}, body={"value": {"now": world.text()}}, headers=CURRENT)


@recipe("DELETE context/{entry_id}")
def delete_an_ephemeral_one(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world, layer="ephemeral")})


@recipe("POST context/batch", foreign=Foreign.OWN)
def batch(world: World) -> Call:
    known = {"key": new_entry(world)["key"], "value": world.text()}
    return Call(body={"entries": [known, {"key": world.name("key"), "value": {"said": world.text()}}]})


@recipe("POST context/batch", foreign=Foreign.PER_ITEM)
def batch_below_a_parent(world: World) -> Call:
    parent = new_entry_id(world)
    return Call(body={"entries": [{"key": "child", "value": world.text(), "parent_id": parent}]})


def one_more_id(world: World, call: Call) -> Call:
    return Call(body={"ids": [*call.body["ids"], new_entry_id(world)]})


@recipe("POST context/batch-get", foreign=Foreign.PER_ITEM, shows=True, grows=one_more_id)
def batch_get_by_ids(world: World) -> Call:
    return Call(body={"ids": [new_entry_id(world), new_entry_id(world)]})


@recipe("POST context/batch-get", foreign=Foreign.PER_ITEM, shows=True)
def batch_get_by_keys(world: World) -> Call:
    return Call(body={"keys": [new_entry(world)["key"]], "scope": "tenant"})


def changed_entry(world: World) -> Id:
    entry_id = new_entry_id(world)
    change = Call(path={"entry_id": entry_id}, body={"value": {"then": world.text()}}, headers=CURRENT)
    world.made("PATCH", "context/{entry_id}", change)
    return entry_id


def one_more_version(world: World, call: Call) -> None:
    world.made("PATCH", "context/{entry_id}", Call(path=call.path, body={"value": 1}, headers={"If-Match": "*"}))


@recipe("GET context/{entry_id}/versions", shows=True, grows=one_more_version)
def versions(world: World) -> Call:
    return Call(path={"entry_id": changed_entry(world)}, query={"limit": 1})


@recipe("POST context/{entry_id}/restore")
def restore(world: World) -> Call:
    return Call(path={"entry_id": changed_entry(world)}, body={"version": 1, "reason": world.text()})


@recipe("POST context/{entry_id}/restore")
def restore_what_was_deleted(world: World) -> Call:
    entry_id = new_entry_id(world)
    world.made("DELETE", "context/{entry_id}", Call(path={"entry_id": entry_id}))
    return Call(path={"entry_id": entry_id}, body={})


def reasoned(world: World, **fields: Any) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"reason": world.text()} | fields)


@recipe("POST context/{entry_id}/archive")
def archive(world: World) -> Call:
    return reasoned(world)


@recipe("POST context/{entry_id}/unarchive")
def unarchive(world: World) -> Call:
    call = reasoned(world)
    world.made("POST", "context/{entry_id}/archive", call)
    return call


@recipe("POST context/{entry_id}/hold")
def hold(world: World) -> Call:
    return reasoned(world, on=True)


@recipe("POST context/{entry_id}/erase")
def erase(world: World) -> Call:
    return reasoned(world)


@recipe("POST context/{entry_id}/reinforce")
def reinforce(world: World) -> Call:
    return reasoned(world, reinforcement_factor=1.5)


def one_more_child(world: World, call: Call) -> None:
    new_entry(world, parent_id=call.path["entry_id"])


@recipe("GET context/{entry_id}/children", shows=True, grows=one_more_child)
def children(world: World) -> Call:
    parent = new_entry_id(world)
    for _ in range(2):
        new_entry(world, parent_id=parent)
    return Call(path={"entry_id": parent}, query={"limit": 1})


def shared_entry(world: World) -> Id:
    entry_id = new_entry_id(world, scope="agent")
    share = Call(path={"entry_id": entry_id}, body={"agents": [world.peer.agent], "note": world.text()})
    world.made("POST", "context/{entry_id}/grants", share)
    return entry_id


def one_more_grant(world: World, call: Call) -> None:
    share = {"agents": [world.another_agent()], "note": world.text()}
    world.made("POST", "context/{entry_id}/grants", Call(path=call.path, body=share))


@recipe("GET context/{entry_id}/grants", shows=True, grows=one_more_grant)
def grants(world: World) -> Call:
    return Call(path={"entry_id": shared_entry(world)})


@recipe("POST context/{entry_id}/grants")
def grant(world: World) -> Call:
    body = {"agents": [world.peer.agent], "can_write": True, "note": world.text()}
    return Call(path={"entry_id": new_entry_id(world, scope="agent")}, body=body)


@recipe("DELETE context/{entry_id}/grants/{agent_id}")
def revoke(world: World) -> Call:
    return Call(path={"entry_id": shared_entry(world), "agent_id": world.peer.agent})
