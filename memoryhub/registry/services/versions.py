"""The history of an entry, and going back in it."""

from __future__ import annotations

from time import perf_counter
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.exceptions import EphemeralEntryError
from memoryhub.registry.models import ContextEntry, EntryVersion, EphemeralEntry
from memoryhub.registry.services import access_log, acts, entries
from memoryhub.registry.services.amendments import amendable
from memoryhub.registry.services.drafts import Change, changing_order
from memoryhub.registry.services.entries import Stored
from memoryhub.registry.services.records import of_rows

#: What a version brings back beside value and metadata. The layer stays: it says how long, not what.
RESTORED = ("priority", "category", "source", "memory_type", "importance", "tags", "encrypted")


@verb
def of_entry(entry_id: UUID, *, principal: Principal) -> QuerySet[EntryVersion]:
    """All versions, newest first; evaluate behind the principal's walls. Those of a tombstone are for its writers."""
    started = perf_counter()
    entry = readable(entry_id, principal)
    access_log.note(of_rows([entry]), principal=principal, operation="versions", started=started)
    found: QuerySet[EntryVersion] = EntryVersion.objects.filter(entry_id=entry_id)
    return found.order_by("-version")


def readable(entry_id: UUID, principal: Principal) -> ContextEntry:
    visible = ContextEntry.objects.visible_to(principal).filter(pk=entry_id)
    entry: ContextEntry | None = (
        visible.present(archived=True).first() or visible.writable_by(principal).exclude(deleted_at=None).first()
    )
    if entry is not None:
        return entry
    if EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id).exists():
        raise EphemeralEntryError()
    raise NotFound()


@verb
def restore(
    entry_id: UUID,
    *,
    principal: Principal,
    version: int | None = None,
    reason: str = "",
    if_version: int | None = None,
) -> Stored:
    """Makes an old version the newest one; revives what is archived, ended or deleted.

    Without ``version`` a deleted entry comes back as it was. Raises NotFound, NotGranted, EntryStale.
    """
    entry = amendable(entry_id, principal=principal, if_version=if_version, deleted=True)
    wanted = entry.sync_version if version is None else version
    old = EntryVersion.objects.filter(entry=entry, version=wanted).first()
    if old is None:
        raise NotFound(f"This entry has no version {wanted}. It has versions 1 to {entry.sync_version}.")
    change = Change(value=old.value, metadata=old.metadata, reason=reason, **restored(old.attributes))
    order = changing_order(change, entry_id, revive=True)
    act = acts.storing(principal, key=entry.key, value=old.value, reason=reason, did="restored")
    return entries.write(order, act, principal)


def restored(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: attributes[name] for name in RESTORED if name in attributes}
