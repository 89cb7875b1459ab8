"""Sharing rules and aliases of the first boot. Every one can be changed or removed in the admin."""

from __future__ import annotations

from agents_app.models import CategoryAlias, SharingRule
from agents_app.services import sharing
from agents_app.services.sharing import RuleChange
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb

SHARED = {
    "user_preferences": ("alden", "alice", "mimic"),
    "system_knowledge": ("alden", "alice", "sentry"),
    "security_alerts": ("alden", "sentry"),
    "behavioral_patterns": ("alice", "mimic"),
}
PROPAGATED = {
    "user_preferences": ("alden", "mimic"),
    "security_incidents": ("alden", "sentry"),
    "behavioral_insights": ("alden", "alice"),
}
RESTRICTED = {
    "alden": ("personal_conversations", "private_tasks"),
    "alice": ("analysis_internals", "cognitive_models"),
    "sentry": ("security_credentials", "incident_details"),
    "mimic": ("persona_templates", "style_adaptations"),
}
ALIASES = {
    "user_preferences": ("preference", "preferences", "user_preference"),
    "security_alerts": ("security_alert",),
    "security_incidents": ("security_incident",),
    "behavioral_patterns": ("behavioral_pattern",),
    "behavioral_insights": ("behavioral_insight",),
    "personal_conversations": ("personal_conversation",),
    "private_tasks": ("private_task",),
    "cognitive_models": ("cognitive_model",),
    "security_credentials": ("security_credential",),
    "incident_details": ("incident_detail",),
    "persona_templates": ("persona_template",),
    "style_adaptations": ("style_adaptation",),
}


@verb
def install(*, principal: Principal, tenant_id: str) -> None:
    """Puts rules and aliases into a tenant that has none; elsewhere somebody has decided, and nothing changes."""
    inside = principal.within(tenant_id)
    if SharingRule.objects.filter(tenant_id=tenant_id).exists():
        return
    if not CategoryAlias.objects.filter(tenant_id=tenant_id).exists():
        CategoryAlias.objects.bulk_create(
            CategoryAlias(tenant_id=tenant_id, alias=alias, category=category)
            for category, names in ALIASES.items()
            for alias in names
        )
    sharing.apply(published_rules(), principal=inside, reason="First boot.")


def published_rules() -> list[RuleChange]:
    made = [RuleChange(category=name, action="share", to_agents=agents) for name, agents in SHARED.items()]
    made += [RuleChange(category=name, action="propagate", to_agents=agents) for name, agents in PROPAGATED.items()]
    made += [
        RuleChange(category=name, action="restrict", from_agent=agent)
        for agent, names in RESTRICTED.items()
        for name in names
    ]
    return made
