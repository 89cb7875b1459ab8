"""Conflicts as JSON documents, and what they look like."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from agents_app.models import Candidate, Conflict, Severity, Strategy
from agents_app.resolution import PathMerge, StrategyPreview
from agents_app.resolution.cases import Case, Committed, Offer, Snapshot
from agents_app.resolution.merging import Problem
from agents_app.services.conflicts import Decided, Preview, Submitted
from memoryhub.access.api.fields import Choice
from memoryhub.access.api.serializers import Output
from memoryhub.registry.api.documents import moment
from memoryhub.registry.api.fields import AnyValue, JSONObject
from memoryhub.registry.api.serializers import OUTCOMES
from memoryhub.registry.diffs import MISSING

PATH_KINDS = ("same", "one_sided", "auto", "clash")


def side(value: Any) -> dict[str, Any]:
    """What stands somewhere. Missing is something else than null."""
    return {"missing": True} if value is MISSING else {"value": value}


def conflict_document(conflict: Conflict) -> dict[str, Any]:
    return {
        "conflict_id": str(conflict.pk),
        "kind": conflict.kind,
        "status": conflict.status,
        "severity": conflict.severity,
        "entry_id": str(conflict.entry_id),
        "other_id": conflict.other_id and str(conflict.other_id),
        "key": conflict.key,
        "category": conflict.category,
        "user_id": conflict.user_id,
        "agent_id": conflict.agent_id,
        "offered_by": [candidate.agent_id for candidate in conflict.candidates.all()],
        "base_version": conflict.base_version,
        "current_version": conflict.current_version,
        "strategy": conflict.strategy,
        "escalation_reason": conflict.escalation_reason,
        "confidence": conflict.confidence,
        "evidence": conflict.evidence,
        "assignee": conflict.assignee.get_username() if conflict.assignee else None,
        "due_at": moment(conflict.due_at),
        "snoozed_until": moment(conflict.snoozed_until),
        "held_until": moment(conflict.held_until),
        "resolution": conflict.resolution,
        "choices": conflict.choices,
        "decision_reason": conflict.decision_reason,
        "decided_by": conflict.decided_by,
        "decided_at": moment(conflict.decided_at),
        "version_before": conflict.version_before,
        "version_after": conflict.version_after,
        "undone_by": conflict.undone_by,
        "undone_at": moment(conflict.undone_at),
        "version": conflict.version,
        "created_at": moment(conflict.created_at),
    }


def submitted_document(done: Submitted) -> dict[str, Any]:
    return {
        "success": True,
        "outcome": done.outcome,
        "entry_id": done.entry_id and str(done.entry_id),
        "sync_version": done.version,
        "created": done.created,
        "conflict_id": done.conflict_id and str(done.conflict_id),
        "strategy": done.strategy,
        "why": done.why,
    }


def decided_document(decided: Decided) -> dict[str, Any]:
    return {
        "success": True,
        "conflict_id": str(decided.conflict.pk),
        "status": decided.conflict.status,
        "resolution": decided.conflict.resolution,
        "conflict_version": decided.conflict.version,
        "entry_id": str(decided.entry_id),
        "sync_version": decided.version,
        "reopened": decided.reopened and str(decided.reopened),
    }


def preview_document(preview: Preview) -> dict[str, Any]:
    return {
        "success": True,
        "conflict_id": str(preview.conflict_id),
        "conflict_version": preview.conflict_version,
        "entry_version": preview.entry_version,
        "strategy": preview.strategy,
        "choices": preview.choices,
        "base": base_document(preview.case),
        "current": current_document(preview.case.current),
        "candidates": [candidate_document(n, offer) for n, offer in enumerate(preview.case.offers, 1)],
        "paths": [path_document(path) for path in preview.paths],
        "strategies": {name: strategy_document(found) for name, found in preview.strategies.items()},
        "result": side(preview.value),
        "attributes": preview.attributes,
        "valid": preview.valid,
        "errors": [problem_document(problem) for problem in preview.errors],
        "clashes": preview.clashes,
        "changed": preview.changed,
    }


def base_document(case: Case) -> dict[str, Any] | None:
    """The common ancestor of the first candidate; None: there is none."""
    first = case.offers[0] if case.offers else None
    if first is None or first.base is None:
        return None
    return {"version": first.base_version, **snapshot_document(first.base)}


def snapshot_document(found: Snapshot) -> dict[str, Any]:
    return {**side(found.value), "attributes": dict(found.attributes)}


def current_document(current: Committed) -> dict[str, Any]:
    return {
        "version": current.version,
        "agent_id": current.agent_id,
        "written_at": moment(current.written_at),
        "importance": current.importance,
        "priority": current.rank,
        **snapshot_document(current),
    }


def candidate_document(number: int, offer: Offer) -> dict[str, Any]:
    return {
        "candidate": f"candidate:{number}",
        "agent_id": offer.agent_id,
        "base_version": offer.base_version,
        "deletes": offer.deletes,
        "written_at": moment(offer.written_at),
        "importance": offer.importance,
        "priority": offer.rank,
        **snapshot_document(offer),
    }


def offered_document(candidate: Candidate) -> dict[str, Any]:
    """What was offered, as it is kept after the decision."""
    return {
        "candidate": f"candidate:{candidate.position}",
        "agent_id": candidate.agent_id,
        "base_version": candidate.base_version,
        "deletes": candidate.deletes,
        "written_at": moment(candidate.written_at),
        "importance": candidate.importance,
        "reason": candidate.reason,
        **side(MISSING if candidate.deletes else candidate.value),
        "attributes": candidate.attributes,
    }


def path_document(path: PathMerge) -> dict[str, Any]:
    return {
        "pointer": path.pointer,
        "kind": path.kind,
        "base": side(path.base),
        "current": side(path.current),
        "candidates": [side(offered) for offered in path.candidates],
        "result": side(path.result),
        "type_changed": path.type_changed,
        "note": path.note,
        "options": list(path.options),
        "choice": path.choice,
    }


def strategy_document(found: StrategyPreview) -> dict[str, Any]:
    return {
        "available": found.available,
        "winner": found.winner,
        "why": found.why,
        "tie_break": found.tie_break,
        "clashes": found.clashes,
        "result": side(found.value),
    }


def problem_document(problem: Problem) -> dict[str, str]:
    return {"pointer": problem.pointer, "message": problem.message}


class ConflictOutput(serializers.Serializer[Any]):
    """One disagreement about an entry."""

    conflict_id = serializers.UUIDField()
    kind = Choice(Conflict.Kind.choices)
    status = Choice(Conflict.Status.choices)
    severity = Choice(Severity.choices)
    entry_id = serializers.UUIDField()
    other_id = serializers.UUIDField(allow_null=True, help_text="The second entry, where a job found two.")
    key = serializers.CharField()
    category = serializers.CharField()
    user_id = serializers.CharField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True, help_text="Whose memory it is, where it is an agent's.")
    offered_by = serializers.ListField(child=serializers.CharField(), help_text="The agents that offer something.")
    base_version = serializers.IntegerField(allow_null=True, help_text="null: there is no common ancestor.")
    current_version = serializers.IntegerField(help_text="The committed version when it was found.")
    strategy = serializers.CharField(help_text="Asked for by the call; empty: none.")
    escalation_reason = serializers.CharField(help_text="Why a person has to decide.")
    confidence = serializers.FloatField(allow_null=True)
    evidence = JSONObject()
    assignee = serializers.CharField(allow_null=True)
    due_at = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    held_until = serializers.DateTimeField(allow_null=True)
    resolution = serializers.CharField(help_text="The strategy that decided; manual_review: picks.")
    choices = JSONObject()
    decision_reason = serializers.CharField()
    decided_by = serializers.CharField(help_text="'automatic' where the strategy decided by itself.")
    decided_at = serializers.DateTimeField(allow_null=True)
    version_before = serializers.IntegerField(allow_null=True)
    version_after = serializers.IntegerField(allow_null=True, help_text="null: the decision changed nothing.")
    undone_by = serializers.CharField()
    undone_at = serializers.DateTimeField(allow_null=True)
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()


class OneConflictOutput(Output, ConflictOutput):
    """A conflict with what was offered; while it is open, with the preview of a merge."""

    offers = serializers.ListField(child=JSONObject())
    preview = JSONObject(allow_null=True, help_text="As the door preview answers it; null for a decided one.")


class SubmittedOutput(Output):
    outcome = Choice(OUTCOMES, help_text="conflict: a person decides.")
    entry_id = serializers.UUIDField()
    sync_version = serializers.IntegerField()
    created = serializers.BooleanField()
    conflict_id = serializers.UUIDField(allow_null=True)
    strategy = serializers.CharField(help_text="The strategy that decided, or could not.")
    why = serializers.CharField()


class DecidedOutput(Output):
    conflict_id = serializers.UUIDField()
    status = Choice(Conflict.Status.choices)
    resolution = serializers.CharField()
    conflict_version = serializers.IntegerField()
    entry_id = serializers.UUIDField()
    sync_version = serializers.IntegerField()
    reopened = serializers.UUIDField(allow_null=True, help_text="The conflict that asks the same again.")


class DeskOutput(Output):
    conflict_id = serializers.UUIDField()
    assignee = serializers.CharField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    held_until = serializers.DateTimeField(allow_null=True)


class ConflictSideOutput(serializers.Serializer[Any]):
    """``value``, or ``missing``: true."""

    value = AnyValue(required=False)
    missing = serializers.BooleanField(required=False)


class ConflictPathOutput(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    kind = Choice(PATH_KINDS)
    base = ConflictSideOutput()
    current = ConflictSideOutput()
    candidates = ConflictSideOutput(many=True)
    result = ConflictSideOutput()
    type_changed = serializers.BooleanField()
    note = serializers.CharField()
    options = serializers.ListField(child=serializers.CharField())
    choice = AnyValue(help_text="What was picked; null: nothing.")


class OfferOutput(serializers.Serializer[Any]):
    """What an agent offers. ``value``, or ``missing``: true."""

    candidate = serializers.CharField(help_text="The name under which it is picked.")
    agent_id = serializers.CharField()
    base_version = serializers.IntegerField(allow_null=True)
    deletes = serializers.BooleanField()
    written_at = serializers.DateTimeField()
    importance = serializers.FloatField()
    priority = serializers.IntegerField(help_text="Of the agent: 1 is low, 4 critical.")
    value = AnyValue(required=False)
    missing = serializers.BooleanField(required=False)
    attributes = JSONObject()


class ConflictProblemOutput(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    message = serializers.CharField()


class ConflictPreviewOutput(Output):
    """What a decision would write now, and the versions to hand to resolve."""

    conflict_id = serializers.UUIDField()
    conflict_version = serializers.IntegerField()
    entry_version = serializers.IntegerField()
    strategy = serializers.CharField()
    choices = JSONObject()
    base = JSONObject(allow_null=True)
    current = JSONObject()
    candidates = OfferOutput(many=True)
    paths = ConflictPathOutput(many=True)
    strategies = JSONObject(help_text=f"What each would do and why: {', '.join(Strategy.values)}.")
    result = ConflictSideOutput()
    attributes = JSONObject(help_text="Those that would change.")
    valid = serializers.BooleanField()
    errors = ConflictProblemOutput(many=True)  # type: ignore[assignment]
    clashes = serializers.IntegerField(help_text="Without a pick.")
    changed = serializers.ListField(child=serializers.CharField(), help_text="Pointers that would change.")
