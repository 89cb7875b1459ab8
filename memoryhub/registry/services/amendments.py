"""Changes of durable entries beside their value: each is a version, audited and announced like a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.registry.exceptions import EntryStale, EphemeralEntryError, LegalHold, NotGranted, PermanentEntry
from memoryhub.registry.models import ContextEntry, EphemeralEntry, Scope
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.services import acts
from memoryhub.registry.services.entries import refusal_named

#: An order without content: only something about the entry changes.
MAY_AMEND = "SELECT registry_may_write(r, '{}', %s::jsonb, false) FROM memory_context_registry r WHERE r.id = %s"
RECORD = (
    "SELECT registry_record(e, %s, job->'act') FROM jsonb_array_elements(%s::jsonb) AS job "
    "JOIN memory_context_registry e ON e.id = (job->>'id')::uuid ORDER BY e.id"
)


def amendable(
    entry_id: UUID,
    *,
    principal: Principal,
    if_version: int | None = None,
    deleted: bool = False,
    writing: bool = True,
) -> ContextEntry:
    """The durable entry, its row locked, archived or not; a tombstone only with ``deleted``.

    ``writing=False``: only what belongs to it changes, so that nobody's lock of it stands in the way.
    Raises NotFound, NotGranted (readable only), EphemeralEntryError, EntryLocked, StaleFence, EntryStale.
    """
    visible = ContextEntry.objects.visible_to(principal).filter(pk=entry_id)
    visible = visible if deleted else visible.present(archived=True)
    entry: ContextEntry | None = visible.select_for_update(of=("self",)).first()
    if entry is None:
        if EphemeralEntry.objects.visible_to(principal).present().filter(pk=entry_id).exists():
            raise EphemeralEntryError()
        raise NotFound()
    if not ContextEntry.objects.writable_by(principal).filter(pk=entry_id).exists():
        raise NotFound() if entry.deleted_at else NotGranted()
    if writing:
        check_lock(entry_id, principal)
    if if_version is not None and entry.sync_version != if_version:
        raise EntryStale(entry.sync_version, entry_id=str(entry_id))
    return entry


def check_lock(entry_id: UUID, principal: Principal) -> None:
    """Raises EntryLocked or StaleFence where a lock forbids the caller to write. The caller holds the entry's row."""
    act = json.dumps({"actor": principal.actor, "fence": principal.fence})
    with connection.cursor() as cursor:
        cursor.execute("SELECT registry_lock_refusal(%s, %s::jsonb)", [entry_id, act])
        (refused,) = cursor.fetchone()
    if refused:
        raise refusal_named(refused)


def check_removable(entry: ContextEntry, *, principal: Principal, reason: str) -> None:
    """Raises LegalHold; PermanentEntry unless an admin gives a reason."""
    if entry.legal_hold:
        raise LegalHold()
    if entry.layer == "permanent" and not (principal.is_admin and reason.strip()):
        raise PermanentEntry()


def amend(entry: ContextEntry, *, did: str, principal: Principal, reason: str = "", **fields: Any) -> ContextEntry:
    """Writes the fields as a new version of a locked entry; gives the entry as it is then.

    Raises what the house rules have against it (LowerPriority).
    """
    refuse_by_rules(entry, principal)
    amend_many([entry.pk], did=did, principal=principal, reason=reason, keys={entry.pk: entry.key}, **fields)
    entry.refresh_from_db()
    return entry


def refuse_by_rules(entry: ContextEntry, principal: Principal) -> None:
    """An agent's own memory is its own business; what another one does to it the rules may forbid."""
    if entry.scope != Scope.AGENT or principal.agent_id in (None, entry.agent_id):
        return
    with connection.cursor() as cursor:
        cursor.execute(MAY_AMEND, [json.dumps(acts.act(principal)), entry.pk])
        [(refused,)] = cursor.fetchall()
    if refused is not None:
        raise refusal_named(refused)


def amend_many(
    ids: Sequence[UUID],
    *,
    did: str,
    principal: Principal,
    reason: str = "",
    keys: dict[UUID, str] | None = None,
    **fields: Any,
) -> None:
    """The same change of several locked entries, in two statements."""
    named = keys or dict(ContextEntry.objects.filter(pk__in=ids).values_list("pk", "key"))
    ContextEntry.objects.filter(pk__in=ids).update(
        sync_version=F("sync_version") + 1, updated_at=ClockTimestamp(), author=principal.actor, **fields
    )
    jobs = [{"id": str(pk), "act": acts.act(principal, did=did, reason=reason, key=key)} for pk, key in named.items()]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, [did, json.dumps(jobs, ensure_ascii=False)])
