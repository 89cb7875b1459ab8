"""Sessions and messages."""

from __future__ import annotations

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


def new_session(world: World, **fields: object) -> Id:
    name = world.name("session")
    world.post(
        "session/start",
        session_id=name,
        initial_context={"goal": world.text()},
        metadata={"note": world.text()},
        **fields,
    )
    return name


def say(world: World, session_id: Id) -> Id:
    return world.known(
        world.post("session/message", session_id=session_id, role="user", content=world.text())["message_id"]
    )


def talked(world: World) -> Id:
    session_id = new_session(world)
    for _ in range(3):
        say(world, session_id)
    return session_id


@recipe("POST session/start", foreign=Foreign.OWN)
def start(world: World) -> Call:
    return Call(body={"session_id": world.name("session"), "initial_context": {"goal": world.text()}})


@recipe("POST session/start", foreign=Foreign.OWN)
def start_again(world: World) -> Call:
    return Call(body={"session_id": talked(world), "initial_context": {"more": world.text()}})


@recipe("POST session/resume/{session_id}")
def resume(world: World) -> Call:
    return Call(path={"session_id": talked(world)}, body={})


@recipe("POST session/message")
def message(world: World) -> Call:
    body = {"session_id": talked(world), "role": "user", "content": world.text(), "metadata": {"note": world.text()}}
    return Call(body=body)


@recipe("POST session/messages")
def messages(world: World) -> Call:
    said = [{"role": "user", "content": world.text()}, {"role": "assistant", "name": "Ada", "content": world.text()}]
    return Call(body={"session_id": talked(world), "messages": said})


@recipe("GET session/context/{session_id}", shows=True)
def context(world: World) -> Call:
    return Call(path={"session_id": talked(world)})


@recipe("GET session/{session_id}/messages", shows=True)
def message_list(world: World) -> Call:
    return Call(path={"session_id": talked(world)}, query={"limit": 2})
