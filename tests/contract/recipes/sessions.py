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


@recipe("POST session/end")
def end(world: World) -> Call:
    return Call(body={"session_id": talked(world), "reason": world.text()})


@recipe("POST session/archive")
def archive(world: World) -> Call:
    return Call(body={"session_id": talked(world)})


@recipe("POST session/task")
def task(world: World) -> Call:
    return Call(body={"session_id": new_session(world), "task_id": "t1", "description": world.text()})


@recipe("POST session/task")
def task_again(world: World) -> Call:
    session_id = new_session(world)
    world.post("session/task", session_id=session_id, task_id="t1", description=world.text())
    return Call(body={"session_id": session_id, "task_id": "t1", "status": "completed", "result": world.text()})


@recipe("POST session/fact")
def fact(world: World) -> Call:
    return Call(body={"session_id": new_session(world), "key": "goal", "value": world.text()})


@recipe("POST session/working-memory")
def working_memory(world: World) -> Call:
    return Call(body={"session_id": new_session(world), "values": {"goal": world.text()}})


@recipe("POST session/handoff")
def handoff(world: World) -> Call:
    body = {"session_id": talked(world), "to_agent": "expert", "handoff_reason": world.text()}
    return Call(body=body)


def handed_over(world: World, **fields: object) -> dict[str, Id]:
    session_id = talked(world)
    given = world.post(
        "session/handoff",
        session_id=session_id,
        to_agent="expert",
        handoff_reason=world.text(),
        continuation_instructions=world.text(),
        **fields,
    )
    return {"session_id": session_id, "handoff_id": world.known(given["handoff_id"])}


@recipe("POST session/handoff/{handoff_id}/accept")
def accept(world: World) -> Call:
    return Call(path={"handoff_id": handed_over(world)["handoff_id"]}, body={})


@recipe("POST session/handoff/{handoff_id}/reject")
def reject(world: World) -> Call:
    return Call(path={"handoff_id": handed_over(world)["handoff_id"]}, body={"reason": world.text()})


@recipe("GET session/{session_id}/handoff", shows=True)
def handoff_context(world: World) -> Call:
    return Call(path={"session_id": handed_over(world)["session_id"]})


@recipe("GET session/{session_id}/handoffs", shows=True)
def handoff_list(world: World) -> Call:
    return Call(path={"session_id": handed_over(world)["session_id"]})


def keep_snapshot(world: World, session_id: Id | None = None) -> Id:
    session_id = session_id or new_session(world)
    kept = world.post("session/snapshot", session_id=session_id, context_data={"goal": world.text()})
    return world.known(kept["snapshot"]["id"])


def decide(world: World, session_id: Id | None = None) -> Id:
    session_id = session_id or new_session(world)
    kept = world.post("session/decision", session_id=session_id, title=world.text(), decision=world.text())
    return world.known(kept["decision"]["id"])


@recipe("POST session/snapshot", shows=True)
def snapshot(world: World) -> Call:
    return Call(body={"session_id": new_session(world), "context_data": {"goal": world.text()}})


@recipe("GET session/snapshot/{snapshot_id}", shows=True)
def snapshot_get(world: World) -> Call:
    return Call(path={"snapshot_id": keep_snapshot(world)})


@recipe("GET session/snapshots", foreign=Foreign.EMPTY, shows=True, grows=keep_snapshot)
def snapshots(world: World) -> Call:
    for _ in range(3):
        keep_snapshot(world)
    return Call(query={"limit": 2})


@recipe("GET session/snapshots", foreign=Foreign.EMPTY, shows=True)
def snapshots_of_a_session(world: World) -> Call:
    session_id = new_session(world)
    keep_snapshot(world, session_id)
    return Call(query={"session_id": session_id, "context_type": "task"})


@recipe("POST session/decision", shows=True)
def decision(world: World) -> Call:
    return Call(body={"session_id": new_session(world), "title": world.text(), "decision": world.text()})


@recipe("GET session/decisions", foreign=Foreign.EMPTY, shows=True, grows=decide)
def decisions(world: World) -> Call:
    for _ in range(3):
        decide(world)
    return Call(query={"limit": 2})


@recipe("GET session/decisions", foreign=Foreign.EMPTY, shows=True)
def decisions_of_a_session(world: World) -> Call:
    session_id = new_session(world)
    decide(world, session_id)
    return Call(query={"session_id": session_id})


@recipe("POST session/save", shows=True)
def save(world: World) -> Call:
    todo = {"task_id": "t1", "description": world.text()}
    return Call(body={"session_id": talked(world), "context_data": world.text(), "todos": [todo]})


@recipe("GET session/briefing", foreign=Foreign.EMPTY, shows=True)
def briefing(world: World) -> Call:
    talked(world)
    return Call()


@recipe("GET session/briefing", shows=True)
def briefing_of_a_session(world: World) -> Call:
    return Call(query={"session_id": talked(world)})


@recipe("GET sessions", foreign=Foreign.EMPTY, shows=True, grows=talked)
def sessions(world: World) -> Call:
    for _ in range(3):
        world.post("session/end", session_id=talked(world), reason=world.text())
    return Call(query={"limit": 2})
