"""A change is submitted: applied where it is current, else decided by a strategy or put before people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents_app.models import AgentProfile, Candidate, Conflict, Strategy
from agents_app.resolution import StrategyPreview
from agents_app.resolution.applying import apply
from agents_app.resolution.cases import ATTRIBUTES, Case
from agents_app.resolution.strategies import preview, side_of
from agents_app.services.conflicts import records, writing
from agents_app.services.conflicts.cases import case_of
from agents_app.services.conflicts.reach import writable_entry
from agents_app.services.conflicts.results import Outcome, Place, Submitted
from memoryhub.access.exceptions import Forbidden, HubError, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.exceptions import (
    EntryLocked,
    EntryStale,
    LowerPriority,
    MemoryTypeRefused,
    NotGranted,
    RestrictedCategory,
    StaleFence,
)
from memoryhub.registry.layers import layer_of
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft, check_value

logger = logging.getLogger(__name__)
#: What is no matter of deciding: the caller may not write this, or not now.
REFUSED = (NotGranted, RestrictedCategory, MemoryTypeRefused, EntryLocked, StaleFence)
PROPOSED = "The memory belongs to an agent of higher priority: its owner or a person decides."


@dataclass(frozen=True, slots=True)
class Submission:
    """A change on its way in."""

    principal: Principal
    base_version: int | None
    value: Any
    attributes: Mapping[str, Any]
    deletes: bool
    strategy: str
    written_at: datetime | None
    replica_id: UUID | None
    reason: str

    @property
    def wanted(self) -> Any:
        return MISSING if self.deletes else self.value

    def candidate(self, entry: ContextEntry) -> Candidate:
        return records.offer(
            entry,
            principal=self.principal,
            base_version=self.base_version,
            value=self.value,
            attributes=self.attributes,
            deletes=self.deletes,
            written_at=self.written_at,
            replica_id=self.replica_id,
            reason=self.reason,
        )


@verb
def submit(
    target: UUID | Place,
    *,
    principal: Principal,
    base_version: int | None,
    value: Any = None,
    attributes: Mapping[str, Any] | None = None,
    deletes: bool = False,
    strategy: str = "",
    written_at: datetime | None = None,
    replica_id: UUID | None = None,
    reason: str = "",
) -> Submitted:
    """Brings a change in that was made from ``base_version`` (None: without knowing of an entry there).

    Applied where that is still the newest version. A stale one is decided by ``strategy``, else by the strategy of the
    agent that owns the memory, else by the setting; it waits for a person where that cannot decide, and where the
    entry has an open conflict already. ``attributes``: as ATTRIBUTES, as JSON. ``written_at``: by the agent's clock.
    Who may not write the entry is told so by the outcome ``rejected``.
    Raises NotFound, Invalid, TooLarge; EntryLocked and StaleFence, after which it may be submitted again.
    """
    said = Submission(
        principal, base_version, value, checked(attributes), deletes, strategy, written_at, replica_id, reason
    )
    check(said)
    try:
        return bring_in(target, said)
    except Forbidden as error:
        entry_id = None if isinstance(target, Place) else target
        return Submitted("rejected", entry_id, None, None, "", error.message, code=error.code)


def check(said: Submission) -> None:
    said.principal.require("write")
    if said.strategy and said.strategy not in Strategy.values:
        raise Invalid("strategy", f"Choose one of {', '.join(Strategy.values)}.")
    if said.deletes and said.base_version is None:
        raise Invalid("base_version", "A deletion names the version that it was decided upon.")
    if not said.deletes:
        check_value(said.value)


def checked(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """The attributes under their canonical names. Raises Invalid for what the registry would not take."""
    said = dict(attributes or {})
    unknown = sorted(set(said) - set(ATTRIBUTES))
    if unknown:
        raise Invalid("attributes", f"Unknown: {', '.join(unknown)}. Known are {', '.join(ATTRIBUTES)}.")
    if isinstance(said.get("layer"), str):
        said["layer"] = layer_of(said["layer"])
    for problem in writing.problems_of_attributes(said):
        raise Invalid(f"attributes.{problem.pointer.removeprefix('@')}", problem.message)
    return said


def bring_in(target: UUID | Place, said: Submission) -> Submitted:
    entry = writable_entry(target, said.principal)
    if entry is None:
        assert isinstance(target, Place)
        try:
            return create(target, said)
        except EntryStale:  # somebody was faster
            entry = writable_entry(target, said.principal)
    if entry is None:
        raise NotFound()
    if said.base_version is None and entry.deleted_at is not None:
        return write_current(entry, said)
    if said.base_version != entry.sync_version:
        return stale(entry, said)
    return write_current(entry, said)


def create(place: Place, said: Submission) -> Submitted:
    """There is nothing at that place: a change of what was erased meanwhile is not brought back."""
    if said.base_version is not None:
        raise NotFound("The entry that this change was made from is not there any more.")
    draft = Draft(
        key=place.key,
        value=said.value,
        scope=place.scope,
        user_id=place.user_id,
        agent_id=place.agent_id,
        entry_id=place.entry_id,
        reason=said.reason,
        if_absent=True,
        **{"session_id": place.session_id} | writing.named(said.attributes),
    )
    stored = entries.store(draft, principal=said.principal)
    writing.note_time(stored.entry_id, stored.sync_version, said.written_at)
    return Submitted("applied", stored.entry_id, stored.sync_version, None, "", "new", created=stored.created)


def write_current(entry: ContextEntry, said: Submission) -> Submitted:
    """Nothing moved since: a plain change. A lower-priority agent's becomes a proposal."""
    try:
        version = write_as(entry, said, did="changed")
        writing.note_time(entry.pk, version, said.written_at)
    except LowerPriority:
        return propose_locked(entry, said)
    return Submitted("applied", entry.pk, version, None, "", "nothing had changed since")


def write_as(entry: ContextEntry, said: Submission, *, did: str) -> int:
    return writing.write(entry, said.wanted, said.attributes, principal=said.principal, did=did, reason=said.reason)


def stale(entry: ContextEntry, said: Submission) -> Submitted:
    kind = Conflict.Kind.CREATION if said.base_version is None else Conflict.Kind.EDIT
    open_one = records.open_conflict_of(entry)
    if open_one is not None:
        return wait(entry, said, kind, "", "the entry has an open conflict already: this joins it")
    strategy = said.strategy or strategy_of(entry)
    candidate = said.candidate(entry)
    case = case_of(entry, [candidate])
    preview_ = preview(strategy, case)
    if preview_.winner is None:
        return wait(entry, said, kind, strategy, preview_.why)
    try:
        with transaction.atomic():
            return decide(entry, said, kind, case, preview_)
    except REFUSED:
        raise
    except LowerPriority:
        return propose_locked(entry, said)
    except HubError as error:
        return wait(entry, said, kind, strategy, f"{strategy} failed: {error.message}", failed=True)
    except Exception as error:
        logger.exception("A conflict of entry %s could not be resolved by %s", entry.pk, strategy)
        return wait(entry, said, kind, strategy, f"{strategy} failed: {type(error).__name__}", failed=True)


def decide(
    entry: ContextEntry, said: Submission, kind: Conflict.Kind, case: Case, chosen: StrategyPreview
) -> Submitted:
    """Carries out what a strategy decided, and keeps a record that can be undone."""
    made = apply(case, side=side_of(chosen.winner))
    before, after = entry.sync_version, None
    why = " ".join(part for part in (chosen.why, f"({chosen.tie_break})" if chosen.tie_break else "") if part)
    if made.writes:
        reason = said.reason or f"{chosen.strategy}: {why}"
        after = writing.write(
            entry, made.value, made.attributes, principal=said.principal, did="resolved", reason=reason
        )
    if after is not None and chosen.winner != "merge":
        writing.note_time(entry.pk, after, said.written_at)
    decision = {
        "strategy": said.strategy,
        "resolution": chosen.strategy,
        "decision_reason": why,
        "version_before": before,
        "version_after": after,
    }
    conflict = records.record_decision(entry, kind, said.candidate(entry), decision)
    records.announce(conflict, entry, "resolved", principal=said.principal, strategy=chosen.strategy, automatic=True)
    outcomes: dict[str | None, Outcome] = {"current": "kept", "merge": "merged"}
    outcome = outcomes.get(chosen.winner, "applied")
    return Submitted(outcome, entry.pk, after or before, conflict.pk, chosen.strategy, why)


def strategy_of(entry: ContextEntry) -> str:
    """The strategy of the agent that owns the memory, else the setting."""
    owner = entry.agent_id or entry.owner
    found = AgentProfile.objects.filter(tenant_id=entry.tenant_id, agent_id=owner)
    chosen: str | None = found.values_list("conflict_strategy", flat=True).first()
    return chosen or settings.CONFIG.agents.conflict_strategy


def wait(
    entry: ContextEntry, said: Submission, kind: Conflict.Kind, strategy: str, why: str, *, failed: bool = False
) -> Submitted:
    """A person decides: the change joins the entry's open conflict, or opens one."""
    candidate = said.candidate(entry)
    conflict = records.open_conflict_of(entry)
    if conflict is None:
        case = case_of(entry, [candidate], proposal=kind == Conflict.Kind.PROPOSAL)
        conflict = records.open_conflict(
            entry, kind, case, strategy=said.strategy, why=why, failed=strategy if failed else ""
        )
        records.attach(conflict, candidate)
        records.announce(conflict, entry, "opened", principal=said.principal, reason=why)
    else:
        records.attach(conflict, candidate)
        conflict = records.change(conflict)
        records.announce(conflict, entry, "joined", principal=said.principal, reason=why)
    return Submitted("conflict", entry.pk, entry.sync_version, conflict.pk, strategy, why)


def propose_locked(entry: ContextEntry, said: Submission) -> Submitted:
    """A lower-priority agent may not overwrite: priority keeps what is committed, everything else asks a person."""
    strategy = strategy_of(entry)
    if strategy == Strategy.AGENT_PRIORITY and records.open_conflict_of(entry) is None:
        case = case_of(entry, [said.candidate(entry)], proposal=True)
        return decide(entry, said, Conflict.Kind.PROPOSAL, case, preview(strategy, case))
    return wait(entry, said, Conflict.Kind.PROPOSAL, strategy, PROPOSED)


@verb
def propose(
    entry_id: UUID,
    *,
    principal: Principal,
    value: Any = None,
    base_version: int | None = None,
    attributes: Mapping[str, Any] | None = None,
    deletes: bool = False,
    reason: str = "",
) -> Submitted:
    """Puts a change of a higher-priority agent's memory before its owner and people; it is never written at once.

    Without ``base_version`` it was made from the newest version. Raises NotFound, NotGranted, Invalid, TooLarge.
    """
    entry = writable_entry(entry_id, principal)
    if entry is None:
        raise NotFound()
    base = entry.sync_version if base_version is None else base_version
    said = Submission(principal, base, value, checked(attributes), deletes, "", None, None, reason)
    check(said)
    return propose_locked(entry, said)
