"""Who may see, submit to and decide a conflict, and the row locks under which it happens.

Locks are taken in one order: the entry first, then the conflict.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db.models import Q, QuerySet

from agents_app.models import Conflict
from agents_app.services.conflicts.results import Place
from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.visibility import sees_everything, tenant_rows
from memoryhub.access.walls import writes_global
from memoryhub.registry.exceptions import EphemeralEntryError, NotGranted
from memoryhub.registry.models import ContextEntry, EphemeralEntry
from memoryhub.registry.models.entries import EntryQuerySet
from memoryhub.registry.services.addresses import writing_address

#: What the holder's name of a lock begins with that a reviewer has. The space keeps agents from naming themselves so.
REVIEW = "review: "


def governs(principal: Principal) -> bool:
    """Staff, jobs and admin keys decide about everything in their tenants, but a key bound to a user does not."""
    return sees_everything(principal) or (principal.is_admin and principal.bound_user is None)


def entries_in_reach(principal: Principal) -> EntryQuerySet:
    """The entries whose conflicts the principal may see, deleted ones included."""
    if not governs(principal):
        return ContextEntry.objects.visible_to(principal)
    reach = tenant_rows(principal)
    return ContextEntry.objects.filter(reach | Q(scope="global") if writes_global(principal) else reach)


def conflicts_in_reach(principal: Principal) -> QuerySet[Conflict]:
    """Conflicts of entries that the principal may see; evaluate behind its walls."""
    entries = entries_in_reach(principal)
    return Conflict.objects.filter(entry__in=entries).filter(Q(other=None) | Q(other__in=entries))


def writable_entry(target: UUID | Place, principal: Principal) -> ContextEntry | None:
    """The entry, locked; None where a place is empty. Tombstones count: a change may be offered to one.

    Raises NotFound (an id that is not visible), NotGranted (readable only), EphemeralEntryError.
    """
    found = by_place(target, principal) if isinstance(target, Place) else visible_id(target, principal)
    if found is None:
        return None
    if not ContextEntry.objects.writable_by(principal).filter(pk=found).exists():
        raise NotGranted()
    return locked_entry(found)


def visible_id(entry_id: UUID, principal: Principal) -> UUID:
    if ContextEntry.objects.visible_to(principal).filter(pk=entry_id).exists():
        return entry_id
    if EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id).exists():
        raise EphemeralEntryError()
    raise NotFound()


def by_place(place: Place, principal: Principal) -> UUID | None:
    """The entry there, if any. At another agent's place nobody learns of what was not granted."""
    caller = principal.naming(user_id=place.user_id, session_id=place.session_id)
    address = dict(writing_address(place.scope, caller, agent_id=place.agent_id))
    granted_only = address.pop("grantee", None) is not None
    columns = {name: address.get(name) for name in ("scope", "tenant_id", "user_id", "session_id", "agent_id")}
    rows = ContextEntry.objects.visible_to(caller) if granted_only else ContextEntry.objects.all()
    found: UUID | None = rows.filter(key=place.key, **columns).values_list("pk", flat=True).first()
    return found


def locked_entry(entry_id: UUID) -> ContextEntry:
    """The row, locked until the transaction ends. Raises NotFound when it was erased meanwhile."""
    entry: ContextEntry | None = ContextEntry.objects.filter(pk=entry_id).select_for_update(no_key=True).first()
    if entry is None:
        raise NotFound()
    return entry


def conflict_in_reach(conflict_id: UUID, principal: Principal) -> Conflict:
    found: Conflict | None = (
        conflicts_in_reach(principal)
        .select_related("entry", "other", "assignee")
        .prefetch_related("candidates")
        .filter(pk=conflict_id)
        .first()
    )
    if found is None:
        raise NotFound("There is no conflict of that id.")
    return found


def locked_conflict(conflict_id: UUID, principal: Principal) -> tuple[Conflict, ContextEntry]:
    """The conflict and its entry, both locked (the other entry of a finding too). Raises NotFound."""
    seen = conflict_in_reach(conflict_id, principal)
    ids = sorted(entry_id for entry_id in (seen.entry_id, seen.other_id) if entry_id is not None)
    entries = {entry_id: locked_entry(entry_id) for entry_id in ids}
    conflict: Conflict | None = Conflict.objects.select_for_update().filter(pk=conflict_id).first()
    if conflict is None:
        raise NotFound("There is no conflict of that id.")
    conflict.entry = entries[conflict.entry_id]
    if conflict.other_id is not None:
        conflict.other = entries[conflict.other_id]
    return conflict, conflict.entry


def check_may_decide(conflict: Conflict, principal: Principal, *, automatic: bool) -> None:
    """Staff and admin keys decide. The agent whose memory it is may let a strategy decide.

    Raises ScopeMissing, Forbidden ``not_yours_to_resolve``.
    """
    if principal.is_admin and may_write(conflict, principal):
        return
    principal.require("write")
    if governs(principal):
        return
    owner = conflict.agent_id or conflict.entry.owner
    if automatic and conflict.other_id is None and principal.agent_id and owner == principal.agent_id:
        return
    raise Forbidden(
        "Conflicts are resolved by people and by keys with the permission 'admin'. The agent whose memory it is may "
        "let one of the automatic strategies decide.",
        code="not_yours_to_resolve",
    )


def may_write(conflict: Conflict, principal: Principal) -> bool:
    """Seeing a conflict is not enough: a key bound to a user decides about what it could write itself."""
    if governs(principal):
        return True
    ids = {entry_id for entry_id in (conflict.entry_id, conflict.other_id) if entry_id is not None}
    return bool(ContextEntry.objects.writable_by(principal).filter(pk__in=ids).count() == len(ids))


def deciding_principal(principal: Principal) -> Principal:
    """Who governs decides in no agent's place: no agent's priority or memory types stand in the way."""
    if not governs(principal) or principal.agent_id is None:
        return principal
    return replace(principal, name=principal.actor, agent_id=None)


def governing(principal: Principal) -> Principal:
    """For verbs that look at the caller's own reach: an admin key reaches all of its tenant when it decides."""
    if sees_everything(principal) or not governs(principal):
        return principal
    return replace(principal, kind="system", name=principal.actor, agent_id=None)


def reviewer(principal: Principal, conflict: Conflict) -> Principal:
    """The name under which somebody holds an entry while deciding."""
    return replace(system_principal("review", conflict.tenant_id), name=review_name(principal))


def review_name(principal: Principal) -> str:
    return f"{REVIEW}{principal.actor}"
