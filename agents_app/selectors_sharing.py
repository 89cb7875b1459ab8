"""Lists of what sharing is made of: rules, aliases, and the work that changed rules leave to do."""

from __future__ import annotations

from django.db.models import QuerySet

from agents_app.models import CategoryAlias, Regrant, SharingRule
from memoryhub.access.principals import Principal


def rules(
    *, principal: Principal, category: str | None = None, agent_id: str | None = None, action: str | None = None
) -> QuerySet[SharingRule]:
    """The rules of the principal's tenant; with an agent, those that name it as source or receiver."""
    found: QuerySet[SharingRule] = SharingRule.objects.visible_to(principal)
    if category:
        found = found.filter(category=category)
    if action:
        found = found.filter(action=action)
    if agent_id:
        found = found.filter(from_agent=agent_id) | found.filter(to_agents__contains=[agent_id])
    return found


def aliases(*, principal: Principal) -> QuerySet[CategoryAlias]:
    found: QuerySet[CategoryAlias] = CategoryAlias.objects.visible_to(principal)
    return found


def regrants(*, principal: Principal) -> QuerySet[Regrant]:
    found: QuerySet[Regrant] = Regrant.objects.visible_to(principal)
    return found
