"""Who acts at ``agents/<agent_id>/…``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rest_framework.request import Request

from memoryhub.access import actors
from memoryhub.access.api.views import HubView
from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import behind_walls


def acting_as(
    view: HubView, request: Request, agent_id: str, data: dict[str, Any] | None = None, *, inactive: bool = False
) -> Principal:
    """The caller as the agent that the path names: its own key, a key of no agent, or an admin's (audited).

    ``data`` names tenant, user and session as for ``HubView.principal``. ``inactive`` lets an admin reach an
    agent that is switched off. NotFound for an unknown agent; Forbidden ``agent_mismatch`` for another agent's
    key, ``agent_inactive`` for one that is switched off.
    """
    caller = view.principal(request, data)
    check_agent(caller, agent_id, inactive=inactive)
    if caller.agent_id == agent_id:
        return caller
    if caller.agent_id is not None and not caller.is_admin:
        raise Forbidden("This key acts for another agent. Use this agent's key.", code="agent_mismatch")
    if caller.is_admin:
        note_admin(caller, agent_id, request)
    return replace(caller, agent_id=agent_id)


def check_agent(caller: Principal, agent_id: str, *, inactive: bool) -> None:
    if caller.tenant_id is None:
        raise Invalid("tenant_id", "A platform key has to name the tenant whose agent is meant.")
    active = actors.look_up_known(caller.tenant_id, agent_id).agent_active
    if active is None:
        raise NotFound(f"There is no agent '{agent_id}' here. Register it first.")
    if not active and not (inactive and caller.is_admin):
        raise Forbidden(f"The agent '{agent_id}' is switched off.", code="agent_inactive")


def note_admin(caller: Principal, agent_id: str, request: Request) -> None:
    """One line for what an administrator does or reads in an agent's place."""
    match = request._request.resolver_match
    with behind_walls(caller):
        audit.record(
            "agents.acted_as",
            principal=caller,
            object_type="agent",
            object_id=agent_id,
            new={"method": request.method, "route": match.route if match else ""},
        )
