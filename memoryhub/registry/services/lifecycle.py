"""How entries age: archived and brought back, held, reinforced; and the sweeps that do it by themselves.

A sweep does one slice and says how many entries it changed. It skips what somebody is changing or has
locked, and what is under legal hold, and can be repeated or broken off at any time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.registry.layers import lives, slides
from memoryhub.registry.models import ContextEntry, EphemeralEntry, Layer
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.models.locks import unlocked
from memoryhub.registry.services.amendments import amend, amend_many, amendable
from memoryhub.registry.services.deletion import obliterate, tombstones_due
from memoryhub.registry.strength import strength

DECAYING = (Layer.SHORT_TERM, Layer.LONG_TERM)
LARGEST_FACTOR = 10.0


@verb
def archive(entry_id: UUID, *, principal: Principal, reason: str = "", if_version: int | None = None) -> ContextEntry:
    """Takes an entry out of everyday sight; ``include_archived`` still finds it. Archiving twice changes nothing."""
    entry = amendable(entry_id, principal=principal, if_version=if_version)
    if entry.archived_at is not None:
        return entry
    return amend(entry, did="archived", principal=principal, reason=reason, archived_at=ClockTimestamp())


@verb
def unarchive(entry_id: UUID, *, principal: Principal, reason: str = "", if_version: int | None = None) -> ContextEntry:
    """Brings an archived entry back; one whose end has passed gets a new one by its layer."""
    entry = amendable(entry_id, principal=principal, if_version=if_version)
    if entry.archived_at is None:
        return entry
    end = {"expires_at": F("expires_at")}
    if ContextEntry.objects.filter(pk=entry_id, expires_at__lte=ClockTimestamp()).exists():
        life = lives().get(entry.layer)
        end = {
            "expires_at": None if life is None else ClockTimestamp() + timedelta(seconds=life),  # type: ignore[dict-item]
            "slides_seconds": slides().get(entry.layer),  # type: ignore[dict-item]
        }
    return amend(entry, did="unarchived", principal=principal, reason=reason, archived_at=None, **end)


@verb
def hold(entry_id: UUID, *, principal: Principal, on: bool, reason: str, if_version: int | None = None) -> ContextEntry:
    """Puts a legal hold on an entry, or lifts it: while it lasts nothing ends, deletes or erases the entry.

    Needs admin and a reason. Holds a tombstone too.
    """
    principal.require("admin")
    if not reason.strip():
        raise Invalid("reason", "A legal hold is set and lifted with a reason.")
    entry = amendable(entry_id, principal=principal, if_version=if_version, deleted=True)
    if entry.legal_hold == on:
        return entry
    return amend(entry, did="held" if on else "released", principal=principal, reason=reason, legal_hold=on)


@verb
def reinforce(
    entry_id: UUID, *, principal: Principal, factor: float = 1.2, reason: str = "", if_version: int | None = None
) -> ContextEntry:
    """Makes an entry last longer: its half-life grows by ``factor`` (1 to 10), and it counts as used now.

    A short_term entry reinforced ``lifecycle.reinforcements_to_long_term`` times becomes long_term.
    """
    if not 1 <= factor <= LARGEST_FACTOR:
        raise Invalid("reinforcement_factor", f"Name a factor from 1 to {LARGEST_FACTOR:g}.")
    entry = amendable(entry_id, principal=principal, if_version=if_version)
    fields = {
        "stability": entry.stability * factor,
        "reinforcements": entry.reinforcements + 1,
        "last_accessed_at": ClockTimestamp(),
    }
    often_enough = entry.reinforcements + 1 >= settings.CONFIG.lifecycle.reinforcements_to_long_term
    if entry.layer == Layer.SHORT_TERM and often_enough:
        fields |= {"layer": Layer.LONG_TERM, "expires_at": None}
    return amend(entry, did="reinforced", principal=principal, reason=reason, **fields)


@verb
def archive_session(session_id: str, *, principal: Principal, limit: int = 500) -> int:
    """Archives up to ``limit`` session-layer entries of a session that ends, and drops its ephemeral ones."""
    mine = Q(tenant_id=principal.tenant_id, origin_session=session_id)
    EphemeralEntry.objects.filter(mine | Q(tenant_id=principal.tenant_id, session_id=session_id)).delete()
    due = ContextEntry.objects.filter(mine, layer=Layer.SESSION, archived_at=None, deleted_at=None, legal_hold=False)
    return archive_slice(due, did="archived", reason="session ended", principal=principal, limit=limit)


@verb
def unarchive_session(session_id: str, *, principal: Principal, since: datetime, limit: int = 500) -> int:
    """Brings back up to ``limit`` session-layer entries that were archived since the session ended; gives how many."""
    archived = ContextEntry.objects.filter(
        tenant_id=principal.tenant_id,
        origin_session=session_id,
        layer=Layer.SESSION,
        archived_at__gte=since,
        deleted_at=None,
    )
    ids = claimed(archived, limit)
    if ids:
        life, slide = lives()[Layer.SESSION], slides()[Layer.SESSION]
        end: dict[str, Any] = {"expires_at": ClockTimestamp() + timedelta(seconds=life), "slides_seconds": slide}
        amend_many(ids, did="unarchived", principal=principal, reason="session resumed", archived_at=None, **end)
    return len(ids)


@verb
def expire_due(*, principal: Principal, limit: int) -> int:
    """Archives entries whose end has come, and drops ephemeral ones; gives how many."""
    dropped = drop_ephemeral(limit)
    due = ContextEntry.objects.filter(
        expires_at__lte=ClockTimestamp(), archived_at=None, deleted_at=None, legal_hold=False
    )
    return dropped + archive_slice(due, did="expired", reason="", principal=principal, limit=limit - dropped)


def drop_ephemeral(limit: int) -> int:
    due = EphemeralEntry.objects.filter(expires_at__lte=ClockTimestamp()).order_by("expires_at")
    ids = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
    return int(EphemeralEntry.objects.filter(pk__in=ids).delete()[0])


@verb
def archive_weak(*, principal: Principal, limit: int) -> int:
    """Archives short_term and long_term entries weaker than ``lifecycle.archive_below``; gives how many.

    Not before one half-life has passed since the last use, so that what was stored as unimportant is seen at all.
    """
    rules = settings.CONFIG.lifecycle
    rested = ClockTimestamp() - timedelta(days=rules.half_life_days)
    weak = (
        ContextEntry.objects.filter(
            Q(last_accessed_at=None) | Q(last_accessed_at__lt=rested),
            updated_at__lt=rested,
            layer__in=DECAYING,
            archived_at=None,
            deleted_at=None,
            legal_hold=False,
        )
        .annotate(strength=strength())
        .filter(strength__lt=rules.archive_below)
    )
    return archive_slice(weak, did="archived", reason="strength below the threshold", principal=principal, limit=limit)


def archive_slice(due: QuerySet[ContextEntry], *, did: str, reason: str, principal: Principal, limit: int) -> int:
    ids = claimed(due, limit)
    if ids:
        amend_many(ids, did=did, principal=principal, reason=reason, archived_at=ClockTimestamp())
    return len(ids)


def claimed(due: QuerySet[ContextEntry], limit: int) -> list[UUID]:
    """Ids of entries whose rows are now held for the sweep. Asked about locks once more when they are: one may have
    been granted while the rows were looked for.
    """
    free = due.filter(unlocked()).order_by("pk").select_for_update(skip_locked=True, of=("self",))
    ids = list(free.values_list("pk", flat=True)[: max(limit, 0)])
    return list(ContextEntry.objects.filter(unlocked(), pk__in=ids).values_list("pk", flat=True)) if ids else []


@verb
def purge(*, principal: Principal, limit: int) -> int:
    """Removes for good what was deleted, or archived from short_term, longer ago than the settings say."""
    due = ContextEntry.objects.filter(tombstones_due(), legal_hold=False)
    found = list(ContextEntry.objects.filter(pk__in=claimed(due, limit)))
    for entry in found:
        audit.record(
            "registry.entry.purged",
            principal=principal,
            tenant_id=entry.tenant_id,
            object_type="entry",
            object_id=entry.pk,
            old={"version": entry.sync_version, "digest": audit.digest(entry.value)},
        )
    if found:
        obliterate(found, principal=principal)
    return len(found)
