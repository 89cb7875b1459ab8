"""Removing a duplicate: one entry stays and takes over what only the other one had; undone as one act.

What goes over: tags, metadata that the kept one lacks, the higher importance, readers (the other agent itself, and whom
somebody gave a grant by hand), relationships, children and groups. ``metadata.merged_from`` and a relationship
``duplicate_of`` say where it came from. A copy gives nobody the right to write another agent's memory, and what a
restriction keeps with its agent stays there: then it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from agents_app.exceptions import DifferentReach, FurtherReaders, RemovalMoved
from agents_app.models import DuplicateRemoval
from memoryhub.access.exceptions import Conflict, Invalid, NotFound
from memoryhub.access.models import Agent, Grant
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit, grants
from memoryhub.access.walls import verb
from memoryhub.registry.exceptions import RestrictedCategory
from memoryhub.registry.models import ContextEntry, GroupMember, Relationship, Scope
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.services import acts, entries, versions
from memoryhub.registry.services.amendments import amend, amend_many, amendable, check_lock, check_removable
from memoryhub.registry.services.drafts import Change, changing_order
from memoryhub.registry.services.sharing import refuse_restricted

DUPLICATE_OF = "duplicate_of"
MERGED_FROM = "merged_from"
#: ``metadata.merged_from`` remembers so many; the removals themselves remember all.
MOST_REMEMBERED = 50
Moved = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Removed:
    """``removal_id`` is what ``undo`` takes. ``sync_version`` is that of the kept entry, ``tombstone`` of the other."""

    removal_id: UUID
    kept: UUID
    dropped: UUID
    sync_version: int
    tombstone: int


@verb
def remove(
    keep: UUID,
    drop: UUID,
    *,
    principal: Principal,
    reason: str = "",
    keep_version: int | None = None,
    drop_version: int | None = None,
    same_readers: bool = False,
) -> Removed:
    """Folds ``drop`` into ``keep`` and deletes it (a tombstone). With versions, only while both still have them.

    The value of ``keep`` stays as it is. ``same_readers``: only where whoever reads ``drop`` reads ``keep`` already.
    Raises NotFound, NotGranted, EntryStale, EntryLocked, LegalHold (either one), PermanentEntry, DifferentReach,
    FurtherReaders, RestrictedCategory, Invalid (the same entry twice).
    """
    if keep == drop:
        raise Invalid("drop", "These are one and the same entry. Name two.")
    kept, dropped = locked(keep, drop, principal, keep_version, drop_version)
    check_reach(kept, dropped)
    refuse_crossing(kept, dropped)
    if same_readers and readers(dropped) - readers(kept):
        raise FurtherReaders()
    check_removable(dropped, principal=principal, reason=reason)
    check_removable_hold(kept)
    moved = take_over_rights(kept, dropped, principal)
    moved |= take_over_links(kept, dropped, principal)
    before = kept.sync_version, dropped.sync_version
    after = take_over_attributes(kept, dropped, principal, reason)
    gone = amend(dropped, did="deleted", principal=principal, reason=why(kept, reason), deleted_at=ClockTimestamp())
    removal = DuplicateRemoval.objects.create(
        tenant_id=kept.tenant_id,
        kept=kept,
        dropped=dropped,
        kept_before=before[0],
        kept_after=after,
        dropped_before=before[1],
        dropped_after=gone.sync_version,
        moved=moved,
        reason=reason,
        removed_by=principal.actor,
    )
    record("agents.duplicate.removed", principal, removal, reason)
    return Removed(removal.pk, keep, drop, after, gone.sync_version)


def locked(
    keep: UUID, drop: UUID, principal: Principal, keep_version: int | None, drop_version: int | None
) -> tuple[ContextEntry, ContextEntry]:
    """Both entries, their rows locked in the order of their ids, as whoever decides a conflict locks them."""
    wanted = {keep: keep_version, drop: drop_version}
    found = {
        entry_id: amendable(entry_id, principal=principal, if_version=wanted[entry_id]) for entry_id in sorted(wanted)
    }
    return found[keep], found[drop]


def check_reach(kept: ContextEntry, dropped: ContextEntry) -> None:
    """The same scope and subject: agents that cannot see the one would lose it with the other."""
    columns = ("tenant_id", "scope", "user_id", "session_id")
    if any(getattr(kept, name) != getattr(dropped, name) for name in columns):
        raise DifferentReach()


def refuse_crossing(one: ContextEntry, other: ContextEntry) -> None:
    """Raises RestrictedCategory for the memories of two agents where one of them may not leave its agent."""
    if restricted_between(one, other):
        raise RestrictedCategory()


def restricted_between(one: ContextEntry, other: ContextEntry) -> bool:
    if one.agent_id == other.agent_id:
        return False
    try:
        for entry in (one, other):
            if entry.scope == Scope.AGENT:
                refuse_restricted(entry)
    except RestrictedCategory:
        return True
    return False


def check_removable_hold(kept: ContextEntry) -> None:
    if kept.legal_hold:
        raise Conflict(
            "The entry to be kept is under legal hold, so that nothing may be merged into it.", code="legal_hold"
        )


def why(kept: ContextEntry, reason: str) -> str:
    return reason or f"duplicate of {kept.key}"


# -- what goes over ------------------------------------------------------------------------------------


def take_over_attributes(kept: ContextEntry, dropped: ContextEntry, principal: Principal, reason: str) -> int:
    """One version of the kept entry; gives its number."""
    origin = {
        "entry_id": str(dropped.pk),
        "key": dropped.key,
        "version": dropped.sync_version,
        "agent_id": dropped.agent_id,
        "owner": dropped.owner,
    }
    history = [*remembered(dropped.metadata), *remembered(kept.metadata), origin][-MOST_REMEMBERED:]
    change = Change(
        tags=list(dict.fromkeys([*kept.tags, *dropped.tags])),
        metadata=dropped.metadata | kept.metadata | {MERGED_FROM: history},
        importance=max(kept.importance, dropped.importance),
        reason=reason or f"took over its duplicate {dropped.key}",
    )
    act = acts.act(principal, did="merged", reason=change.reason, key=kept.key)
    return entries.write(changing_order(change, kept.pk), act, principal).sync_version


def remembered(metadata: dict[str, Any]) -> list[Any]:
    found = metadata.get(MERGED_FROM)
    return found if isinstance(found, list) else []


def take_over_rights(kept: ContextEntry, dropped: ContextEntry, principal: Principal) -> Moved:
    """Whoever was given the dropped entry reads the kept one. Its author decides who writes it, so that a copy gives
    no right to write; and what rules give follows from the kept entry's own category.
    """
    wanted = new_readers(kept, dropped)
    if not wanted:
        return {"grants": []}
    refuse_restricted(kept)
    note = f"had it as {dropped.key}, a duplicate"
    grants.grant(principal=principal.within(kept.tenant_id), entry_id=kept.pk, agent_ids=wanted, note=note)
    return {"grants": [{"agent_id": agent_id, "had": None} for agent_id in wanted]}


def new_readers(kept: ContextEntry, dropped: ContextEntry) -> list[str]:
    """The agents that do not read the kept entry and would; those switched off can be given nothing."""
    if dropped.scope != Scope.AGENT:
        return []
    named = granted(dropped).filter(reason=Grant.Reason.EXPLICIT).values_list("agent_id", flat=True)
    wanted = {dropped.agent_id, *named} - readers(kept)
    active = Agent.objects.filter(tenant_id=dropped.tenant_id, agent_id__in=wanted, active=True)
    return sorted(active.values_list("agent_id", flat=True))


def readers(entry: ContextEntry) -> set[str | None]:
    """The agents that read an agent-scoped entry, for whatever reason; of another scope none is named."""
    if entry.scope != Scope.AGENT:
        return set()
    return {entry.agent_id, *granted(entry).values_list("agent_id", flat=True)}


def granted(entry: ContextEntry) -> QuerySet[Grant]:
    return Grant.objects.filter(entry_id=entry.pk, tenant_id=entry.tenant_id)


def take_over_links(kept: ContextEntry, dropped: ContextEntry, principal: Principal) -> Moved:
    moved: Moved = {"relationships": [], "dropped_relationships": []}
    links = Relationship.objects.filter(Q(source=dropped) | Q(target=dropped)).select_for_update().order_by("pk")
    for link in links:
        moved_link(link, kept, dropped, moved)
    made, new = Relationship.objects.get_or_create(
        source=dropped,
        target=kept,
        relationship_type=DUPLICATE_OF,
        defaults={"tenant_id": kept.tenant_id, "strength": 1.0, "author": principal.actor},
    )
    moved["duplicate_of"] = str(made.pk) if new else None
    return moved | take_over_family(kept, dropped, principal)


def moved_link(link: Relationship, kept: ContextEntry, dropped: ContextEntry, moved: Moved) -> None:
    """Points a relationship at the kept entry; one that this would double or tie to itself stays with the tombstone."""
    side = "source" if link.source_id == dropped.pk else "target"
    other = link.target_id if side == "source" else link.source_id
    if other == kept.pk:
        return
    ends = (
        {"source_id": kept.pk, "target_id": other} if side == "source" else {"source_id": other, "target_id": kept.pk}
    )
    if Relationship.objects.filter(**ends, relationship_type=link.relationship_type).exists():
        moved["dropped_relationships"].append(str(link.pk))
        return
    Relationship.objects.filter(pk=link.pk).update(**{f"{side}_id": kept.pk})
    moved["relationships"].append({"id": str(link.pk), "side": side})


def take_over_family(kept: ContextEntry, dropped: ContextEntry, principal: Principal) -> Moved:
    """Children get the kept entry as their parent, and it takes the dropped one's places in groups."""
    children = children_of(dropped.pk, other_than=kept.pk)
    if children:
        check_locks(children, principal)
        amend_many(children, did="changed", principal=principal, reason="its parent was a duplicate", parent=kept.pk)
    groups = GroupMember.objects.filter(entry=dropped).exclude(group__members__entry=kept)
    places = [GroupMember(tenant_id=place.tenant_id, group_id=place.group_id, entry=kept) for place in groups]
    GroupMember.objects.bulk_create(places)
    return {"children": [str(child) for child in children], "groups": [place.group_id for place in places]}


def children_of(parent: UUID, *, other_than: UUID) -> list[UUID]:
    found = ContextEntry.objects.filter(parent_id=parent).exclude(pk=other_than).order_by("pk")
    return list(found.select_for_update(of=("self",)).values_list("pk", flat=True))


def check_locks(children: Sequence[UUID], principal: Principal) -> None:
    """A new parent is a version of the child: whoever holds a lock of it comes first."""
    for child in children:
        check_lock(child, principal)


# -- undo ----------------------------------------------------------------------------------------------


@verb
def undo(removal_id: UUID, *, principal: Principal, reason: str = "") -> DuplicateRemoval:
    """Both entries are as they were before, by new versions; what had gone over goes back.

    Raises NotFound, RemovalMoved (one was changed since, or it is undone already), EntryLocked, NotGranted.
    """
    found: DuplicateRemoval | None = DuplicateRemoval.objects.visible_to(principal).filter(pk=removal_id).first()
    if found is None:
        raise NotFound("There is no such removal.")
    for entry_id in sorted((found.kept_id, found.dropped_id)):
        amendable(entry_id, principal=principal, deleted=True)
    rows = DuplicateRemoval.objects.select_for_update(of=("self",)).select_related("kept", "dropped")
    removal: DuplicateRemoval = rows.get(pk=removal_id)
    check_unmoved(removal)
    why_undone = reason or "removal of a duplicate undone"
    give_back(removal, principal)
    versions.restore(removal.dropped_id, principal=principal, version=removal.dropped_before, reason=why_undone)
    versions.restore(removal.kept_id, principal=principal, version=removal.kept_before, reason=why_undone)
    DuplicateRemoval.objects.filter(pk=removal_id).update(undone_by=principal.actor, undone_at=Now())
    removal.refresh_from_db()
    record("agents.duplicate.restored", principal, removal, reason)
    return removal


def check_unmoved(removal: DuplicateRemoval) -> None:
    if removal.undone_at is not None:
        raise RemovalMoved(f"{removal.undone_by} has undone this already.")
    versions_now = removal.kept.sync_version, removal.dropped.sync_version
    if versions_now != (removal.kept_after, removal.dropped_after):
        raise RemovalMoved()


def give_back(removal: DuplicateRemoval, principal: Principal) -> None:
    moved, inside = removal.moved, principal.within(removal.tenant_id)
    for granted in moved.get("grants", []):
        give_back_right(removal.kept_id, granted, inside)
    for link in moved.get("relationships", []):
        Relationship.objects.filter(pk=link["id"]).update(**{f"{link['side']}_id": removal.dropped_id})
    if moved.get("duplicate_of"):
        Relationship.objects.filter(pk=moved["duplicate_of"]).delete()
    give_back_family(removal, principal)


def give_back_right(entry_id: UUID, granted: dict[str, Any], principal: Principal) -> None:
    if granted["had"] is None:
        grants.revoke(principal=principal, entry_id=entry_id, agent_ids=[granted["agent_id"]])
        return
    Grant.objects.filter(entry_id=entry_id, agent_id=granted["agent_id"]).update(**granted["had"])


def give_back_family(removal: DuplicateRemoval, principal: Principal) -> None:
    named = removal.moved.get("children", [])
    still = ContextEntry.objects.filter(pk__in=named, parent_id=removal.kept_id).values_list("pk", flat=True)
    children = list(still.select_for_update(of=("self",)).order_by("pk"))
    if children:
        check_locks(children, principal)
        amend_many(children, did="changed", principal=principal, reason="its parent is back", parent=removal.dropped_id)
    GroupMember.objects.filter(entry_id=removal.kept_id, group_id__in=removal.moved.get("groups", [])).delete()


@verb
def latest(keep: UUID, drop: UUID, *, principal: Principal) -> DuplicateRemoval | None:
    """The newest removal of this pair that was not undone."""
    found: DuplicateRemoval | None = (
        DuplicateRemoval.objects.visible_to(principal)
        .filter(kept_id=keep, dropped_id=drop, undone_at=None)
        .order_by("-removed_at")
        .first()
    )
    return found


def record(action: str, principal: Principal, removal: DuplicateRemoval, reason: str) -> None:
    audit.record(
        action,
        principal=principal,
        tenant_id=removal.tenant_id,
        object_type="entry",
        object_id=removal.dropped_id,
        new={
            "removal_id": str(removal.pk),
            "kept": str(removal.kept_id),
            "kept_version": removal.kept_after,
            "dropped_version": removal.dropped_before,
        },
        reason=reason,
    )
