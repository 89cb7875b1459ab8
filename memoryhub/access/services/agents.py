"""Agents: their identity inside a tenant."""

from __future__ import annotations

import re
from typing import Any

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.models import Agent, Tenant
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls, verb

AGENT_ID = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")
#: What the hub's own names begin with, in locks and in the audit trail.
RESERVED = ("review:", "system:")


@verb
def ensure(*, principal: Principal, tenant_id: str, agent_id: str, name: str = "") -> Agent:
    """The agent, made where missing. Needs ``write`` for oneself and ``admin`` for another agent."""
    checked_agent_id(agent_id)
    with behind_walls(inside := principal.within(tenant_id)):
        found = Agent.objects.filter(tenant_id=tenant_id, agent_id=agent_id).first()
        return found or make(inside, tenant_id, agent_id, name)


def make(principal: Principal, tenant_id: str, agent_id: str, name: str) -> Agent:
    principal.require("write" if principal.agent_id == agent_id else "admin")
    if not Tenant.objects.filter(tenant_id=tenant_id).exists():
        raise NotFound(f"There is no tenant '{tenant_id}'. Make it first.")
    agent: Agent
    agent, made = Agent.objects.get_or_create(tenant_id=tenant_id, agent_id=agent_id, defaults={"name": name})
    if made:
        record("access.agent.created", principal, agent, new={"name": name})
    return agent


@verb
def change(
    *,
    principal: Principal,
    tenant_id: str,
    agent_id: str,
    name: str | None = None,
    active: bool | None = None,
    reason: str = "",
) -> Agent:
    """Changes what is not None. The keys of an inactive agent answer 401, and nobody can share with it."""
    principal.require("admin")
    fields = {field: value for field, value in {"name": name, "active": active}.items() if value is not None}
    with behind_walls(inside := principal.within(tenant_id)):
        agent: Agent | None = Agent.objects.select_for_update().filter(tenant_id=tenant_id, agent_id=agent_id).first()
        if agent is None:
            raise NotFound()
        apply(inside, agent, fields, reason)
    return agent


def apply(principal: Principal, agent: Agent, fields: dict[str, str | bool], reason: str) -> None:
    old = {field: getattr(agent, field) for field in fields}
    if old == fields:
        return
    for field, value in fields.items():
        setattr(agent, field, value)
    agent.save(update_fields=list(fields))
    record("access.agent.changed", principal, agent, old=old, new=fields, reason=reason)


@verb
def known(*, principal: Principal, agent_id: str) -> Agent:
    """An active agent of the principal's tenant; NotFound for an unknown and for an inactive one."""
    agent: Agent | None = Agent.objects.visible_to(principal).filter(agent_id=agent_id, active=True).first()
    if agent is None:
        raise NotFound(f"There is no active agent '{agent_id}' in this tenant.")
    return agent


def checked_agent_id(agent_id: str) -> None:
    if not AGENT_ID.fullmatch(agent_id):
        raise Invalid("agent_id", "Name the agent in 1 to 200 characters without spaces.")
    check_not_reserved("agent_id", agent_id)


def check_not_reserved(field: str, agent_id: str) -> None:
    """Raises Invalid for a name that could be taken for a reviewer or for the hub itself."""
    if agent_id.lower().startswith(RESERVED):
        raise Invalid(field, f"Names that begin with {' or '.join(RESERVED)} are the hub's own. Choose another name.")


def record(action: str, principal: Principal, agent: Agent, **values: Any) -> None:
    audit.record(action, principal=principal, object_type="agent", object_id=agent.agent_id, **values)
