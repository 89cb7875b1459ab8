"""The first wall: the one predicate by which every door reads entries and the search index.

``memory_visible`` in SQL (see the search migration) says the same for the search function; a
property test holds the two equal.
"""

from __future__ import annotations

from typing import Any, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q

from memoryhub.access.models.grants import Grant
from memoryhub.access.models.tenancy import TenantQuerySet, tenant_rows
from memoryhub.access.principals import Principal
from memoryhub.access.walls import writes_global

__all__ = ["TenantQuerySet", "VisibleQuerySet", "tenant_rows", "visible", "writable"]


def sees_everything(principal: Principal) -> bool:
    """Staff and jobs govern whole tenants; agents see by scope."""
    return principal.kind in ("staff", "system")


def granted(principal: Principal, *, write: bool = False) -> Exists:
    grants = Grant.objects.filter(
        tenant_id=principal.tenant_id, entry_id=OuterRef("pk"), agent_id=principal.agent_id or ""
    )
    return Exists(grants.filter(can_write=True) if write else grants)


def users_in_reach(principal: Principal) -> Q:
    """User-scoped rows: of the named user; an admin key that names none reaches all of its tenant.

    Index rows of messages carry their session beside the user: naming either opens them.
    """
    if principal.named_user is None and principal.is_admin:
        return Q(scope="user")
    reach = Q(user_id=principal.named_user or "")
    if principal.named_session and not principal.bound_user:
        reach |= Q(session_id=principal.named_session)
    return Q(scope="user") & reach


def agents_in_reach(principal: Principal, *, write: bool = False) -> Q:
    """Agent-scoped rows: the agent's own and those granted to it; a key bound to a user stays with that user."""
    own = Q(agent_id=principal.agent_id or "")
    reach = Q(scope="agent") & (own | Q(granted(principal, write=write)))
    if principal.bound_user:
        reach &= Q(user_id__isnull=True) | Q(user_id=principal.bound_user)
    return reach


def scope_rows(principal: Principal, *, write: bool = False) -> Q:
    reach = Q(scope="tenant") | users_in_reach(principal) | agents_in_reach(principal, write=write)
    if principal.named_session:
        reach |= Q(scope="session", session_id=principal.named_session)
    return reach


def visible(principal: Principal) -> Q:
    """Rows with scope columns (entries, index rows) that the principal may read."""
    reach = tenant_rows(principal)
    if not sees_everything(principal):
        reach &= scope_rows(principal)
    return Q(scope="global") | reach


def writable(principal: Principal) -> Q:
    """Rows that the principal may change. Global ones need a platform admin key or unlimited staff."""
    reach = tenant_rows(principal)
    if not sees_everything(principal):
        reach &= scope_rows(principal, write=True)
    return reach | Q(scope="global") if writes_global(principal) else reach & ~Q(scope="global")


class VisibleQuerySet(models.QuerySet[Any]):
    """For models with the scope columns: scope, tenant_id, user_id, session_id, agent_id."""

    def visible_to(self, principal: Principal) -> Self:
        return self.filter(visible(principal))

    def writable_by(self, principal: Principal) -> Self:
        return self.filter(writable(principal))
