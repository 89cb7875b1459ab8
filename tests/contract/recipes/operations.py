"""Operations, guidance, the history of work, and what is enforced."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


class Token(Id):
    """A consultation token."""

    def made_up(self) -> Id:
        return Token(f"mhc_{uuid4().hex}_{secrets.token_hex(32)}")


def begun(world: World, **fields: Any) -> dict[str, Any]:
    body = {"task": world.text("Deploy"), "kind": "deployment", "context": {"changes": [world.text("Fix")]}}
    answer: dict[str, Any] = world.post("operations/begin", **body | fields)
    world.known(answer["operation_id"])
    return answer


def token(world: World, **fields: Any) -> Token:
    return Token(world.known(begun(world, **fields)["consultation_token"]))


def operation_id(world: World, **fields: Any) -> Id:
    return Id(begun(world, **fields)["operation_id"])


def worked(world: World, **fields: Any) -> Id:
    body = {"action": world.text("Send"), "kind": "mail", "input": {"to": world.text()}, "success": True}
    return world.known(world.post("work-history", **body | fields)["work"]["id"])


@recipe("POST guidance", foreign=Foreign.EMPTY, shows=True)
def guidance(world: World) -> Call:
    worked(world, action=world.text("Deploy the backend"))
    return Call(body={"task": world.text("Deploy the backend"), "kind": "deployment", "context": {"risk": "medium"}})


@recipe("POST operations/begin", foreign=Foreign.OWN)
def begin(world: World) -> Call:
    context = {"changes": [world.text("Fix")]}
    return Call(body={"task": world.text("Deploy"), "kind": "deployment", "context": context, "task_id": "t-1"})


@recipe("POST operations/finish")
def finish(world: World) -> Call:
    return Call(body={"consultation_token": token(world), "success": True, "result": {"summary": world.text()}})


@recipe("POST operations/finish")
def finish_failed(world: World) -> Call:
    error = {"message": world.text("TimeoutError: gave up"), "type": "TimeoutError", "context": {"step": "migrate"}}
    return Call(body={"consultation_token": token(world), "success": False, "error": error, "duration_ms": 12})


def one_more_operation(world: World, call: Call) -> None:
    begun(world)


@recipe("GET operations", foreign=Foreign.EMPTY, shows=True, grows=one_more_operation)
def operations(world: World) -> Call:
    begun(world)
    begun(world)
    return Call(query={"limit": 1, "kind": "Deployment", "status": "begun", "agent_id": world.agent})


@recipe("GET operations/{operation_id}", shows=True)
def operation(world: World) -> Call:
    return Call(path={"operation_id": operation_id(world)})


@recipe("GET operations/{operation_id}", shows=True)
def operation_about_a_user(world: World) -> Call:
    return Call(path={"operation_id": operation_id(world, user_id=world.user)}, query={"user_id": world.user})


@recipe("POST operations/{operation_id}/abandon")
def abandon(world: World) -> Call:
    return Call(path={"operation_id": operation_id(world)}, body={"reason": world.text()})


def kind_of_work(world: World) -> Id:
    return world.known(str(world.name("kind")).replace("-", "_"))


def ruled(world: World) -> Id:
    kind = kind_of_work(world)
    world.made("PUT", "operations/rules/{kind}", Call(path={"kind": kind}, body={"mode": "advise"}))
    return kind


def one_more_rule(world: World, call: Call) -> None:
    body = {"mode": "advise", "note": world.text()}
    world.made("PUT", "operations/rules/{kind}", Call(path={"kind": kind_of_work(world)}, body=body))


@recipe("GET operations/rules", foreign=Foreign.EMPTY, shows=True, grows=one_more_rule)
def rules(world: World) -> Call:
    one_more_rule(world, Call())
    one_more_rule(world, Call())
    return Call(query={"limit": 1})


@recipe("PUT operations/rules/{kind}", foreign=Foreign.OWN)
def rule_set(world: World) -> Call:
    return Call(path={"kind": "deployment"}, body={"mode": "advise", "note": world.text()})


@recipe("DELETE operations/rules/{kind}")
def rule_removed(world: World) -> Call:
    return Call(path={"kind": ruled(world)})


def one_more_piece_of_work(world: World, call: Call) -> None:
    worked(world)


@recipe("GET work-history", foreign=Foreign.EMPTY, shows=True, grows=one_more_piece_of_work)
def history(world: World) -> Call:
    worked(world)
    worked(world)
    return Call(query={"limit": 1, "kind": "mail", "success": "true"})


@recipe("POST work-history", foreign=Foreign.OWN)
def record(world: World) -> Call:
    said = {"output": world.text(), "success": True, "duration_ms": 3, "task_id": "t-1"}
    return Call(body={"action": world.text("Send"), "kind": "mail", "input": {"to": "pat"}} | said)


@recipe("POST work-history/check", foreign=Foreign.EMPTY, shows=True)
def check(world: World) -> Call:
    worked(world)
    return Call(body={"action": world.text("Send"), "input": {"to": world.text()}, "kind": "mail"})
