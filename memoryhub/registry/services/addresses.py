"""Where a key may stand: the addresses that a caller may write to and read from.

An address is a scope with its columns. What is listed here for reading is exactly what
``visible_to`` lets through for that key; a property test holds the two equal.
"""

from __future__ import annotations

from memoryhub.access.exceptions import Forbidden, Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.visibility import sees_everything
from memoryhub.access.walls import writes_global

Address = dict[str, str]
LOOKING_ORDER = ("agent", "session", "user", "tenant", "global")


def default_scope(user_id: str | None) -> str:
    """Where no scope is named: what is about a user stays with that user."""
    return "user" if user_id else "tenant"


def writing_address(scope: str, principal: Principal, *, agent_id: str | None = None) -> Address:
    """The one address to write to. Raises Invalid for a missing id, Forbidden for what the caller may not write.

    With ``grantee`` in the answer the address belongs to another agent, and only a grant opens it.
    """
    if scope == "global":
        if not writes_global(principal):
            raise Forbidden(
                "Global entries are written by platform admin keys and by staff not limited to tenants.",
                code="global_read_only",
            )
        return {"scope": "global"}
    address = {"scope": scope, "tenant_id": need(principal.tenant_id, "tenant_id", scope)}
    if scope == "user":
        address["user_id"] = need(principal.named_user, "user_id", scope)
    elif scope == "session":
        address["session_id"] = need(principal.named_session, "session_id", scope)
    elif scope == "agent":
        address |= agent_address(principal, agent_id)
    return address


def need(found: str | None, name: str, scope: str) -> str:
    if not found:
        raise Invalid(name, f"The scope '{scope}' needs {name}.")
    return found


def agent_address(principal: Principal, agent_id: str | None) -> Address:
    owner = agent_id or principal.agent_id
    if not owner:
        raise Invalid("agent_id", "The scope 'agent' needs an agent: use a key bound to one, or send X-Agent-Id.")
    found = {"agent_id": owner}
    if principal.named_user:
        found["user_id"] = principal.named_user
    if owner != principal.agent_id and not sees_everything(principal):
        found["grantee"] = need(principal.agent_id, "X-Agent-Id", "agent")
    return found


def reading_addresses(principal: Principal, scope: str | None, *, agent_id: str | None = None) -> list[Address]:
    """The addresses to look at, in order. Raises Invalid when the scope named needs an id that is not."""
    if scope is not None:
        return addresses_in(scope, principal, agent_id, strict=True)
    return [place for each in LOOKING_ORDER for place in addresses_in(each, principal, agent_id, strict=False)]


def addresses_in(scope: str, principal: Principal, agent_id: str | None, *, strict: bool) -> list[Address]:
    if scope == "global":
        return [{"scope": "global"}]
    if scope == "agent":
        return agent_places(principal, agent_id, strict=strict)
    column, found = {
        "tenant": ("tenant_id", principal.tenant_id),
        "user": ("user_id", principal.named_user),
        "session": ("session_id", principal.named_session),
    }[scope]
    if strict:
        need(principal.tenant_id, "tenant_id", scope)
        need(found, column, scope)
    if not found or not principal.tenant_id:
        return []
    return [{"scope": scope, "tenant_id": principal.tenant_id, column: found}]


def agent_places(principal: Principal, agent_id: str | None, *, strict: bool) -> list[Address]:
    """The agent's own entry about the user named, its own about nobody, then what others granted to it."""
    owner = agent_id or principal.agent_id
    if strict and not owner:
        raise Invalid("agent_id", "The scope 'agent' needs an agent: use a key bound to one, or send X-Agent-Id.")
    if not owner or not principal.tenant_id:
        return []
    place = {"scope": "agent", "tenant_id": principal.tenant_id}
    about = {"user_id": principal.named_user} if principal.named_user else {}
    own = {**place, "agent_id": owner}
    places = []
    if owner == principal.agent_id or sees_everything(principal):
        places = [{**own, **about}, own] if about else [own]
    if principal.agent_id and not sees_everything(principal):
        granted = {**place, **about, "grantee": principal.agent_id}
        places.append({**granted, "agent_id": agent_id} if agent_id else granted)
    return places
