"""The agents of the published interface, with what is said of them, for a tenant that wants them."""

from __future__ import annotations

from typing import Any

from agents_app.models import AgentProfile
from agents_app.services import profiles, sharing_defaults
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.services import agents
from memoryhub.access.walls import behind_walls, verb

AGENTS: dict[str, dict[str, Any]] = {
    "alden": {
        "name": "Alden",
        "description": "Primary assistant",
        "priority": "high",
        "retention_days": 90,
        "conflict_strategy": "latest_wins",
        "specialties": ["conversation", "tasks", "knowledge", "preferences"],
        "memory_types": ["episodic", "semantic", "procedural"],
    },
    "alice": {
        "name": "Alice",
        "description": "Cognitive analysis",
        "priority": "medium",
        "retention_days": 60,
        "conflict_strategy": "highest_importance",
        "specialties": ["analysis", "patterns", "behavioral insights"],
        "memory_types": ["episodic", "working"],
    },
    "sentry": {
        "name": "Sentry",
        "description": "Security monitor",
        "priority": "medium",
        "retention_days": 180,
        "conflict_strategy": "manual_review",
        "specialties": ["security", "incidents", "alerts", "audit logs"],
        "memory_types": ["semantic", "contextual"],
    },
    "mimic": {
        "name": "Mimic",
        "description": "Dynamic personas",
        "priority": "low",
        "retention_days": 30,
        "conflict_strategy": "agent_priority",
        "specialties": ["persona templates", "style adaptations"],
        "memory_types": ["working", "contextual"],
    },
}


@verb
def install(*, principal: Principal, tenant_id: str) -> list[str]:
    """Gives the tenant the published agents with their sharing rules; the names of those that were new.

    What is there stays as it is, so that repeating it undoes nobody's changes. Needs ``admin``; NotFound for an
    unknown tenant.
    """
    principal.require("admin")
    with behind_walls(inside := principal.within(tenant_id)):
        made = [agent_id for agent_id, said in AGENTS.items() if install_agent(inside, tenant_id, agent_id, said)]
        sharing_defaults.install(principal=inside, tenant_id=tenant_id)
        return made


def install_agent(principal: Principal, tenant_id: str, agent_id: str, said: dict[str, Any]) -> bool:
    if AgentProfile.objects.filter(tenant_id=tenant_id, agent_id=agent_id, version__gt=0).exists():
        return False
    if Agent.objects.filter(tenant_id=tenant_id, agent_id=agent_id, active=False).exists():
        return False
    configured = profiles.configured_retention(agent_id)
    fields = said if configured is None else said | {"retention_days": configured}
    agents.ensure(principal=principal, tenant_id=tenant_id, agent_id=agent_id, name=said["name"])
    return profiles.register(principal=principal, agent_id=agent_id, **fields).created
