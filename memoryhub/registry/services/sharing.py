"""Who else may see an agent-scoped entry: grants given and taken by hand."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from memoryhub.access.exceptions import Forbidden, Invalid
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal
from memoryhub.access.services import grants
from memoryhub.access.visibility import sees_everything
from memoryhub.access.walls import verb
from memoryhub.registry.models import ContextEntry, Scope
from memoryhub.registry.services.amendments import amendable
from memoryhub.registry.services.entries import REFUSALS

MAY_SHARE = "SELECT registry_may_share(r) FROM memory_context_registry r WHERE r.id = %s"


@verb
def of_entry(entry_id: UUID, *, principal: Principal) -> list[Grant]:
    """The grants of an entry, newest first. For those who may write it."""
    entry = amendable(entry_id, principal=principal, writing=False)
    return list(grants.of_entry(principal, entry.pk))


@verb
def share(
    entry_id: UUID, *, principal: Principal, agent_ids: Sequence[str], can_write: bool = False, note: str = ""
) -> list[Grant]:
    """Opens an agent-scoped entry to further agents; again with other rights changes the grant.

    Raises NotFound (the entry; an unknown or switched-off agent), Invalid (another scope needs no grant),
    Forbidden (only its own agent and admins may share it), RestrictedCategory.
    """
    entry = shareable(entry_id, principal)
    refuse_restricted(entry)
    others = [agent_id for agent_id in agent_ids if agent_id != entry.agent_id]
    return grants.grant(principal=principal, entry_id=entry.pk, agent_ids=others, can_write=can_write, note=note)


@verb
def unshare(entry_id: UUID, *, principal: Principal, agent_ids: Sequence[str] | None = None) -> list[str]:
    """Closes the entry to these agents (None: to all); gives those that lost it. Repeating changes nothing."""
    entry = shareable(entry_id, principal)
    return grants.revoke(principal=principal, entry_id=entry.pk, agent_ids=agent_ids)


def refuse_restricted(entry: ContextEntry) -> None:
    """Raises what the house rules (``registry_may_share``) have against it."""
    with connection.cursor() as cursor:
        cursor.execute(MAY_SHARE, [entry.pk])
        [(refused,)] = cursor.fetchall()
    if refused is not None:
        raise REFUSALS[refused]()


def shareable(entry_id: UUID, principal: Principal) -> ContextEntry:
    entry = amendable(entry_id, principal=principal, writing=False)
    if entry.scope != Scope.AGENT:
        raise Invalid("scope", "Only agent-scoped entries are shared with single agents.")
    owns = entry.agent_id == principal.agent_id
    if not owns and not principal.is_admin and not sees_everything(principal):
        raise Forbidden("Only the agent that owns this memory, or an admin, may share it.", code="not_yours_to_share")
    return entry
