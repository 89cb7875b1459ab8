"""A person (or the owner, by a strategy) decides a conflict: previewed and written by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agents_app.models import Conflict, Strategy
from agents_app.resolution import preview_all
from agents_app.resolution.applying import UNNAMED, Resolution, apply
from agents_app.resolution.merging import Problem
from agents_app.resolution.strategies import side_of
from agents_app.services.conflicts import desk, findings, records, writing
from agents_app.services.conflicts.cases import case_of_conflict
from agents_app.services.conflicts.moves import check_unmoved
from agents_app.services.conflicts.reach import (
    check_may_decide,
    conflict_in_reach,
    deciding_principal,
    locked_conflict,
)
from agents_app.services.conflicts.results import Decided, Preview
from memoryhub.access.exceptions import HubError, Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import access_log
from memoryhub.registry.services.drafts import UNSET, Unset, check_value
from memoryhub.registry.services.records import of_rows

Choices = Mapping[str, Any]


@verb
def preview(
    conflict_id: UUID,
    *,
    principal: Principal,
    strategy: str | None = None,
    choices: Choices | None = None,
    value: Any = UNSET,
) -> Preview:
    """What a decision would write now. Changes nothing. Raises NotFound, Invalid (an unknown strategy)."""
    started = perf_counter()
    conflict = conflict_in_reach(conflict_id, principal)
    note_read(conflict, principal, started)
    return previewed(conflict, conflict.entry, strategy, choices, value)


@verb
def read(conflict_id: UUID, *, principal: Principal) -> tuple[Conflict, Preview | None]:
    """The conflict with its candidates, and while it is open what a merge would give. Raises NotFound.

    Like every reading it is noted, in the audit trail too where the memory is another agent's.
    """
    started = perf_counter()
    conflict = conflict_in_reach(conflict_id, principal)
    note_read(conflict, principal, started)
    is_open = conflict.status == Conflict.Status.OPEN
    return conflict, previewed(conflict, conflict.entry, None, None, UNSET) if is_open else None


def note_read(conflict: Conflict, principal: Principal, started: float) -> None:
    """What a conflict shows are the values of its entries."""
    shown = [conflict.entry] if conflict.other is None else [conflict.entry, conflict.other]
    access_log.note(of_rows(shown), principal=principal, operation="conflict", started=started)


def previewed(
    conflict: Conflict, entry: ContextEntry, strategy: str | None, choices: Choices | None, value: Any
) -> Preview:
    case = case_of_conflict(conflict, entry)
    strategies = preview_all(case)
    if strategy and strategy not in strategies:
        raise Invalid("strategy", f"Choose one of {', '.join(strategies)}.")
    own = UNNAMED if isinstance(value, Unset) else value
    side = side_of(strategies[strategy].winner) if strategy else None
    made = apply(case, side=side, choices=choices, value=own)
    errors = [*made.errors, *problems_of(made)]
    return Preview(
        conflict_id=conflict.pk,
        conflict_version=conflict.version,
        entry_version=entry.sync_version,
        strategy=strategy or "",
        paths=made.paths,
        strategies=strategies,
        value=made.value,
        attributes=made.attributes,
        valid=not errors,
        errors=errors,
        changed=made.changed(),
        choices=dict(choices or {}),
        clashes=made.clashes,
        case=case,
    )


def problems_of(made: Resolution) -> list[Problem]:
    """Why the registry would not take the result."""
    found = []
    try:
        if made.value is not MISSING:
            check_value(made.value)
    except HubError as error:
        found.append(Problem("", error.message))
    return found + writing.problems_of_attributes(made.attributes)


@verb
def resolve(
    conflict_id: UUID,
    *,
    principal: Principal,
    conflict_version: int | None = None,
    entry_version: int | None = None,
    strategy: str | None = None,
    choices: Choices | None = None,
    value: Any = UNSET,
    reason: str = "",
) -> Decided:
    """Writes the decision: entry, version, audit, sync event and conflict together.

    With the versions of a preview, exactly what it showed is written; without them (an automatic strategy only), what
    stands now. Raises NotFound, Forbidden, ConflictMoved, Invalid (clashes without a pick; picks that do not go;
    a result that the registry does not take), EntryLocked, PermanentEntry, LegalHold.
    """
    conflict, entry = locked_conflict(conflict_id, principal)
    picked = bool(choices) or not isinstance(value, Unset)
    automatic = bool(strategy) and strategy != Strategy.MANUAL_REVIEW and not picked
    check_may_decide(conflict, principal, automatic=automatic)
    if not automatic and (conflict_version is None or entry_version is None):
        raise Invalid("conflict_version", "Name conflict_version and entry_version as the preview showed them.")
    check_unmoved(conflict, entry, conflict_version, entry_version)
    made = previewed(conflict, entry, strategy, choices, value)
    if not made.valid:
        raise not_valid(made)
    return write_decision(conflict, entry, made, principal=principal, reason=reason, automatic=automatic)


def not_valid(made: Preview) -> Invalid:
    errors = [{"field": f"choices.{problem.pointer}", "message": problem.message} for problem in made.errors]
    first = made.errors[0]
    return Invalid("choices", f"{first.pointer or 'The value'}: {first.message}", errors=errors)


def write_decision(
    conflict: Conflict,
    entry: ContextEntry,
    made: Preview,
    *,
    principal: Principal,
    reason: str,
    automatic: bool,
    decided_by: str = "",
) -> Decided:
    before, after = entry.sync_version, None
    desk.check_held_by_nobody_else(entry, principal)
    resolution = made.strategy if automatic else Strategy.MANUAL_REVIEW.value
    why = reason or f"conflict resolved by {resolution}"
    if made.changed:
        after = write_result(conflict, entry, made, principal=principal, reason=why)
    evidence = conflict.evidence
    if conflict.other is not None:
        desk.let_go(conflict, entry, principal)  # a duplicate is folded into the entry under its own name
        evidence = evidence | findings.settle_other(conflict, made.value, principal=principal, reason=why)
        after = version_after(entry, evidence, after)
    records.change(
        conflict,
        status=Conflict.Status.RESOLVED,
        resolution=resolution,
        choices=dict(made.choices),
        decision_reason=reason,
        decided_by=decided_by or principal.actor,
        decided_at=Now(),
        version_before=before,
        version_after=after,
        evidence=evidence,
    )
    desk.let_go(conflict, entry, principal)
    entry.refresh_from_db()
    records.refresh_disputed(entry)
    records.announce(conflict, entry, "resolved", principal=principal, reason=reason, strategy=resolution)
    return Decided(conflict, entry.pk, entry.sync_version)


def version_after(entry: ContextEntry, evidence: Mapping[str, Any], written: int | None) -> int | None:
    """Folding a duplicate into the entry is a version of it, too."""
    if findings.REMOVAL not in evidence:
        return written
    entry.refresh_from_db()
    return int(entry.sync_version)


def write_result(conflict: Conflict, entry: ContextEntry, made: Preview, *, principal: Principal, reason: str) -> int:
    """Under the lock that holds the entry for this review, where there is one."""
    return writing.write(
        entry,
        made.value,
        made.attributes,
        principal=deciding_principal(principal),
        did="resolved",
        reason=reason,
        lock=desk.own_hold(entry, principal),
    )


@verb
def dismiss(
    conflict_id: UUID, *, principal: Principal, conflict_version: int | None = None, reason: str = ""
) -> Decided:
    """Leaves everything as it is: what is committed stays, what was offered stays in the record; a finding is none.

    Raises NotFound, Forbidden, ConflictMoved.
    """
    conflict, entry = locked_conflict(conflict_id, principal)
    check_may_decide(conflict, principal, automatic=False)
    check_unmoved(conflict, entry, conflict_version, None)
    desk.check_held_by_nobody_else(entry, principal)
    records.change(
        conflict,
        status=Conflict.Status.DISMISSED,
        decision_reason=reason,
        decided_by=principal.actor,
        decided_at=Now(),
        version_before=entry.sync_version,
    )
    desk.let_go(conflict, entry, principal)
    records.refresh_disputed(entry)
    records.announce(conflict, entry, "dismissed", principal=principal, reason=reason)
    return Decided(conflict, entry.pk, entry.sync_version)
