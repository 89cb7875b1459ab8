"""Loads a conflict as the case that strategies and merge look at."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from agents_app.models import AgentProfile, Candidate, Conflict, Rank
from agents_app.resolution import Case, Committed, Offer, Snapshot
from agents_app.resolution.cases import ATTRIBUTES, RANK_OF_PERSON
from agents_app.services.conflicts.results import AUTOMATIC
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import ContextEntry, EntryVersion


def case_of(entry: ContextEntry, candidates: Iterable[Candidate], *, proposal: bool = False) -> Case:
    """The case of an entry as it stands and what is offered instead; call it behind walls that show both."""
    offered = list(candidates)
    ranks = ranks_of(entry.tenant_id, [entry.author, *(candidate.agent_id for candidate in offered)])
    bases = base_versions(entry, [candidate.base_version for candidate in offered])
    offers = tuple(offer_of(candidate, bases.get(candidate.base_version), ranks, proposal) for candidate in offered)
    whole = entry.encrypted or any(offer.attributes.get("encrypted") for offer in offers)
    return Case(committed(entry, ranks), offers, whole=whole)


def case_of_conflict(conflict: Conflict, entry: ContextEntry) -> Case:
    if conflict.other is not None:
        return case_of_finding(entry, conflict.other)
    return case_of(entry, conflict.candidates.all(), proposal=conflict.kind == Conflict.Kind.PROPOSAL)


def case_of_finding(entry: ContextEntry, other: ContextEntry) -> Case:
    """Two entries that say the same, or the opposite: the other one's value is the offer."""
    ranks = ranks_of(entry.tenant_id, [entry.author, other.author])
    current = committed(other, ranks)
    offer = Offer(
        value=current.value,
        agent_id=current.agent_id,
        importance=current.importance,
        rank=current.rank,
        written_at=current.written_at,
    )
    return Case(committed(entry, ranks), (offer,), whole=entry.encrypted or other.encrypted)


def ranks_of(tenant_id: str | None, agent_ids: Iterable[str]) -> dict[str, int]:
    """Numbers by agent, 1 to 4; agents without a profile are medium."""
    found = AgentProfile.objects.filter(tenant_id=tenant_id, agent_id__in=set(agent_ids))
    return {agent_id: Rank(priority).number for agent_id, priority in found.values_list("agent_id", "priority")}


def committed(entry: ContextEntry, ranks: dict[str, int]) -> Committed:
    gone = entry.deleted_at is not None
    return Committed(
        value=MISSING if gone else entry.value,
        attributes=attributes_of(entry),
        agent_id=entry.author,
        version=entry.sync_version,
        importance=entry.importance,
        rank=RANK_OF_PERSON if decided_by_person(entry) else ranks.get(entry.author, Rank.MEDIUM.number),
        written_at=written_at(entry),
    )


def decided_by_person(entry: ContextEntry) -> bool:
    """The newest version is what a reviewer decided; an agent's strategy for its own memory is no person."""
    decided = Conflict.objects.filter(entry=entry, version_after=entry.sync_version, status=Conflict.Status.RESOLVED)
    return bool(decided.exclude(decided_by__in=[AUTOMATIC, entry.agent_id or entry.owner]).exists())


def written_at(entry: ContextEntry) -> datetime:
    """When the newest version was made: by its agent's clock where it came late, else by the hub's."""
    newest = EntryVersion.objects.filter(entry=entry, version=entry.sync_version)
    told: datetime | None = newest.values_list("written_at", flat=True).first()
    return told or entry.updated_at


def attributes_of(entry: ContextEntry) -> dict[str, Any]:
    """The attributes that travel with a value, as JSON."""
    said = {name: getattr(entry, name) for name in ATTRIBUTES if name not in ("expires_at", "parent_id", "session_id")}
    return said | {
        "tags": list(entry.tags),
        "expires_at": entry.expires_at and entry.expires_at.isoformat(),
        "parent_id": entry.parent_id and str(entry.parent_id),
        "session_id": entry.origin_session,
    }


def attributes_of_version(version: EntryVersion) -> dict[str, Any]:
    said = {name: version.attributes[name] for name in ATTRIBUTES if name in version.attributes}
    ends = version.attributes.get("expires_at")
    return said | {
        "metadata": version.metadata,
        "expires_at": datetime.fromisoformat(ends).isoformat() if ends else None,
        "session_id": version.attributes.get("origin_session"),
    }


def base_versions(entry: ContextEntry, numbers: Iterable[int | None]) -> dict[int | None, Snapshot]:
    wanted = {number for number in numbers if number is not None}
    found = EntryVersion.objects.filter(entry=entry, version__in=wanted)
    return {version.version: snapshot(version) for version in found}


def snapshot(version: EntryVersion) -> Snapshot:
    gone = version.attributes.get("deleted", False)
    return Snapshot(MISSING if gone else version.value, attributes_of_version(version))


def offer_of(candidate: Candidate, base: Snapshot | None, ranks: dict[str, int], proposal: bool) -> Offer:
    return Offer(
        value=MISSING if candidate.deletes else candidate.value,
        attributes=candidate.attributes,
        agent_id=candidate.agent_id,
        base=base,
        base_version=candidate.base_version,
        importance=candidate.importance,
        rank=ranks.get(candidate.agent_id, Rank.MEDIUM.number),
        written_at=candidate.written_at,
        proposal=proposal,
    )
