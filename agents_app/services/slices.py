"""What one agent sees: its own memories and those granted to it, for one user or for all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from agents_app.services.profiles import tenant_of
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.content import text_of
from memoryhub.registry.models import ContextEntry, EntryLock
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.services import access_log
from memoryhub.registry.services.records import Entry, of_rows

Rows = QuerySet[ContextEntry]
#: Newest first: ids begin with the time.
ORDER = ("-id",)
DEFAULT_LIMIT = 200
BREAKDOWNS = {"by_type": "memory_type", "by_layer": "layer", "by_category": "category", "by_source_agent": "agent_id"}


@dataclass(frozen=True, slots=True)
class Slice:
    """The two halves of a slice, for one principal. Evaluate behind its walls."""

    own: Rows
    shared: Rows

    def newest(self, limit: int, before: UUID | None = None) -> list[ContextEntry]:
        """The ``limit`` newest of both, older than ``before``. Each half has its index; their union had none."""
        found = [row for half in (self.own, self.shared) for row in older(half, before).order_by(*ORDER)[:limit]]
        return sorted(found, key=lambda row: row.pk, reverse=True)[:limit]


def older(rows: Rows, before: UUID | None) -> Rows:
    return rows if before is None else rows.filter(pk__lt=before)


def narrowed(principal: Principal, *, agent_id: str, user_id: str | None, session_id: str | None) -> Principal:
    """The principal as this agent; with a user it reaches what is about that user or nobody, as a bound key would."""
    caller = replace(principal.naming(user_id=user_id, session_id=session_id), agent_id=agent_id)
    return replace(caller, bound_user=user_id) if user_id else caller


def halves(principal: Principal, *, session_id: str | None = None) -> Slice:
    """The slice of ``principal.agent_id``; with a session, what was stored in it."""
    seen: Rows = ContextEntry.objects.visible_to(principal).present().filter(scope="agent")
    if principal.bound_user:  # who governs the tenant sees everything, and asks for one user's here
        seen = seen.filter(Q(user_id=None) | Q(user_id=principal.bound_user))
    if session_id:
        seen = seen.filter(origin_session=session_id)
    granted = Grant.objects.filter(tenant_id=tenant_of(principal), agent_id=principal.agent_id or "")
    mine = Q(tenant_id=tenant_of(principal), agent_id=principal.agent_id or "")
    others = Q(tenant_id=tenant_of(principal), agent_id__isnull=False, pk__in=granted.values("entry_id"))
    return Slice(seen.filter(mine), seen.filter(others).exclude(agent_id=principal.agent_id or ""))


def of_agent(
    agent_id: str,
    *,
    principal: Principal,
    user_id: str | None = None,
    session_id: str | None = None,
    include_sync_metadata: bool = True,
    limit: int = DEFAULT_LIMIT,
    before: UUID | None = None,
) -> dict[str, Any]:
    """The newest ``limit`` memories of the slice older than ``before``, and figures about all of it.

    ``principal`` acts as that agent, or governs the tenant. With ``user_id`` the slice holds what is about that user
    or about nobody; with ``session_id`` only what was stored in that session. Gives ``agent_id``, ``user_id``,
    ``session_id``, ``memories`` (see :func:`documents`), ``statistics`` and ``next_before`` (None on the last page).
    What belongs to other agents is audited, one line for all of it. Raises Forbidden for another user than the key's.
    """
    started = perf_counter()
    principal.require("read")
    caller = narrowed(principal, agent_id=agent_id, user_id=user_id, session_id=session_id)
    with behind_walls(caller):
        found = halves(caller, session_id=session_id)
        rows = found.newest(limit + 1, before)
        entries = of_rows(rows[:limit])
        access_log.note(entries, principal=caller, operation="slice", started=started)
        return {
            "agent_id": agent_id,
            "user_id": user_id,
            "session_id": session_id,
            "memories": documents(entries, principal=caller, include_sync_metadata=include_sync_metadata),
            "statistics": statistics(found),
            "next_before": entries[-1].entry_id if len(rows) > limit else None,
        }


def documents(
    entries: Sequence[Entry], *, principal: Principal, include_sync_metadata: bool = True
) -> list[dict[str, Any]]:
    """Each entry's document with ``content`` (its text), ``is_shared``, ``source_agent`` (whose it is) and ``grant``
    (``reason``, ``can_write``, ``granted_at``; None for one's own); with sync metadata ``sync`` (``version``,
    ``updated_at``, ``disputed``, ``locked``, ``lock_holder``).
    """
    ids = [entry.entry_id for entry in entries]
    grants = grants_of(ids, principal)
    locks = locks_of(ids) if include_sync_metadata else {}
    return [
        entry.members
        | {"memory_id": str(entry.entry_id), "content": "" if entry.encrypted else text_of(entry.value)}
        | sharing_of(entry.entry_id, entry.agent_id, principal, grants)
        | ({"sync": sync_of(entry, locks)} if include_sync_metadata else {})
        for entry in entries
    ]


def grants_of(ids: Sequence[UUID], principal: Principal) -> dict[UUID, Grant]:
    """The grants by which the acting agent sees these entries."""
    mine = Grant.objects.filter(tenant_id=tenant_of(principal), agent_id=principal.agent_id or "", entry_id__in=ids)
    return {grant.entry_id: grant for grant in mine}


def sharing_of(entry_id: UUID, owner: str | None, principal: Principal, grants: dict[UUID, Grant]) -> dict[str, Any]:
    grant = grants.get(entry_id)
    shared = owner != principal.agent_id
    return {"is_shared": shared, "source_agent": owner, "grant": as_grant(grant) if grant and shared else None}


def as_grant(grant: Grant) -> dict[str, Any]:
    at = grant.created_at.isoformat().replace("+00:00", "Z")
    return {"reason": str(grant.reason), "can_write": grant.can_write, "granted_at": at}


def locks_of(ids: Sequence[UUID]) -> dict[UUID, str]:
    """Who holds the lock, by entry; only those that are locked now."""
    held = EntryLock.objects.filter(pk__in=ids, holder__isnull=False, expires_at__gt=ClockTimestamp())
    return dict(held.values_list("pk", "holder"))


def sync_of(entry: Entry, locks: dict[UUID, str]) -> dict[str, Any]:
    return {
        "version": entry.sync_version,
        "updated_at": entry.members["updated_at"],
        "disputed": entry.disputed,
        "locked": entry.entry_id in locks,
        "lock_holder": locks.get(entry.entry_id),
    }


def statistics(found: Slice) -> dict[str, Any]:
    """Exact figures about a whole slice, whatever page is shown."""
    own, shared = (counted(half) for half in (found.own, found.shared))
    both = own + shared
    return {
        "total_memories": both["total"],
        "own_memories": own["total"],
        "shared_memories": shared["total"],
        "disputed_memories": both["disputed"],
        "locked_memories": sum(locked(half) for half in (found.own, found.shared)),
        **{name: breakdown(both, column) for name, column in BREAKDOWNS.items()},
    }


def counted(rows: Rows) -> Counter[Any]:
    """``total``, ``disputed``, and (column, value) for each column that is broken down."""
    found: Counter[Any] = Counter()
    groups = rows.order_by().values(*BREAKDOWNS.values(), "disputed").annotate(n=Count("id"))
    for group in groups:
        found["total"] += group["n"]
        found["disputed"] += group["n"] * group["disputed"]
        for column in BREAKDOWNS.values():
            found[column, group[column]] += group["n"]
    return found


def breakdown(counts: Counter[Any], column: str) -> dict[str, int]:
    named = {key[1]: n for key, n in counts.items() if isinstance(key, tuple) and key[0] == column}
    return dict(sorted(named.items(), key=lambda pair: (-pair[1], pair[0])))


def locked(rows: Rows) -> int:
    return rows.filter(lock__holder__isnull=False, lock__expires_at__gt=ClockTimestamp()).count()
