"""Grants: one agent-scoped entry opened to one further agent.

This house knows neither entries nor rules: who calls has checked that the principal may share the entry,
and tells whom it concerns. A grant of a rule and one made by hand for the same agent are one row; what
somebody decided by hand is never narrowed by a rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import Agent, Grant
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb


@verb
def grant(
    *,
    principal: Principal,
    entry_id: UUID,
    agent_ids: Iterable[str],
    can_write: bool = False,
    reason: Grant.Reason = Grant.Reason.EXPLICIT,
    note: str = "",
) -> list[Grant]:
    """Opens an entry of the principal's tenant to agents; again with other rights changes the grant.

    NotFound names the agents that are unknown or switched off; then none is granted.
    """
    wanted = sorted(set(agent_ids))
    check_agents(principal, wanted)
    existing = {row.agent_id: row for row in of_entry(principal, entry_id).select_for_update()}
    given = {"can_write": can_write, "reason": reason, "note": note}
    return [
        changed(principal, existing[agent_id], given)
        if agent_id in existing
        else made(principal, entry_id, agent_id, given)
        for agent_id in wanted
    ]


def check_agents(principal: Principal, agent_ids: list[str]) -> None:
    known = Agent.objects.visible_to(principal).filter(agent_id__in=agent_ids, active=True)
    missing = sorted(set(agent_ids) - set(known.values_list("agent_id", flat=True)))
    if missing:
        raise NotFound(f"There is no active agent {', '.join(repr(name) for name in missing)} in this tenant.")


def of_entry(principal: Principal, entry_id: UUID) -> QuerySet[Grant]:
    """The grants of an entry, in the principal's tenant."""
    found: QuerySet[Grant] = Grant.objects.visible_to(principal).filter(entry_id=entry_id)
    return found


def made(principal: Principal, entry_id: UUID, agent_id: str, given: dict[str, Any]) -> Grant:
    assert principal.tenant_id is not None  # its agents were found in it
    row, new = Grant.objects.get_or_create(
        entry_id=entry_id,
        agent_id=agent_id,
        defaults={**given, "tenant_id": principal.tenant_id, "created_by": principal.actor},
    )
    if not new:  # another request was faster: it is a change now
        return changed(principal, row, given)
    record("access.grant.made", principal, row, new=described(row))
    return row


def changed(principal: Principal, row: Grant, given: dict[str, Any]) -> Grant:
    if given["reason"] != Grant.Reason.EXPLICIT and row.reason == Grant.Reason.EXPLICIT:
        return row
    old = described(row)
    for field, value in given.items():
        setattr(row, field, value)
    if described(row) != old:
        row.save(update_fields=list(given))
        record("access.grant.changed", principal, row, old=old, new=described(row))
    return row


@verb
def revoke(
    *,
    principal: Principal,
    entry_id: UUID,
    agent_ids: Iterable[str] | None = None,
    reasons: Iterable[Grant.Reason] | None = None,
) -> list[str]:
    """Closes an entry to these agents (None: to all), where granted for these reasons (None: any).

    Gives the agents that lost it; closing what is not open changes nothing.
    """
    rows = of_entry(principal, entry_id)
    rows = rows if agent_ids is None else rows.filter(agent_id__in=list(agent_ids))
    rows = rows if reasons is None else rows.filter(reason__in=list(reasons))
    gone = list(rows.select_for_update())
    for row in gone:
        record("access.grant.revoked", principal, row, old=described(row))
    Grant.objects.filter(pk__in=[row.pk for row in gone]).delete()
    return [row.agent_id for row in gone]


def described(row: Grant) -> dict[str, Any]:
    return {"agent_id": row.agent_id, "can_write": row.can_write, "reason": str(row.reason)}


def record(action: str, principal: Principal, row: Grant, **values: Any) -> None:
    audit.record(
        action, principal=principal, tenant_id=row.tenant_id, object_type="entry", object_id=row.entry_id, **values
    )
