"""Runs of procedures, and approvals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World
from tests.procedures_app.following import BOSS, publish

STEP = "check-the-notes"


def new_procedure(world: World) -> Id:
    """A published procedure of two steps that ask for evidence."""
    name = world.name("procedure")
    evidence = [{"name": "seen", "type": "text", "required": True, "description": world.text()}]
    steps: list[dict[str, Any]] = [{"id": STEP, "instruction": world.text(), "evidence": evidence}, {"id": "then"}]
    publish(*steps, name=name, by=replace(BOSS, tenant_id=world.tenant), title=world.text())
    return name


def new_run(world: World, procedure: str | None = None) -> Id:
    return world.known(world.post("runs", procedure=procedure or new_procedure(world))["id"])


def one_more_run(world: World, call: Call) -> None:
    new_run(world, call.query.get("procedure"))


def about(world: World, run_id: Id, **body: Any) -> Call:
    return Call(path={"run_id": run_id}, body=body)


def taken(world: World, **body: Any) -> Call:
    """A step that the caller has, and its lease."""
    run_id = new_run(world)
    lease = world.post(f"runs/{run_id}/next")["lease"]["token"]
    return Call(path={"run_id": run_id, "step_id": STEP}, body={"lease": lease, **body})


def new_approval(world: World, run_id: Id | None = None) -> Id:
    asked = world.post(f"runs/{run_id or new_run(world)}/steps/{STEP}/skip", reason=world.text())
    return world.known(asked["approval"]["id"])


@recipe("POST runs")
def start(world: World) -> Call:
    return Call(body={"procedure": new_procedure(world), "inputs": {}, "version": 1})


@recipe("GET runs", foreign=Foreign.EMPTY, grows=one_more_run)
def all_runs(world: World) -> Call:
    procedure = new_procedure(world)
    new_run(world, procedure)
    new_run(world, procedure)
    return Call(query={"limit": 1, "procedure": procedure, "status": "running", "since": "2020-01-01T00:00:00Z"})


@recipe("GET runs/{run_id}", shows=True)
def run(world: World) -> Call:
    return Call(path={"run_id": new_run(world)})


def one_more_event(world: World, call: Call) -> None:
    lease = world.post(f"runs/{call.path['run_id']}/next")["lease"]["token"]
    world.post(f"runs/{call.path['run_id']}/steps/{STEP}/release", lease=lease)


@recipe("GET runs/{run_id}/events", shows=True, grows=one_more_event)
def events(world: World) -> Call:
    run_id = new_run(world)
    new_approval(world, run_id)
    withdrawn = world.get("approvals", run_id=run_id)["results"][0]["id"]
    world.post(f"approvals/{withdrawn}/withdraw")
    return Call(path={"run_id": run_id}, query={"limit": 3, "after": 1})


@recipe("POST runs/{run_id}/next", shows=True)
def next_step(world: World) -> Call:
    return about(world, new_run(world), lease_seconds=60)


@recipe("POST runs/{run_id}/pause")
def pause(world: World) -> Call:
    return about(world, new_run(world), reason=world.text())


@recipe("POST runs/{run_id}/resume")
def resume(world: World) -> Call:
    run_id = new_run(world)
    world.post(f"runs/{run_id}/pause", reason=world.text())
    return about(world, run_id, reason=world.text())


@recipe("POST runs/{run_id}/cancel")
def cancel(world: World) -> Call:
    return about(world, new_run(world), reason=world.text())


@recipe("POST runs/{run_id}/steps/{step_id}/complete")
def complete(world: World) -> Call:
    said = {"evidence": {"seen": world.text()}, "output": {"note": world.text()}, "note": world.text()}
    return taken(world, **said)


@recipe("POST runs/{run_id}/steps/{step_id}/fail")
def fail(world: World) -> Call:
    return taken(world, error=world.text(), context={"note": world.text()})


@recipe("POST runs/{run_id}/steps/{step_id}/renew")
def renew(world: World) -> Call:
    return taken(world, lease_seconds=600)


@recipe("POST runs/{run_id}/steps/{step_id}/release")
def release(world: World) -> Call:
    return taken(world)


@recipe("POST runs/{run_id}/steps/{step_id}/skip", shows=True)
def skip(world: World) -> Call:
    return Call(path={"run_id": new_run(world), "step_id": STEP}, body={"reason": world.text()})


@recipe("POST runs/{run_id}/steps/{step_id}/deviate", shows=True)
def deviate(world: World) -> Call:
    said = {"reason": world.text(), "proposal": world.text()}
    return Call(path={"run_id": new_run(world), "step_id": STEP}, body=said)


def one_more_approval(world: World, call: Call) -> None:
    new_approval(world)


@recipe("GET approvals", foreign=Foreign.EMPTY, grows=one_more_approval)
def approvals(world: World) -> Call:
    new_approval(world)
    new_approval(world)
    return Call(query={"limit": 1, "status": "pending", "kind": "skip"})


@recipe("GET approvals", foreign=Foreign.EMPTY)
def approvals_of_a_run(world: World) -> Call:
    run_id = new_run(world)
    new_approval(world, run_id)
    return Call(query={"run_id": run_id})


@recipe("GET approvals/{approval_id}", shows=True)
def approval(world: World) -> Call:
    return Call(path={"approval_id": new_approval(world)})


@recipe("POST approvals/{approval_id}/withdraw", shows=True)
def withdraw(world: World) -> Call:
    return Call(path={"approval_id": new_approval(world)}, body={"reason": world.text()})
