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


class ConversationQuerySet(TenantQuerySet):
    """For models with ``user_id`` and the text ``session_id``."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(tenant_rows(principal) & conversation_reach(principal))


class OfSessionQuerySet(TenantQuerySet):
    """For models that point to their session."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(tenant_rows(principal) & conversation_reach(principal, "session__"))
