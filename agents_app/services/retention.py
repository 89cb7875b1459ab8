"""Steps of a sync run by which an agent's memories end: at the retention that its profile names, and at their end.

What is stored gets its end when it is stored. When a retention changes, ends that the hub gave are moved: an end that
lies whole days (or the hub's own ``short_term_days``) after a version was written; ends that a caller named stay.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents_app.models import AgentProfile, SyncRun
from memoryhub.access.principals import Principal
from memoryhub.registry.models import ContextEntry, EphemeralEntry, Layer
from memoryhub.registry.models.entries import ClockTimestamp, MemoryType
from memoryhub.registry.models.locks import unlocked
from memoryhub.registry.services.amendments import amend_many
from memoryhub.registry.services.lifecycle import archive_slice

DAY = 86_400
#: Ends that came longer before the last run were another run's, or the hourly sweep's.
LOOKS_BACK = timedelta(days=1)

WRONG_ENDS = """
SELECT e.id, e.expires_at, v.created_at + make_interval(secs => %(seconds)s)
FROM memory_context_registry e CROSS JOIN LATERAL (
  SELECT v.created_at FROM memory_context_versions v
  WHERE v.entry_id = e.id AND e.expires_at > v.created_at
    AND (extract(epoch FROM e.expires_at - v.created_at) %% 86400 = 0
         OR e.expires_at = v.created_at + make_interval(secs => %(hub_seconds)s))
  ORDER BY v.version DESC LIMIT 1
) v
WHERE e.tenant_id = %(tenant)s AND e.agent_id = %(agent)s AND e.scope = 'agent' AND e.layer = 'short_term'
  AND (%(user)s::text IS NULL OR e.user_id = %(user)s)
  AND e.archived_at IS NULL AND e.deleted_at IS NULL AND NOT e.legal_hold
  AND e.expires_at <> v.created_at + make_interval(secs => %(seconds)s)
  AND NOT EXISTS (SELECT FROM memory_locks l
                  WHERE l.entry_id = e.id AND l.holder IS NOT NULL AND l.expires_at > clock_timestamp())
ORDER BY e.id LIMIT %(limit)s
"""
HELD = "FOR NO KEY UPDATE OF e SKIP LOCKED"
STILL_LOCKED = """
SELECT EXISTS (
  SELECT FROM memory_locks l JOIN memory_context_registry e ON e.id = l.entry_id
  WHERE l.tenant_id = %s AND l.holder IS NOT NULL AND l.expires_at > clock_timestamp()
    AND e.agent_id = %s AND e.layer = 'short_term')
"""

#: Entries by how far their end is to be moved.
Ends = dict[timedelta, list[UUID]]


def retention(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """A changed retention for what is stored: ends are moved, and what is past its new end is archived.

    Leaves out what is under legal hold; what is locked is left for a later run.
    """
    profile = AgentProfile.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id).first()
    if profile is None:
        return {}
    days = float(profile.retention_days or settings.CONFIG.lifecycle.short_term_days)
    if profile.retention_applied == days and not run.forced:
        return {}
    found = wrong_ends(run, days, limit)
    did = move(found, f"retention of {days:g} days", principal)
    if len(found) >= limit:
        return did | {"more": 1}
    if run.user_id is None and not still_locked(run) and not asked_for_ends(run, days, 1):
        AgentProfile.objects.filter(pk=profile.pk).update(retention_applied=days)
    return did


def wrong_ends(run: SyncRun, days: float, limit: int) -> list[tuple[UUID, datetime, datetime]]:
    """Entries, now held, whose end the hub gave by another retention: id, end, and the end that it should be.

    Asked about locks once more when the rows are held: one may have been granted while they were looked for.
    """
    found = asked_for_ends(run, days, limit, HELD)
    free = set(ContextEntry.objects.filter(unlocked(), pk__in=[row[0] for row in found]).values_list("pk", flat=True))
    return [row for row in found if row[0] in free]


def asked_for_ends(run: SyncRun, days: float, limit: int, how: str = "") -> list[tuple[UUID, datetime, datetime]]:
    """Without ``HELD`` also rows that somebody is writing at this moment."""
    asked = {
        "tenant": run.tenant_id,
        "agent": run.agent_id,
        "user": run.user_id,
        "seconds": days * DAY,
        "hub_seconds": settings.CONFIG.lifecycle.short_term_days * DAY,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(WRONG_ENDS + how, asked)
        return list(cursor.fetchall())


def still_locked(run: SyncRun) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(STILL_LOCKED, [run.tenant_id, run.agent_id])
        return bool(cursor.fetchone()[0])


def move(found: list[tuple[UUID, datetime, datetime]], reason: str, principal: Principal) -> dict[str, int]:
    over: Ends = defaultdict(list)
    ahead: Ends = defaultdict(list)
    now = timezone.now()
    for entry_id, end, wanted in found:
        (over if wanted <= now else ahead)[wanted - end].append(entry_id)
    amend_by(ahead, did="changed", reason=reason, principal=principal)
    amend_by(over, did="expired", reason=reason, principal=principal, archived_at=ClockTimestamp())
    archived = sum(len(ids) for ids in over.values())
    return {"retention_changed": len(found) - archived, "memories_archived": archived}


def amend_by(ends: Ends, *, did: str, reason: str, principal: Principal, **fields: Any) -> None:
    for by, ids in ends.items():
        amend_many(ids, did=did, principal=principal, reason=reason, expires_at=F("expires_at") + by, **fields)


def clean_up(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """What came to its end since the last run is archived now and not at the next sweep: working memories first."""
    due = ended(run)
    working = archive_slice(
        due.filter(memory_type=MemoryType.WORKING), did="expired", reason="", principal=principal, limit=limit
    )
    others = archive_slice(due, did="expired", reason="", principal=principal, limit=limit - working)
    dropped = drop_ephemeral(run, limit)
    more = {"more": 1} if working + others >= limit or dropped >= limit else {}
    return {"working_memories_removed": working + dropped, "memories_archived": others} | more


def ended(run: SyncRun) -> QuerySet[ContextEntry]:
    last = AgentProfile.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id).values_list("last_synced_at")
    since = last.first()
    recent = Q() if run.forced or not since or since[0] is None else Q(expires_at__gt=since[0] - LOOKS_BACK)
    rows: QuerySet[ContextEntry] = ContextEntry.objects.filter(
        whose(run), recent, expires_at__lte=ClockTimestamp(), archived_at=None, deleted_at=None, legal_hold=False
    ).exclude(layer=Layer.PERMANENT)
    return rows


def drop_ephemeral(run: SyncRun, limit: int) -> int:
    over = EphemeralEntry.objects.filter(whose(run), expires_at__lte=ClockTimestamp())
    ids = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
    return int(EphemeralEntry.objects.filter(pk__in=ids).delete()[0])


def whose(run: SyncRun) -> Q:
    """The agent's own memories; of a run about one user, those about that user."""
    own = Q(tenant_id=run.tenant_id, scope="agent", agent_id=run.agent_id)
    return own if run.user_id is None else own & Q(user_id=run.user_id)
