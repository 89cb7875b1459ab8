"""The rows of a conflict: opening it, adding what is offered, writing down what was decided, telling everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from agents_app.exceptions import TooManyOffers
from agents_app.models import Candidate, Conflict, Notice
from agents_app.resolution import Case, preview_all
from agents_app.services import notices
from agents_app.services.conflicts.results import AUTOMATIC
from agents_app.services.conflicts.severity import due_at, severity_of
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.sync.models import SyncEvent
from memoryhub.sync.services import outbox

Decision = Mapping[str, Any]
#: In the evidence: the strategy that failed, and the severity before it was raised for age.
FAILED, RAISED = "failed_strategy", "raised_from"
#: A conflict holds so many offers at most: each may be as large as a value, and whoever reads it gets all of them.
MOST_OFFERS = 50


def offer(
    entry: ContextEntry,
    *,
    principal: Principal,
    base_version: int | None,
    value: Any,
    attributes: Mapping[str, Any],
    deletes: bool,
    written_at: datetime | None,
    replica_id: UUID | None,
    reason: str,
) -> Candidate:
    """An unsaved candidate; its clock is never ahead of ours."""
    now = timezone.now()
    importance = attributes.get("importance")
    return Candidate(
        tenant_id=entry.tenant_id,
        agent_id=principal.actor,
        base_version=base_version,
        deletes=deletes,
        value=None if deletes else value,
        attributes=dict(attributes),
        importance=entry.importance if importance is None else importance,
        written_at=min(written_at or now, now),
        replica_id=replica_id,
        reason=reason,
    )


def open_conflict(
    entry: ContextEntry, kind: Conflict.Kind, case: Case, *, strategy: str, why: str, failed: str = ""
) -> Conflict:
    """A new open conflict of a locked entry that has none; its candidates are added with ``attach``.

    ``failed`` names a strategy that could have decided, but failed.
    """
    clashes = preview_all(case)["merge_content"].clashes
    severity = severity_of(entry, clashes=clashes, deletes=any(offered.deletes for offered in case.offers))
    conflict = Conflict.objects.create(
        **about(entry),
        kind=kind,
        severity=severity,
        due_at=due_at(severity),
        base_version=case.offers[0].base_version if case.offers else None,
        current_version=entry.sync_version,
        strategy=strategy,
        escalation_reason=why,
        evidence={FAILED: failed, "tries": 1} if failed else {},
    )
    mark_disputed(entry, True)
    return conflict


def about(entry: ContextEntry) -> dict[str, Any]:
    return {
        "tenant_id": entry.tenant_id,
        "entry": entry,
        "key": entry.key,
        "category": entry.category,
        "user_id": entry.user_id,
        "agent_id": entry.agent_id,
    }


def attach(conflict: Conflict, candidate: Candidate) -> Candidate:
    """Adds what is offered as the next candidate. Raises TooManyOffers."""
    offers = conflict.candidates.count()
    if offers >= MOST_OFFERS:
        raise TooManyOffers(conflict_id=str(conflict.pk))
    candidate.conflict = conflict
    candidate.position = offers + 1
    candidate.save(force_insert=True)
    return candidate


def record_decision(entry: ContextEntry, kind: Conflict.Kind, candidate: Candidate, decision: Decision) -> Conflict:
    """What a strategy decided by itself, kept so that people see it and can undo it."""
    conflict = Conflict.objects.create(
        **about(entry),
        kind=kind,
        status=Conflict.Status.RESOLVED,
        base_version=candidate.base_version,
        current_version=entry.sync_version,
        decided_by=AUTOMATIC,
        decided_at=Now(),
        **decision,
    )
    attach(conflict, candidate)
    return conflict


def note_of(conflict: Conflict, **fields: Any) -> Conflict:
    """Changes what is no part of the question: whoever is deciding need not look again."""
    Conflict.objects.filter(pk=conflict.pk).update(updated_at=ClockTimestamp(), **fields)
    conflict.refresh_from_db(fields=[*fields, "updated_at"])
    return conflict


def change(conflict: Conflict, **fields: Any) -> Conflict:
    """Changes a locked conflict, raising its version: what was shown of it holds no more."""
    Conflict.objects.filter(pk=conflict.pk).update(version=F("version") + 1, updated_at=ClockTimestamp(), **fields)
    conflict.refresh_from_db()
    return conflict


def mark_disputed(entry: ContextEntry, disputed: bool) -> None:
    """Beside the versions: what is offered is no change of the entry."""
    ContextEntry.objects.filter(pk=entry.pk).update(disputed=disputed)
    entry.disputed = disputed


def refresh_disputed(entry: ContextEntry) -> None:
    mark_disputed(entry, open_conflict_of(entry) is not None)


def open_conflict_of(entry: ContextEntry) -> Conflict | None:
    found: Conflict | None = Conflict.objects.filter(entry=entry, other=None, status=Conflict.Status.OPEN).first()
    return found


# -- telling -----------------------------------------------------------------------------------------


def announce(
    conflict: Conflict, entry: ContextEntry, did: str, *, principal: Principal, reason: str = "", **said: Any
) -> None:
    """Audit line and, for those concerned, an event of the topic ``conflict``. ``did``: opened, resolved, undone, …"""
    audit.record(
        f"agents.conflict.{did}",
        principal=principal,
        tenant_id=conflict.tenant_id,
        object_type="conflict",
        object_id=conflict.pk,
        new={"entry_id": str(entry.pk), "version": conflict.version, "entry_version": entry.sync_version, **said},
        reason=reason,
    )
    event = outbox.Change(
        event_type=f"conflict.{did}",
        object_id=conflict.pk,
        context_key=conflict.key,
        version=conflict.version,
        source=principal.actor,
        priority=conflict.severity,
        payload={"conflict_id": str(conflict.pk), "entry_id": str(entry.pk), "agents": concerned(conflict, entry)},
    )
    outbox.emit([event], principal=replace(principal, tenant_id=conflict.tenant_id))
    notices.announced(did, conflict, principal=principal)


def concerned(conflict: Conflict, entry: ContextEntry) -> list[str]:
    """The agents that should hear of it: owner, author, whoever offered something, and who has a grant."""
    agents = {entry.agent_id or entry.owner, entry.author}
    agents |= set(conflict.candidates.values_list("agent_id", flat=True))
    agents |= set(Grant.objects.filter(tenant_id=entry.tenant_id, entry_id=entry.pk).values_list("agent_id", flat=True))
    if conflict.other is not None:
        agents |= {conflict.other.agent_id or conflict.other.owner}
    return sorted(agent for agent in agents if agent)


def forget(entry_ids: Sequence[UUID], principal: Principal) -> None:
    """A hook of erasing: what was announced repeats the entry's key. The conflicts themselves fall with the entry."""
    erased = Conflict.objects.filter(Q(entry__in=entry_ids) | Q(other__in=entry_ids))
    told = Notice.objects.filter(conflict__in=erased)
    for rows in (erased, told):
        SyncEvent.objects.filter(object_id__in=list(rows.values_list("pk", flat=True))).delete()
