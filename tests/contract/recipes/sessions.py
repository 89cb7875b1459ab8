"""Sessions, messages, tasks, facts, hand-offs, snapshots, decisions."""

from __future__ import annotations

from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


def new_session(world: World, **fields: Any) -> Id:
    name = world.name("session")
    said = {"initial_context": {"goal": world.text()}, "metadata": {"note": world.text()}}
    world.post("session/start", **{"session_id": name} | said | fields)
    return name


def say(world: World, session_id: Id) -> Id:
    body = {"session_id": session_id, "role": "user", "content": world.text()}
    return world.known(world.post("session/message", **body)["message_id"])


def talked(world: World) -> Id:
    session_id = new_session(world)
    for _ in range(3):
        say(world, session_id)
    return session_id


def about(world: World, **fields: Any) -> Call:
    return Call(body={"session_id": talked(world)} | fields)


def one_more_session(world: World, call: Call) -> None:
    new_session(world)


@recipe("GET sessions", foreign=Foreign.EMPTY, grows=one_more_session)
def sessions(world: World) -> Call:
    new_session(world)
    talked(world)
    return Call(query={"limit": 1, "status": "active", "agent": world.agent})


@recipe("POST session/start", foreign=Foreign.OWN)
def start(world: World) -> Call:
    return Call(body={"session_id": world.name("session"), "initial_context": {"goal": world.text()}})


@recipe("POST session/start", foreign=Foreign.OWN)
def start_again(world: World) -> Call:
    return Call(body={"session_id": talked(world), "initial_context": {"more": world.text()}})


@recipe("POST session/resume/{session_id}")
def resume(world: World) -> Call:
    return Call(path={"session_id": talked(world)}, body={})


@recipe("GET session/context/{session_id}", shows=True)
def context(world: World) -> Call:
    return Call(path={"session_id": talked(world)})


@recipe("GET session/context/{session_id}", shows=True)
def context_of_a_user(world: World) -> Call:
    return Call(path={"session_id": new_session(world, user_id=world.user)}, query={"user_id": world.user})


@recipe("GET session/briefing", foreign=Foreign.EMPTY, shows=True)
def briefing(world: World) -> Call:
    talked(world)
    return Call()


@recipe("GET session/briefing", shows=True)
def briefing_about_a_session(world: World) -> Call:
    return Call(query={"session_id": talked(world)})


@recipe("POST session/end")
def end(world: World) -> Call:
    return about(world, reason=world.text())


@recipe("POST session/archive")
def archive(world: World) -> Call:
    return about(world)


@recipe("POST session/message")
def message(world: World) -> Call:
    return about(world, role="user", content=world.text(), name="Ada", metadata={"note": world.text()})


@recipe("POST session/messages")
def messages(world: World) -> Call:
    said = [{"role": "user", "content": world.text()}, {"role": "assistant", "name": "Ada", "content": world.text()}]
    return about(world, messages=said)


def one_more_message(world: World, call: Call) -> None:
    say(world, Id(call.path["session_id"]))


@recipe("GET session/{session_id}/messages", shows=True, grows=one_more_message)
def message_list(world: World) -> Call:
    return Call(path={"session_id": talked(world)}, query={"limit": 2})


@recipe("POST session/task")
def task(world: World) -> Call:
    return about(world, description=world.text(), priority="high")


@recipe("POST session/task")
def task_updated(world: World) -> Call:
    session_id = talked(world)
    made = world.post("session/task", session_id=session_id, description=world.text())
    return Call(body={"session_id": session_id, "task_id": made["task"]["id"], "status": "completed"})


@recipe("POST session/fact")
def fact(world: World) -> Call:
    return about(world, key="city", value=world.text())


@recipe("POST session/working-memory")
def working_memory(world: World) -> Call:
    return about(world, values={"next": world.text()})


def handed_over(world: World) -> dict[str, Id]:
    """A session that another agent handed to this world's agent, which has not answered."""
    session_id = new_session(world.peer)
    body = {"session_id": session_id, "to_agent": world.agent, "handoff_reason": world.text()}
    given = world.peer.post("session/handoff", **body, critical_info={"city": world.text()})
    return {"session_id": session_id, "handoff_id": world.known(given["handoff_id"])}


@recipe("POST session/handoff")
def handoff(world: World) -> Call:
    return about(world, to_agent="writer", handoff_reason=world.text(), critical_info={"city": world.text()})


@recipe("POST session/handoff/{handoff_id}/accept")
def accept(world: World) -> Call:
    return Call(path={"handoff_id": handed_over(world)["handoff_id"]}, body={})


@recipe("POST session/handoff/{handoff_id}/reject")
def reject(world: World) -> Call:
    return Call(path={"handoff_id": handed_over(world)["handoff_id"]}, body={"reason": world.text()})


@recipe("GET session/{session_id}/handoff", shows=True)
def latest_handoff(world: World) -> Call:
    return Call(path={"session_id": handed_over(world)["session_id"]})


def back_and_forth(world: World, call: Call) -> None:
    session_id = call.path["session_id"]
    now = world.get(f"session/context/{session_id}")["context"]["agents"]["current"]
    giver, receiver = (world, world.peer) if now == world.agent else (world.peer, world)
    giver.post("session/handoff", session_id=session_id, to_agent=receiver.agent, handoff_reason=world.text())


@recipe("GET session/{session_id}/handoffs", shows=True, grows=back_and_forth)
def handoffs(world: World) -> Call:
    return Call(path={"session_id": handed_over(world)["session_id"]}, query={"limit": 1})


def new_snapshot(world: World) -> dict[str, Id]:
    session_id = new_session(world)
    body = {"session_id": session_id, "context_type": "error", "context_data": {"open": world.text()}, "tags": ["red"]}
    kept = world.post("session/snapshot", **body)["snapshot"]
    return {"session_id": session_id, "snapshot_id": world.known(kept["id"])}


@recipe("POST session/snapshot")
def snapshot(world: World) -> Call:
    return about(world, context_data={"open": world.text()}, context_type="task", importance=7, tags=["red"])


@recipe("GET session/snapshot/{snapshot_id}", shows=True)
def snapshot_get(world: World) -> Call:
    return Call(path={"snapshot_id": new_snapshot(world)["snapshot_id"]})


def one_more_snapshot(world: World, call: Call) -> None:
    new_snapshot(world)


@recipe("GET session/snapshots", foreign=Foreign.EMPTY, shows=True, grows=one_more_snapshot)
def snapshots(world: World) -> Call:
    new_snapshot(world)
    new_snapshot(world)
    return Call(query={"limit": 1, "context_type": "error", "tag": "red", "min_importance": 2})


@recipe("GET session/snapshots", shows=True)
def snapshots_of_a_session(world: World) -> Call:
    return Call(query={"session_id": new_snapshot(world)["session_id"]})


def decide(world: World) -> Id:
    session_id = new_session(world)
    world.post("session/decision", session_id=session_id, title=world.text(), decision=world.text())
    return session_id


@recipe("POST session/decision")
def decision(world: World) -> Call:
    return about(world, title=world.text(), decision=world.text(), alternatives=["wait"])


def one_more_decision(world: World, call: Call) -> None:
    decide(world)


@recipe("GET session/decisions", foreign=Foreign.EMPTY, shows=True, grows=one_more_decision)
def decisions(world: World) -> Call:
    decide(world)
    decide(world)
    return Call(query={"limit": 1})


@recipe("GET session/decisions", shows=True)
def decisions_of_a_session(world: World) -> Call:
    return Call(query={"session_id": decide(world)})


@recipe("POST session/save")
def save(world: World) -> Call:
    return about(
        world,
        context_data={"open": world.text()},
        todos=[{"description": world.text(), "status": "in_progress"}],
        decisions=[{"title": world.text(), "decision": world.text()}],
    )
