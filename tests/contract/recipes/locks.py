"""Locks of entries."""

from __future__ import annotations

from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.recipes.context import new_entry_id
from tests.contract.world import World


def locked(world: World, **fields: Any) -> Id:
    entry_id = new_entry_id(world)
    order = Call(path={"entry_id": entry_id}, body={"reason": world.text()} | fields)
    world.made("POST", "context/{entry_id}/lock", order)
    return entry_id


def one_more_lock(world: World, call: Call) -> None:
    locked(world)


@recipe("POST context/{entry_id}/lock")
def lock(world: World) -> Call:
    body = {"seconds": 60, "wait": True, "reason": world.text()}
    return Call(path={"entry_id": new_entry_id(world)}, body=body)


@recipe("POST context/{entry_id}/lock")
def lock_for_minutes(world: World) -> Call:
    return Call(path={"entry_id": new_entry_id(world)}, body={"lock_duration_minutes": 5})


@recipe("POST context/{entry_id}/lock")
def queue_for_a_lock(world: World) -> Call:
    return Call(path={"entry_id": locked(world.peer)}, body={"wait": True})


@recipe("GET context/{entry_id}/lock", shows=True)
def lock_state(world: World) -> Call:
    return Call(path={"entry_id": locked(world)})


@recipe("POST context/{entry_id}/lock/renew")
def renew(world: World) -> Call:
    return Call(path={"entry_id": locked(world)}, body={"seconds": 60}, headers={"Lock-Fence": "1"})


@recipe("DELETE context/{entry_id}/lock")
def unlock(world: World) -> Call:
    return Call(path={"entry_id": locked(world)}, headers={"Lock-Fence": "1"})


@recipe("POST context/{entry_id}/lock/force-release")
def take_away(world: World) -> Call:
    return Call(path={"entry_id": locked(world)}, body={"reason": world.text()})


@recipe("GET locks", shows=True, foreign=Foreign.EMPTY, grows=one_more_lock)
def locks(world: World) -> Call:
    for _ in range(2):
        locked(world)
    return Call(query={"limit": 1})
