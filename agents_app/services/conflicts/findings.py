"""Duplicates and contradictions that a job found: two entries, and what a decision does to both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from agents_app.exceptions import RemovalMoved
from agents_app.models import Conflict, DuplicateRemoval
from agents_app.resolution import preview_all
from agents_app.services import duplicates
from agents_app.services.conflicts import records, writing
from agents_app.services.conflicts.cases import case_of_finding
from agents_app.services.conflicts.reach import deciding_principal, governing, locked_entry
from agents_app.services.conflicts.severity import due_at, severity_of
from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import ContextEntry

KINDS = (Conflict.Kind.DUPLICATE, Conflict.Kind.CONTRADICTION)
#: In the evidence: the versions that were compared, and those of the other entry around a decision.
SEEN, OTHER_SEEN = "entry_version", "other_version"
OTHER_BEFORE, OTHER_AFTER = "other_version_before", "other_version_after"
#: Also there: the removal of a duplicate, which knows what went over to the entry that was kept.
REMOVAL = "removal_id"


@verb
def create_found(
    kind: str,
    entry: ContextEntry | UUID,
    other: ContextEntry | UUID,
    *,
    confidence: float,
    evidence: Mapping[str, Any],
    principal: Principal,
) -> Conflict | None:
    """Puts a pair of entries before people: ``kind`` duplicate or contradiction, ``confidence`` 0 to 1.

    None where nothing is to be done: the pair is open already, was decided at the versions that both still have, or is
    of two agents and a restriction keeps one of the values with its agent.
    Raises NotFound when one of them is gone, Invalid for an entry paired with itself.
    """
    if kind not in KINDS:
        raise Invalid("kind", "A job finds duplicates and contradictions.")
    one, two = locked_pair(pk_of(entry), pk_of(other))
    if open_finding(one, two) is not None or decided_already(one, two) or duplicates.restricted_between(one, two):
        return None
    severity = severity_of(one, clashes=preview_all(case_of_finding(one, two))["merge_content"].clashes, deletes=False)
    conflict = Conflict.objects.create(
        **records.about(one),
        kind=kind,
        other=two,
        severity=severity,
        due_at=due_at(severity),
        current_version=one.sync_version,
        confidence=confidence,
        evidence={**evidence, SEEN: one.sync_version, OTHER_SEEN: two.sync_version},
        escalation_reason="found by comparing memories",
    )
    records.announce(conflict, one, "opened", principal=principal)
    return conflict


def pk_of(entry: ContextEntry | UUID) -> UUID:
    return entry if isinstance(entry, UUID) else entry.pk


def locked_pair(one: UUID, two: UUID) -> tuple[ContextEntry, ContextEntry]:
    if one == two:
        raise Invalid("other", "An entry does not contradict itself.")
    rows = {pk: locked_entry(pk) for pk in sorted((one, two))}
    return rows[one], rows[two]


def pair(one: ContextEntry, two: ContextEntry) -> Q:
    return Q(entry=one, other=two) | Q(entry=two, other=one)


def open_finding(one: ContextEntry, two: ContextEntry) -> Conflict | None:
    found: Conflict | None = Conflict.objects.filter(pair(one, two), status=Conflict.Status.OPEN).first()
    return found


def decided_already(one: ContextEntry, two: ContextEntry) -> bool:
    """Somebody has decided about the pair, and neither entry changed since it was compared or written then."""
    last = Conflict.objects.filter(pair(one, two)).order_by("-created_at").first()
    if last is None:
        return False
    first, second = (one, two) if last.entry_id == one.pk else (two, one)
    known = {last.version_after, last.evidence.get(SEEN)}
    other_known = {last.evidence.get(OTHER_AFTER), last.evidence.get(OTHER_SEEN)}
    return first.sync_version in known and second.sync_version in other_known


def settle_other(conflict: Conflict, value: Any, *, principal: Principal, reason: str) -> dict[str, Any]:
    """What a decision does to the other entry: a duplicate goes, a contradicting one gets the decided value too.

    Gives what is added to the evidence, so that it can be undone. Raises RestrictedCategory where one agent's value
    would go to another against a restriction.
    """
    other = conflict.other
    assert other is not None
    if value is not MISSING:
        duplicates.refuse_crossing(conflict.entry, other)
    wanted = MISSING if conflict.kind == Conflict.Kind.DUPLICATE else value
    before = other.sync_version
    if wanted is MISSING and value is not MISSING and other.deleted_at is None:
        return fold(conflict, other, principal=principal, reason=reason)
    if wanted is not MISSING and other.deleted_at is None and other.value == wanted:
        return {}
    why = f"{reason} (conflict {conflict.pk}, decided with entry {conflict.entry_id})"
    after = writing.write(other, wanted, {}, principal=deciding_principal(principal), did="resolved", reason=why)
    return {OTHER_BEFORE: before, OTHER_AFTER: after} if after != before else {}


def fold(conflict: Conflict, duplicate: ContextEntry, *, principal: Principal, reason: str) -> dict[str, Any]:
    """The decided entry takes over what only its duplicate had: readers, tags, relationships."""
    removed = duplicates.remove(
        conflict.entry_id, duplicate.pk, principal=governing(principal), reason=reason or "duplicate"
    )
    before = DuplicateRemoval.objects.get(pk=removed.removal_id).dropped_before
    return {OTHER_BEFORE: before, OTHER_AFTER: removed.tombstone, REMOVAL: str(removed.removal_id)}


def unfold(conflict: Conflict, entry: ContextEntry, *, principal: Principal, reason: str, as_new: bool) -> bool:
    """Takes the removal of a duplicate back, and what the decision wrote before it; False where there is none, or
    where ``as_new`` goes over changes made since.
    """
    found = DuplicateRemoval.objects.filter(pk=conflict.evidence.get(REMOVAL), undone_at=None).first()
    if found is None:
        return False
    from agents_app.services.conflicts.undoing import back_to, result_moved

    try:
        with transaction.atomic():
            duplicates.undo(found.pk, principal=governing(principal), reason=reason)
    except RemovalMoved as error:
        if as_new:
            return False
        raise result_moved(conflict, entry) from error
    entry.refresh_from_db()
    if conflict.version_before is not None and conflict.version_before != found.kept_before:
        back_to(entry, conflict.version_before, principal=principal, reason=reason)
    return True


def take_back(conflict: Conflict, *, principal: Principal, reason: str, as_new: bool) -> bool:
    """Undoes what a decision did to the other entry; False where it did nothing."""
    before, after = conflict.evidence.get(OTHER_BEFORE), conflict.evidence.get(OTHER_AFTER)
    if conflict.other is None or after is None:
        return False
    from agents_app.services.conflicts.undoing import back_to, result_moved

    if conflict.other.sync_version != after and not as_new:
        raise result_moved(conflict, conflict.other)
    back_to(conflict.other, before, principal=principal, reason=reason or f"undone: conflict {conflict.pk}")
    return True
