"""Agents and what is said of them: registered, changed, switched off and on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now

from agents_app.exceptions import AlreadyRegistered, ProfileStale
from agents_app.models import AgentProfile
from agents_app.services import profile_fields
from memoryhub.access import actors, credentials
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.services import agents, audit, keys
from memoryhub.access.walls import verb

KEY_SCOPES = ("read", "write")


@dataclass(frozen=True)
class Registered:
    """``api_key`` is the text of a new key, which cannot be shown again; None where none was asked for."""

    agent: Agent
    profile: AgentProfile
    created: bool
    api_key: str | None = field(default=None, repr=False)


@verb
def register(
    *, principal: Principal, agent_id: str, name: str = "", issue_key: bool = False, **profile: Any
) -> Registered:
    """The agent with its profile; made where missing, and left as it is where it is there.

    ``profile``: priority, retention_days, conflict_strategy, memory_types, specialties, capabilities, description.
    An agent may register itself with ``write``; another one, a key, and what decides over others' memories need
    ``admin``. Raises Invalid; AlreadyRegistered where the profile is there and says something else.
    """
    tenant_id = tenant_of(principal)
    fields = profile_fields.checked(profile)
    if issue_key or set(fields) - profile_fields.OWN_FIELDS:
        principal.require("admin")
    agent = agents.ensure(principal=principal, tenant_id=tenant_id, agent_id=agent_id, name=name)
    if not agent.active:
        raise AlreadyRegistered(f"The agent '{agent_id}' is registered and switched off. Activate it instead.")
    found, created = make_profile(principal, tenant_id, agent_id, fields)
    return Registered(agent, found, created, make_key(principal, agent) if issue_key else None)


def tenant_of(principal: Principal) -> str:
    if principal.tenant_id is None:
        raise Invalid("tenant_id", "Name the tenant of the agent.")
    return principal.tenant_id


def make_profile(
    principal: Principal, tenant_id: str, agent_id: str, fields: dict[str, Any]
) -> tuple[AgentProfile, bool]:
    """The profile, and whether nobody had said anything of the agent before."""
    ensure_rows(tenant_id, [agent_id])
    profile: AgentProfile = AgentProfile.objects.select_for_update().get(tenant_id=tenant_id, agent_id=agent_id)
    created = profile.version == 0
    if created:
        write(profile, fields)
        record("agents.profile.created", principal, profile, new=profile_fields.shown(profile))
    elif any(getattr(profile, name) != value for name, value in fields.items()):
        raise AlreadyRegistered(current_version=profile.version)
    return profile, created


def configured_retention(agent_id: str) -> int | None:
    """``agents.retention_days`` of the agent. Variables spell it in capitals, with _ for all but letters and digits."""
    configured: dict[str, int] = settings.CONFIG.agents.retention_days
    found = {spelled(name): days for name, days in configured.items()}
    return configured.get(agent_id, found.get(spelled(agent_id)))


def spelled(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())


def make_key(principal: Principal, agent: Agent) -> str:
    _, text = keys.create(
        principal=principal,
        tenant_id=agent.tenant_id,
        agent_id=agent.agent_id,
        scopes=KEY_SCOPES,
        name=f"{agent.agent_id} (registered)",
    )
    return text


@verb
def of_agent(agent_id: str, *, principal: Principal) -> AgentProfile:
    """What is said of an agent; where nobody said anything, an unsaved profile of version 0 with the defaults."""
    found: AgentProfile | None = AgentProfile.objects.visible_to(principal).filter(agent_id=agent_id).first()
    return found or blank(principal.tenant_id or "", agent_id)


def blank(tenant_id: str, agent_id: str) -> AgentProfile:
    """What holds for an agent of whom nobody said anything: a profile of version 0, not saved."""
    profile = unsaid(tenant_id, agent_id)
    profile.created_at = profile.updated_at = profile.next_sync_at = None  # type: ignore[assignment]
    return profile


@verb
def change(agent_id: str, *, principal: Principal, if_version: int | None = None, **fields: Any) -> AgentProfile:
    """Changes the named fields of a profile; ``if_version`` is what the caller saw of it.

    An agent may change with ``write`` what it says of itself; the rest needs ``admin``. Raises Invalid, NotFound,
    ProfileStale.
    """
    wanted = profile_fields.checked(fields)
    own = principal.agent_id == agent_id and not set(wanted) - profile_fields.OWN_FIELDS
    principal.require("write" if own else "admin")
    profile = locked(agent_id, principal, if_version)
    old = profile_fields.shown(profile)
    changed = {name: value for name, value in wanted.items() if old[name] != value}
    if changed:
        write(profile, changed)
        record("agents.profile.changed", principal, profile, old={name: old[name] for name in changed}, new=changed)
    return profile


def locked(agent_id: str, principal: Principal, if_version: int | None) -> AgentProfile:
    tenant_id = tenant_of(principal)
    if not Agent.objects.filter(tenant_id=tenant_id, agent_id=agent_id).exists():
        raise NotFound(f"There is no agent '{agent_id}' here. Register it first.")
    ensure_rows(tenant_id, [agent_id])
    profile: AgentProfile = AgentProfile.objects.select_for_update().get(tenant_id=tenant_id, agent_id=agent_id)
    if if_version is not None and profile.version != if_version:
        raise ProfileStale(current_version=profile.version)
    return profile


def ensure_rows(tenant_id: str, agent_ids: Iterable[str]) -> None:
    """Rows for agents of whom nobody said anything yet, with the defaults."""
    missing = [unsaid(tenant_id, agent_id) for agent_id in agent_ids]
    AgentProfile.objects.bulk_create(missing, ignore_conflicts=True)


def unsaid(tenant_id: str, agent_id: str) -> AgentProfile:
    days = configured_retention(agent_id)
    return AgentProfile(tenant_id=tenant_id, agent_id=agent_id, version=0, retention_days=days)


def write(profile: AgentProfile, changed: dict[str, Any]) -> None:
    for name, value in changed.items():
        setattr(profile, name, value)
    profile.version, profile.updated_at = F("version") + 1, Now()
    profile.save(update_fields=[*changed, "version", "updated_at"])
    profile.refresh_from_db()


def deactivate(agent_id: str, *, principal: Principal, reason: str = "") -> Agent:
    """Switches an agent off: its keys stop within ``access.key_cache_seconds``, its memories stay. Needs ``admin``."""
    return switch(agent_id, principal=principal, active=False, reason=reason)


def activate(agent_id: str, *, principal: Principal, reason: str = "") -> Agent:
    """Switches an agent on again. Needs ``admin``."""
    return switch(agent_id, principal=principal, active=True, reason=reason)


@verb
def switch(agent_id: str, *, principal: Principal, active: bool, reason: str) -> Agent:
    agent = agents.change(
        principal=principal, tenant_id=tenant_of(principal), agent_id=agent_id, active=active, reason=reason
    )
    actors.forget_cached_actors()
    credentials.forget_cached_keys()
    return agent


def record(action: str, principal: Principal, profile: AgentProfile, **values: Any) -> None:
    audit.record(
        action,
        principal=principal,
        tenant_id=profile.tenant_id,
        object_type="agent",
        object_id=profile.agent_id,
        **values,
    )
