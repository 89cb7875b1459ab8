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
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.models import ContextEntry, Scope
from memoryhub.registry.services import entries
from memoryhub.registry.services.amendments import amendable
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.entries import REFUSALS, Stored

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


def store_and_share(draft: Draft, *, principal: Principal, agent_ids: Sequence[str]) -> Stored:
    """Stores an agent-scoped entry and opens it to further agents, both or neither.

    Whoever may change it already keeps that. Raises what ``entries.store`` and ``share`` raise.
    """
    if not agent_ids:
        return entries.store(draft, principal=principal)
    if draft.scope != Scope.AGENT:
        raise Invalid("share_with_agents", "Only memories with the scope 'agent' are shared with single agents.")
    caller = principal.within(draft.tenant_id)
    with behind_walls(caller):
        stored = entries.store(draft, principal=caller)
        named = caller.naming(user_id=draft.user_id, session_id=draft.session_id)
        writers = set(grants.of_entry(named, stored.entry_id).filter(can_write=True).values_list("agent_id", flat=True))
        for can_write, wanted in ((False, set(agent_ids) - writers), (True, set(agent_ids) & writers)):
            if wanted:
                share(stored.entry_id, principal=named, agent_ids=sorted(wanted), can_write=can_write)
        return stored


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
