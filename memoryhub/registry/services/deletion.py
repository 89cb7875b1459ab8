"""Deleting leaves a tombstone that can be restored; erasing leaves nothing but the audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit, idempotency
from memoryhub.access.walls import verb
from memoryhub.registry import hooks
from memoryhub.registry.exceptions import EphemeralEntryError, LegalHold
from memoryhub.registry.models import AccessRecord, ContextEntry, EntryVersion, EphemeralEntry
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.services.amendments import amend, amendable, check_removable
from memoryhub.search.models import IndexRow, Vector
from memoryhub.sync.models import SyncEvent
from memoryhub.sync.services import outbox


@dataclass(frozen=True, slots=True)
class Deleted:
    """``restorable_until`` is None where nothing is left to restore (ephemeral entries)."""

    entry_id: UUID
    sync_version: int
    restorable_until: datetime | None


@verb
def delete(entry_id: UUID, *, principal: Principal, reason: str = "", if_version: int | None = None) -> Deleted:
    """Takes an entry out of sight. It can be restored for ``lifecycle.tombstone_days``; an ephemeral one is gone.

    Raises NotFound, NotGranted, EntryStale, LegalHold, PermanentEntry (needs admin and a reason).
    """
    try:
        entry = amendable(entry_id, principal=principal, if_version=if_version)
    except EphemeralEntryError:
        return delete_ephemeral(entry_id, principal=principal)
    check_removable(entry, principal=principal, reason=reason)
    gone = amend(entry, did="deleted", principal=principal, reason=reason, deleted_at=ClockTimestamp())
    assert gone.deleted_at is not None
    until = gone.deleted_at + timedelta(days=settings.CONFIG.lifecycle.tombstone_days)
    return Deleted(entry_id, gone.sync_version, until)


def delete_ephemeral(entry_id: UUID, *, principal: Principal) -> Deleted:
    found = EphemeralEntry.objects.writable_by(principal).filter(pk=entry_id)
    version = found.values_list("sync_version", flat=True).first()
    if version is None:
        raise NotFound()
    found.delete()
    audit.record("registry.entry.deleted", principal=principal, object_type="entry", object_id=entry_id)
    return Deleted(entry_id, version, None)


@verb
def erase(entry_id: UUID, *, principal: Principal, reason: str) -> None:
    """Removes an entry and every copy of its value, for good; tombstones too. Needs admin and a reason.

    The audit trail keeps version numbers and salted digests. Stores are told to drop their copies.
    Raises NotFound, ScopeMissing, Invalid (no reason), LegalHold.
    """
    principal.require("admin")
    if not reason.strip():
        raise Invalid("reason", "Erasing needs a reason; it stays in the audit trail.")
    try:
        entry = amendable(entry_id, principal=principal, deleted=True)
    except EphemeralEntryError:
        delete_ephemeral(entry_id, principal=principal)
        return
    if entry.legal_hold:
        raise LegalHold()
    audit.record(
        "registry.entry.erased",
        principal=principal,
        tenant_id=entry.tenant_id,
        object_type="entry",
        object_id=entry_id,
        old={"version": entry.sync_version, "digest": audit.digest(entry.value)},
        reason=reason,
    )
    obliterate([entry], principal=principal)


def obliterate(entries: Sequence[ContextEntry], *, principal: Principal) -> None:
    """Deletes locked entries with everything that holds a part of them, and tells the stores."""
    ids = [entry.pk for entry in entries]
    hooks.run_erasing(ids, principal)
    idempotency.forget_entries(principal=principal, entry_ids=ids)
    for rows in copies_of(ids):
        rows.delete()
    ContextEntry.objects.filter(pk__in=ids).delete()
    for entry in entries:
        gone = outbox.Change(
            event_type="entry.erased",
            object_id=entry.pk,
            context_key=str(entry.pk),
            version=entry.sync_version + 1,
            source=principal.actor,
            payload={"entry_id": str(entry.pk), "version": entry.sync_version + 1},
        )
        outbox.emit([gone], principal=replace(principal, tenant_id=entry.tenant_id))


def copies_of(ids: Sequence[UUID]) -> list[Any]:
    """What repeats an entry's key or value. Grants, relationships and memberships fall with the row itself."""
    return [
        IndexRow.objects.filter(pk__in=ids),
        Vector.objects.filter(row_id__in=ids),
        AccessRecord.objects.filter(entry_id__in=ids),
        SyncEvent.objects.filter(object_id__in=ids),
        EntryVersion.objects.filter(entry__in=ids),
    ]


def tombstones_due() -> Q:
    """Tombstones that can no longer be restored, and short_term entries archived long enough ago."""
    rules = settings.CONFIG.lifecycle
    deleted = Q(deleted_at__lt=ClockTimestamp() - timedelta(days=rules.tombstone_days))
    archived = Q(layer="short_term", archived_at__lt=ClockTimestamp() - timedelta(days=rules.purge_after_days))
    return deleted | archived
