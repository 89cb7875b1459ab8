"""Taking a decision back: the entry gets a compensating version, or the conflict is put before people again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agents_app.exceptions import ResultMoved
from agents_app.models import Candidate, Conflict
from agents_app.services.conflicts import findings, records, writing
from agents_app.services.conflicts.cases import attributes_of, attributes_of_version
from agents_app.services.conflicts.moves import moved
from agents_app.services.conflicts.reach import check_may_decide, deciding_principal, locked_conflict
from agents_app.services.conflicts.results import Decided
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.diffs import MISSING, compare
from memoryhub.registry.models import ContextEntry, EntryVersion

#: A compensating version leaves these as they are: when an entry ends and where it came from is no part of a decision.
LEFT = ("expires_at", "session_id")
#: What the evidence says of the former question only: who asks again wants no strategy to decide, and nothing is
#: written yet that could be undone.
DECIDED = (
    records.FAILED,
    "tries",
    records.RAISED,
    findings.REMOVAL,
    findings.OTHER_BEFORE,
    findings.OTHER_AFTER,
)


@verb
def undo(
    conflict_id: UUID, *, principal: Principal, reason: str = "", reopen: bool = False, as_new: bool = False
) -> Decided:
    """Takes a decision back. What it wrote is compensated by a new version with the former content.

    ``reopen`` puts the same question before people again, as a new conflict; so does undoing a decision that wrote
    nothing. Where the entry was changed since, ``as_new`` writes the former content over that; without it the answer
    is ResultMoved. Raises NotFound, Forbidden, ConflictMoved (there is no decision to undo), EntryLocked.
    """
    conflict, entry = locked_conflict(conflict_id, principal)
    check_may_decide(conflict, principal, automatic=conflict.other_id is None)
    if conflict.status not in (Conflict.Status.RESOLVED, Conflict.Status.DISMISSED):
        raise moved(conflict, entry, f"This conflict is {conflict.status}: there is no decision to undo.")
    wrote = conflict.version_after is not None
    took_other = findings.unfold(conflict, entry, principal=principal, reason=reason, as_new=as_new)
    if not took_other:
        if wrote:
            take_back(conflict, entry, principal=principal, reason=reason, as_new=as_new)
        took_other = findings.take_back(conflict, principal=principal, reason=reason, as_new=as_new)
    records.change(conflict, status=Conflict.Status.UNDONE, undone_by=principal.actor, undone_at=Now())
    entry.refresh_from_db()
    again = reopened(conflict, entry) if reopen or not (wrote or took_other) else None
    records.refresh_disputed(entry)
    records.announce(conflict, entry, "undone", principal=principal, reason=reason)
    if again is not None:
        records.announce(again, entry, "opened", principal=principal, reason=again.escalation_reason)
    return Decided(conflict, entry.pk, entry.sync_version, again.pk if again else None)


def take_back(conflict: Conflict, entry: ContextEntry, *, principal: Principal, reason: str, as_new: bool) -> None:
    assert conflict.version_before is not None
    if entry.sync_version != conflict.version_after and not as_new:
        raise result_moved(conflict, entry)
    why = reason or f"undone: decision of conflict {conflict.pk}"
    back_to(entry, conflict.version_before, principal=principal, reason=why)


def result_moved(conflict: Conflict, entry: ContextEntry) -> ResultMoved:
    return ResultMoved(
        f"{entry.author} wrote version {entry.sync_version} after the decision's version {conflict.version_after}. "
        f"Send as_new to restore version {conflict.version_before} as a new version over it.",
        conflict_id=str(conflict.pk),
        entry_version=entry.sync_version,
        version_after=conflict.version_after,
        version_before=conflict.version_before,
    )


def back_to(entry: ContextEntry, number: int, *, principal: Principal, reason: str) -> int:
    """Writes what the locked entry was at that version as its newest one."""
    old = EntryVersion.objects.get(entry=entry, version=number)
    decider = deciding_principal(principal)
    attributes: dict[str, Any] = {}
    if not old.attributes.get("deleted"):
        now = attributes_of(entry)
        attributes = {
            name: said
            for name, said in attributes_of_version(old).items()
            if name not in LEFT and compare(now[name], said)
        }
        parent = attributes.get("parent_id")
        if parent and not writing.may_have_parent(entry, UUID(parent), decider):
            del attributes["parent_id"]
    value = MISSING if old.attributes.get("deleted") else old.value
    return writing.write(entry, value, attributes, principal=decider, did="restored", reason=reason)


def reopened(conflict: Conflict, entry: ContextEntry) -> Conflict | None:
    """The same question as a new open conflict; what was offered joins one that is open already."""
    why = f"the decision of conflict {conflict.pk} was undone"
    if conflict.other is not None:
        open_one = findings.open_finding(entry, conflict.other)
    else:
        open_one = records.open_conflict_of(entry)
    again = open_one or Conflict.objects.create(
        **records.about(entry),
        kind=conflict.kind,
        other=conflict.other,
        severity=conflict.severity,
        due_at=conflict.due_at,
        base_version=conflict.base_version,
        current_version=entry.sync_version,
        strategy=conflict.strategy,
        escalation_reason=why,
        confidence=conflict.confidence,
        evidence={name: said for name, said in conflict.evidence.items() if name not in DECIDED},
        assignee=conflict.assignee,
    )
    for candidate in conflict.candidates.all():
        records.attach(again, copied(candidate))
    return records.change(again) if open_one else again


def copied(candidate: Candidate) -> Candidate:
    candidate.pk = new_id()
    candidate._state.adding = True
    return candidate
