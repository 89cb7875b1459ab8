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
from memoryhub.registry.services.entries import REFUSALS

#: An order without content: only something about the entry changes.
MAY_AMEND = "SELECT registry_may_write(r, '{}', %s::jsonb, false) FROM memory_context_registry r WHERE r.id = %s"
RECORD = (
    "SELECT registry_record(e, %s, job->'act') FROM jsonb_array_elements(%s::jsonb) AS job "
    "JOIN memory_context_registry e ON e.id = (job->>'id')::uuid ORDER BY e.id"
)


def amendable(
    entry_id: UUID, *, principal: Principal, if_version: int | None = None, deleted: bool = False
) -> ContextEntry:
    """The durable entry, locked, archived or not; a tombstone only with ``deleted``.

    Raises NotFound, NotGranted (readable only), EphemeralEntryError, EntryStale.
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
    if if_version is not None and entry.sync_version != if_version:
        raise EntryStale(entry.sync_version, entry_id=str(entry_id))
    return entry


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
        raise REFUSALS[refused]()


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
