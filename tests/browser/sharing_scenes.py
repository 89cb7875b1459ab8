"""Two tenants that share by rules: the published four agents, and a studio with more agents than fit across."""

from __future__ import annotations

from agents_app.services import categories, sharing, sharing_defaults
from agents_app.services.sharing import RuleChange
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

SYSTEM = system_principal("demo")
TEAM, STUDIO = "northwind", "studio"
FOUR = ("alden", "alice", "mimic", "sentry")
NOTES = {
    "alden": [("preference", 14), ("system_knowledge", 6), ("personal_conversations", 9), ("behavioral_insights", 3)],
    "alice": [("behavioral_patterns", 11), ("user_preferences", 4), ("cognitive_models", 5)],
    "sentry": [("security_alerts", 8), ("security_incidents", 5), ("security_credentials", 2)],
    "mimic": [("persona_templates", 7), ("behavioral_patterns", 2)],
}
CREW = ("art", "audio", "build", "casting", "design", "editor", "lights", "props", "script", "story")


def play() -> dict[str, str]:
    people(TEAM, "Northwind", FOUR)
    sharing_defaults.install(principal=SYSTEM, tenant_id=TEAM)
    for agent, kept in NOTES.items():
        for category, many in kept:
            notes(agent, category, many)
    people(STUDIO, "Studio", CREW)
    inside = SYSTEM.within(STUDIO)
    rules = [
        RuleChange(category="scenes", action="share", to_agents=["art", "lights", "props", "story"], can_write=True),
        RuleChange(category="drafts", action="propagate", from_agent="script", to_agents=["editor", "story"]),
        RuleChange(category="contracts", action="restrict"),
        RuleChange(category="salaries", action="restrict", from_agent="casting"),
    ]
    sharing.save_rules(rules, principal=inside, reason="First season.")
    categories.save_alias(principal=inside, alias="draft", category="drafts")
    return {"team": TEAM, "studio": STUDIO}


def people(tenant: str, name: str, names: tuple[str, ...]) -> None:
    tenants.ensure(principal=SYSTEM, tenant_id=tenant, name=name)
    for agent in names:
        agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id=agent)


def notes(agent: str, category: str, many: int) -> None:
    by = Principal(
        kind="key", name=agent, tenant_id=TEAM, agent_id=agent, named_user="sam", permissions=frozenset({"write"})
    )
    for number in range(many):
        draft = Draft(
            key=f"{category}/{number}", value=f"{category} {number}", scope="agent", user_id="sam", category=category
        )
        entries.store(draft, principal=by)
