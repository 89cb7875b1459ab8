"""Replicas and the change feed."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from tests.agents_app.feeds import relay
from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.recipes.context import new_entry, new_entry_id
from tests.contract.world import World


def new_replica(world: World) -> Id:
    made = world.post("agents/replicas", agent_id=world.agent, name=world.text())
    return world.known(made["replica_id"])


def one_more_replica(world: World, call: Call) -> None:
    new_replica(world)


@recipe("POST agents/replicas", foreign=Foreign.OWN)
def register(world: World) -> Call:
    return Call(body={"agent_id": world.agent, "name": world.text()})


@recipe("GET agents/replicas", foreign=Foreign.EMPTY, shows=True, grows=one_more_replica)
def registered(world: World) -> Call:
    new_replica(world)
    new_replica(world)
    return Call(query={"limit": 1, "agent_id": world.agent})


def fed(world: World) -> None:
    new_entry_id(world, scope="agent")
    relay()


@recipe("GET agents/{agent_id}/changes", foreign=Foreign.EMPTY, shows=True)
def changes(world: World) -> Call:
    fed(world)
    return Call(path={"agent_id": world.agent})


@recipe("GET agents/{agent_id}/changes")
def changes_of_a_replica(world: World) -> Call:
    fed(world)
    return Call(path={"agent_id": world.agent}, query={"replica_id": new_replica(world)})


def edit(world: World, **fields: Any) -> dict[str, Any]:
    made = {"change_id": str(uuid4()), "op": "put", "key": world.name("key"), "value": {"said": world.text()}}
    return made | fields


@recipe("POST agents/{agent_id}/push", foreign=Foreign.OWN)
def push_new(world: World) -> Call:
    body = {"replica_id": new_replica(world), "changes": [edit(world, entry_id=str(uuid4())), edit(world)]}
    return Call(path={"agent_id": world.agent}, body=body)


@recipe("POST agents/{agent_id}/push", foreign=Foreign.OWN)
def push_changed(world: World) -> Call:
    entry = new_entry(world, scope="agent")
    changed = edit(world, key=entry["key"], entry_id=entry["entry_id"], base_version=1)
    return Call(path={"agent_id": world.agent}, body={"replica_id": new_replica(world), "changes": [changed]})
