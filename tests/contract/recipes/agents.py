"""Agents, their profiles and status, and sync runs."""

from __future__ import annotations

from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


def new_agent(world: World, **fields: object) -> Id:
    name = world.name("agent")
    world.post("agents/register", agent_id=name, description=world.text(), **fields)
    return name


def one_more_agent(world: World, call: Call) -> None:
    new_agent(world)


def new_run(world: World) -> Id:
    made = world.post(f"agents/{new_agent(world)}/sync")
    return world.known(made["run_id"])


def one_more_run(world: World, call: Call) -> None:
    new_run(world)


@recipe("GET agents", foreign=Foreign.EMPTY, shows=True, grows=one_more_agent)
def agents(world: World) -> Call:
    new_agent(world)
    new_agent(world)
    return Call(query={"limit": 100, "active": "true"})


@recipe("POST agents/register", foreign=Foreign.OWN)
def register_itself(world: World) -> Call:
    return Call(body={"agent_id": world.agent})


@recipe("POST agents/register", foreign=Foreign.OWN)
def register(world: World) -> Call:
    profile = {"priority": "high", "retention_days": 90, "memory_types": ["episodic"], "specialties": [world.text()]}
    return Call(body={"agent_id": world.name("agent"), "name": world.text(), "issue_key": True} | profile)


@recipe("POST agents/register", foreign=Foreign.OWN)
def register_again(world: World) -> Call:
    return Call(body={"agent_id": new_agent(world)})


@recipe("GET agents/{agent_id}/profile", foreign=Foreign.EMPTY)
def own_profile(world: World) -> Call:
    return Call(path={"agent_id": world.agent})


@recipe("GET agents/{agent_id}/profile", shows=True)
def profile(world: World) -> Call:
    return Call(path={"agent_id": new_agent(world)})


@recipe("PATCH agents/{agent_id}/profile", foreign=Foreign.OWN)
def change_own_profile(world: World) -> Call:
    return Call(path={"agent_id": world.agent}, body={"description": world.text()}, headers={"If-Match": "*"})


@recipe("PATCH agents/{agent_id}/profile")
def change_profile(world: World) -> Call:
    body = {
        "priority": "low",
        "conflict_strategy": "manual_review",
        "retention_days": None,
        "description": world.text(),
    }
    return Call(path={"agent_id": new_agent(world)}, body=body, headers={"If-Match": '"1"'})


@recipe("POST agents/{agent_id}/deactivate")
def deactivate(world: World) -> Call:
    return Call(path={"agent_id": new_agent(world)}, body={"reason": world.text()})


@recipe("POST agents/{agent_id}/activate")
def activate(world: World) -> Call:
    agent = new_agent(world)
    world.post(f"agents/{agent}/deactivate", reason=world.text())
    return Call(path={"agent_id": agent}, body={"reason": world.text()})


@recipe("GET agents/{agent_id}/status", foreign=Foreign.EMPTY)
def own_status(world: World) -> Call:
    return Call(path={"agent_id": world.agent})


@recipe("GET agents/{agent_id}/status", shows=True)
def agent_status(world: World) -> Call:
    return Call(path={"agent_id": new_agent(world)})


@recipe("GET agents/status", foreign=Foreign.EMPTY)
def status(world: World) -> Call:
    new_agent(world)
    return Call()


@recipe("GET agents/allocation", foreign=Foreign.EMPTY)
def allocation(world: World) -> Call:
    world.post("context/store", key=world.name("key"), value=world.text(), scope="agent", user_id=world.user)
    return Call()


@recipe("GET agents/allocation", foreign=Foreign.EMPTY)
def allocation_of_a_user(world: World) -> Call:
    return Call(query={"user_id": world.user})


@recipe("POST agents/{agent_id}/sync", foreign=Foreign.OWN)
def sync_itself(world: World) -> Call:
    return Call(path={"agent_id": world.agent}, body={})


@recipe("POST agents/{agent_id}/sync")
def sync_agent(world: World) -> Call:
    return Call(path={"agent_id": new_agent(world)}, body={"user_id": world.user, "force_sync": True})


@recipe("POST agents/sync", foreign=Foreign.OWN)
def sync_all(world: World) -> Call:
    new_agent(world)
    return Call(body={})


@recipe("GET agents/sync/runs", foreign=Foreign.EMPTY, grows=one_more_run)
def runs(world: World) -> Call:
    new_run(world)
    new_run(world)
    return Call(query={"limit": 1})


@recipe("GET agents/sync/runs", foreign=Foreign.EMPTY)
def runs_of_an_agent(world: World) -> Call:
    return Call(query={"agent_id": new_agent(world), "status": "done"})


@recipe("GET agents/sync/runs/{run_id}")
def run(world: World) -> Call:
    made = world.post(f"agents/{world.agent}/sync")  # an agent reads its own runs
    return Call(path={"run_id": world.known(made["run_id"])})


@recipe("GET agents/sync/statistics", foreign=Foreign.EMPTY)
def statistics(world: World) -> Call:
    new_run(world)
    return Call()
