"""Whether a tenant and an agent that a request names are there and switched on.

Only keys that leave them open need this: a bound key brings the answer with its own look-up.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.remembered import Remembered
from memoryhub.access.services import agents

LOOKUP = "SELECT tenant_active, agent_active FROM access_lookup_actor(%s, %s)"


@dataclass(frozen=True, slots=True)
class Actor:
    """True: active; False: switched off; None: unknown."""

    tenant_active: bool | None
    agent_active: bool | None


_actors: Remembered[tuple[str, str], Actor] = Remembered(lambda: settings.CONFIG.access.key_cache_seconds)


def forget_cached_actors() -> None:
    _actors.clear()


def look_up(tenant_id: str, agent_id: str) -> Actor:
    return _actors.get((tenant_id, agent_id), lambda: fetch(tenant_id, agent_id))


def look_up_known(tenant_id: str, agent_id: str) -> Actor:
    """As ``look_up``, but an agent that was unknown a moment ago is asked about again: it may be registered now."""
    actor = look_up(tenant_id, agent_id)
    if actor.agent_active is None:
        actor = _actors.put((tenant_id, agent_id), fetch(tenant_id, agent_id))
    return actor


def fetch(tenant_id: str, agent_id: str) -> Actor:
    with connection.cursor() as cursor:
        cursor.execute(LOOKUP, [tenant_id, agent_id])
        return Actor(*cursor.fetchone())


def check(principal: Principal, *, registers: bool) -> None:
    """Refuses an agent that is switched off, and a tenant that is not there.

    An agent that nobody knows yet is registered when it first writes (``registers``).
    """
    if principal.tenant_id is None:
        return
    actor = look_up(principal.tenant_id, principal.agent_id or "")
    if not actor.tenant_active:
        raise NotFound(f"There is no active tenant '{principal.tenant_id}'.")
    if principal.agent_id and actor.agent_active is False:
        raise Forbidden(f"The agent '{principal.agent_id}' is switched off.", code="agent_inactive")
    if principal.agent_id and actor.agent_active is None and registers:
        register(principal, principal.tenant_id, principal.agent_id)


def register(principal: Principal, tenant_id: str, agent_id: str) -> None:
    agents.ensure(principal=principal, tenant_id=tenant_id, agent_id=agent_id)
    _actors.put((tenant_id, agent_id), Actor(tenant_active=True, agent_active=True))
