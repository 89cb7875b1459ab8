"""Who sees a conversation: the same rule as for the index rows of its messages."""

from __future__ import annotations

from typing import Self

from django.db.models import Q

from memoryhub.access.principals import Principal
from memoryhub.access.visibility import TenantQuerySet, sees_everything, tenant_rows


def conversation_reach(principal: Principal, prefix: str = "") -> Q:
    """Conversations without a user are the tenant's; others are for callers that name the user or the session.

    ``prefix`` leads to the model that has ``user_id`` and ``session_id``, such as ``session__``.
    """
    if sees_everything(principal) or (principal.named_user is None and principal.is_admin):
        return Q()
    reach = Q(**{f"{prefix}user_id__isnull": True}) | Q(**{f"{prefix}user_id": principal.named_user or ""})
    if principal.named_session and not principal.bound_user:
        reach |= Q(**{f"{prefix}session_id": principal.named_session})
    return reach


def reaches(principal: Principal, tenant_id: str, user_id: str | None, session_id: str | None) -> bool:
    """``conversation_reach`` of one conversation that is at hand, for a caller inside its tenant; others: False."""
    if principal.tenant_id != tenant_id:
        return False
    if sees_everything(principal) or (principal.named_user is None and principal.is_admin):
        return True
    opened = principal.named_session if not principal.bound_user else None
    return user_id is None or user_id == (principal.named_user or "") or bool(opened and session_id == opened)


class ConversationQuerySet(TenantQuerySet):
    """For models with ``user_id`` and the text ``session_id``."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(tenant_rows(principal) & conversation_reach(principal))


class OfSessionQuerySet(TenantQuerySet):
    """For models that point to their session."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(tenant_rows(principal) & conversation_reach(principal, "session__"))
