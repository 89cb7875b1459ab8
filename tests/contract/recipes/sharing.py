"""Slices, an agent's memories, sharing rules, aliases, the matrix, re-granting."""

from __future__ import annotations

from typing import Any

from agents_app.models import Regrant
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from tests.contract.calls import Call, Id
from tests.contract.recipes import Foreign, recipe
from tests.contract.world import World


def new_agent(world: World) -> Id:
    """An agent whose name no other tenant has."""
    name = world.name("agent")
    world._api(tenant=world.tenant, agent=name)
    return name


def remember(world: World, **fields: Any) -> Id:
    body = {"content": world.text(), "memory_category": "notes"} | fields
    made = world.made("POST", "agents/{agent_id}/memories", Call(path={"agent_id": world.agent}, body=body))
    return world.known(made["memory_id"])


def one_more_memory(world: World, call: Call) -> None:
    remember(world)


@recipe("GET agents/{agent_id}/slice", foreign=Foreign.EMPTY, shows=True, grows=one_more_memory)
def slice_of_agent(world: World) -> Call:
    for _ in range(2):
        remember(world)
    return Call(path={"agent_id": world.agent}, query={"limit": 1})


@recipe("GET agents/{agent_id}/slice", foreign=Foreign.EMPTY, shows=True)
def slice_for_user(world: World) -> Call:
    remember(world, user_id=world.user)
    return Call(path={"agent_id": world.agent}, query={"user_id": world.user, "include_sync_metadata": "false"})


@recipe("POST agents/{agent_id}/memories", foreign=Foreign.OWN)
def store_memory(world: World) -> Call:
    body = {
        "content": world.text(),
        "key": world.name("memory"),
        "user_id": world.user,
        "memory_category": "notes",
        "importance_score": 0.8,
        "tags": ["a"],
    }
    return Call(path={"agent_id": world.agent}, body=body)


@recipe("POST agents/{agent_id}/memories")
def store_and_share(world: World) -> Call:
    receiver = new_agent(world)
    return Call(path={"agent_id": world.agent}, body={"content": world.text(), "share_with_agents": [receiver]})


@recipe("POST agents/{agent_id}/search", foreign=Foreign.EMPTY, shows=True)
def search_memories(world: World) -> Call:
    remember(world, content=world.text("telescope"))
    return Call(path={"agent_id": world.agent}, body={"query": "telescope", "search_type": "keyword"})


def new_rule(world: World, **fields: Any) -> Any:
    rule = {"category": world.name("category"), "action": "share", "to_agents": [new_agent(world)]}
    made = world.post("agents/sharing-rules", **rule | {"note": world.text()} | fields)["rule"]
    world.known(made["rule_id"])
    return made


def rule_id(world: World) -> Id:
    return Id(new_rule(world)["rule_id"])


def one_more_rule(world: World, call: Call) -> None:
    new_rule(world)


@recipe("GET agents/sharing-rules", foreign=Foreign.EMPTY, shows=True, grows=one_more_rule)
def rules(world: World) -> Call:
    for _ in range(2):
        new_rule(world)
    return Call(query={"limit": 1, "action": "share"})


@recipe("POST agents/sharing-rules")
def make_rule(world: World) -> Call:
    receiver = new_agent(world)
    return Call(body={"category": "plans", "action": "propagate", "to_agents": [receiver], "note": world.text()})


@recipe("POST agents/sharing-rules", foreign=Foreign.OWN)
def restrict(world: World) -> Call:
    return Call(body={"category": "plans", "action": "restrict", "from_agent": world.agent, "reason": world.text()})


@recipe("PATCH agents/sharing-rules/{rule_id}")
def change_rule(world: World) -> Call:
    return Call(path={"rule_id": rule_id(world)}, body={"active": False}, headers={"If-Match": '"1"'})


@recipe("DELETE agents/sharing-rules/{rule_id}")
def remove_rule(world: World) -> Call:
    return Call(path={"rule_id": rule_id(world)}, headers={"If-Match": '"1"'})


def new_alias(world: World) -> Id:
    alias = Id(world.name("alias").replace("-", "_"))
    world.post("agents/category-aliases", alias=alias, category="notes")
    return world.known(alias)


def one_more_alias(world: World, call: Call) -> None:
    new_alias(world)


@recipe("GET agents/category-aliases", foreign=Foreign.EMPTY, grows=one_more_alias)
def aliases(world: World) -> Call:
    for _ in range(2):
        new_alias(world)
    return Call(query={"limit": 1})


@recipe("POST agents/category-aliases", foreign=Foreign.OWN)
def make_alias(world: World) -> Call:
    return Call(body={"alias": world.name("alias"), "category": "notes"})


@recipe("DELETE agents/category-aliases")
def remove_alias(world: World) -> Call:
    return Call(query={"alias": new_alias(world)})


@recipe("GET agents/sharing-matrix", foreign=Foreign.EMPTY)
def matrix(world: World) -> Call:
    new_rule(world)
    remember(world)
    return Call()


@recipe("POST agents/sharing-matrix/preview", foreign=Foreign.OWN)
def preview(world: World) -> Call:
    return Call(body={"changes": [{"category": "notes", "agent_id": world.agent, "letters": "X"}]})


def new_regrant(world: World) -> None:
    """Rules changed while one is waiting widen that; so this one is begun."""
    new_rule(world)
    with behind_walls(principal := system_principal("test", world.tenant)):
        begun = Regrant.objects.filter(tenant_id=principal.tenant_id, status="waiting")
        for regrant in begun:
            world.known(regrant.pk)
        begun.update(status="running", attempts=1)


def one_more_regrant(world: World, call: Call) -> None:
    new_regrant(world)


@recipe("GET agents/regrants", foreign=Foreign.EMPTY, grows=one_more_regrant)
def regrants(world: World) -> Call:
    for _ in range(2):
        new_regrant(world)
    return Call(query={"limit": 1})
