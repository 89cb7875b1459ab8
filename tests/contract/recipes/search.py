"""Searching entries and messages."""

from __future__ import annotations

from tests.contract.calls import Call
from tests.contract.recipes import Foreign, recipe
from tests.contract.recipes.context import new_entry, new_entry_id
from tests.contract.world import World


def one_more_entry(world: World, call: Call) -> None:
    new_entry(world)


@recipe("POST context/search", shows=True, foreign=Foreign.EMPTY, grows=one_more_entry)
def search(world: World) -> Call:
    new_entry(world)
    return Call(body={"query": world.text(), "explain": True, "limit": 50})


@recipe("POST context/search", shows=True, foreign=Foreign.EMPTY)
def search_the_memories_of_a_user(world: World) -> Call:
    new_entry(world, scope="user", user_id=world.user)
    return Call(body={"query": world.text(), "user_id": world.user, "mode": "keyword", "kinds": ["entry"]})


@recipe("POST context/search", shows=True)
def search_below_a_parent(world: World) -> Call:
    parent = new_entry_id(world)
    new_entry(world, parent_id=parent)
    return Call(body={"query": world.text(), "parent_id": parent, "mode": "keyword"})


@recipe("POST context/search", shows=True, foreign=Foreign.EMPTY)
def search_the_messages_of_a_session(world: World) -> Call:
    session = world.name("session")
    world.post("session/start", session_id=session, user_id=world.user)
    world.post("session/message", session_id=session, role="user", content=world.text())
    return Call(body={"query": world.text(), "session_id": session, "kinds": ["message"], "mode": "keyword"})
