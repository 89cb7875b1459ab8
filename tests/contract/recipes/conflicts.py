"""Conflicts: submitted, previewed, decided, undone."""

from __future__ import annotations

from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.recipes.context import new_entry_id
from tests.contract.world import World


def moved_entry(world: World) -> Id:
    """An entry at version 2."""
    entry_id = new_entry_id(world)
    order = Call(path={"entry_id": entry_id}, body={"value": world.text()}, headers={"If-Match": '"1"'})
    world.made("PATCH", "context/{entry_id}", order)
    return entry_id


def stale(world: World, strategy: str, entry_id: Id | None = None) -> dict[str, Any]:
    made = {"entry_id": entry_id or moved_entry(world), "base_version": 1, "value": world.text("other")}
    return made | {"strategy": strategy, "reason": world.text()}


def new_conflict(world: World, strategy: str = "manual_review") -> Id:
    return world.known(world.post("agents/conflicts", **stale(world, strategy))["conflict_id"])


def one_more_conflict(world: World, call: Call) -> None:
    new_conflict(world)


def about(world: World, **body: Any) -> Call:
    return Call(path={"conflict_id": new_conflict(world)}, body=body)


@recipe("POST agents/conflicts")
def submit(world: World) -> Call:
    return Call(body=stale(world, "manual_review"))


@recipe("POST agents/conflicts")
def submit_to_a_strategy(world: World) -> Call:
    attributes = {"importance": 0.7, "tags": [world.text()], "metadata": {"note": world.text()}}
    return Call(body=stale(world, "latest_wins") | {"attributes": attributes, "written_at": "2026-01-01T00:00:00Z"})


@recipe("POST agents/conflicts", foreign=Foreign.OWN)
def submit_by_key(world: World) -> Call:
    return Call(body={"key": world.name("k"), "scope": "tenant", "base_version": None, "value": world.text()})


@recipe("POST agents/conflicts")
def submit_a_deletion(world: World) -> Call:
    return Call(body={"entry_id": moved_entry(world), "base_version": 1, "deletes": True, "strategy": "manual_review"})


@recipe("GET agents/conflicts", foreign=Foreign.EMPTY, grows=one_more_conflict)
def conflicts(world: World) -> Call:
    new_conflict(world)
    new_conflict(world)
    return Call(query={"limit": 1, "status": "open", "assignee": "nobody", "older_than": "2100-01-01T00:00:00Z"})


@recipe("GET agents/conflicts/{conflict_id}", shows=True)
def conflict(world: World) -> Call:
    return Call(path={"conflict_id": new_conflict(world)})


@recipe("GET agents/conflicts/{conflict_id}", shows=True)
def decided_conflict(world: World) -> Call:
    return Call(path={"conflict_id": new_conflict(world, "latest_wins")})


@recipe("POST agents/conflicts/{conflict_id}/preview", shows=True)
def preview(world: World) -> Call:
    return about(world, strategy="merge_content", choices={"": "candidate:1"})


@recipe("POST agents/conflicts/{conflict_id}/resolve")
def resolve_by_strategy(world: World) -> Call:
    return about(world, conflict_version=1, entry_version=2, strategy="latest_wins", reason=world.text())


@recipe("POST agents/conflicts/{conflict_id}/resolve")
def resolve(world: World) -> Call:
    return about(world, conflict_version=1, entry_version=2, choices={"": {"value": world.text()}}, reason=world.text())


@recipe("POST agents/conflicts/{conflict_id}/dismiss")
def dismiss(world: World) -> Call:
    return about(world, conflict_version=1, reason=world.text())


@recipe("POST agents/conflicts/{conflict_id}/undo")
def undo(world: World) -> Call:
    return Call(path={"conflict_id": new_conflict(world, "latest_wins")}, body={"reason": world.text(), "reopen": True})


@recipe("POST agents/conflicts/{conflict_id}/assign")
def assign(world: World) -> Call:
    return about(world, assignee=None)


@recipe("POST agents/conflicts/{conflict_id}/snooze")
def snooze(world: World) -> Call:
    return about(world, until=None)


@recipe("POST agents/conflicts/{conflict_id}/hold")
def hold(world: World) -> Call:
    return about(world, on=True, seconds=60)
