"""Conflicts as agents and admin keys list them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from agents_app.models import Candidate, Conflict
from agents_app.services.conflicts.reach import conflicts_in_reach
from memoryhub.access.principals import Principal

#: Filters that compare a column.
PLAIN = ("status", "severity", "kind", "category", "entry_id")


def listed(
    *,
    principal: Principal,
    agent_id: str | None = None,
    user_id: str | None = None,
    assignee: str | None = None,
    older_than: datetime | None = None,
    **plain: str | UUID | None,
) -> QuerySet[Conflict]:
    """The conflicts that the caller may see; evaluate behind its walls.

    ``agent_id``: whose memory it is, or who offers something. ``assignee``: a user name, "" for nobody's.
    """
    found = conflicts_in_reach(principal).filter(columns(plain))
    if agent_id is not None:
        offers = Candidate.objects.filter(conflict=OuterRef("pk"), agent_id=agent_id)
        found = found.filter(Q(agent_id=agent_id) | Q(agent_id=None, entry__owner=agent_id) | Exists(offers))
    if user_id is not None:
        found = found.filter(user_id=user_id)
    if assignee is not None:
        found = found.filter(Q(assignee__username=assignee) if assignee else Q(assignee=None))
    if older_than is not None:
        found = found.filter(created_at__lt=older_than)
    return found.select_related("assignee").prefetch_related("candidates")


def columns(plain: dict[str, Any]) -> Q:
    return Q(**{name: plain[name] for name in PLAIN if plain.get(name) is not None})
