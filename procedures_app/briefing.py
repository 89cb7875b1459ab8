"""What this house tells at the beginning of a session, and keeps at its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from procedures_app.models import CapturedError, Procedure, Run
from procedures_app.services import errors as capturing
from procedures_app.services import keeping
from sessions_app.hooks import KeepErrors, NewError
from sessions_app.models import Session

FEW, MANY = 10, 50


def active_procedures(session: Session | None, principal: Principal) -> list[dict[str, Any]]:
    """The published procedures, those with open runs of the session or the agent first."""
    rows = Procedure.objects.visible_to(principal).filter(status=Procedure.Status.ACTIVE, current__isnull=False)
    runs = open_runs(session, principal)
    shown = [as_row(procedure, runs[procedure.pk]) for procedure in rows.select_related("current")[:MANY]]
    return sorted(shown, key=lambda row: not row["open_runs"])


def as_row(procedure: Procedure, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    version = procedure.current
    assert version is not None
    return {
        "name": procedure.name,
        "title": version.title,
        "summary": version.summary,
        "kind": version.kind,
        "version": version.number,
        "open_runs": list(runs),
    }


def open_runs(session: Session | None, principal: Principal) -> dict[UUID, list[dict[str, Any]]]:
    """By procedure: what the agent began, or what was begun in the session, and is not over."""
    rows = Run.objects.visible_to(principal).filter(finished_at=None, parent=None)
    rows = rows.filter(session_id=session.session_id) if session else rows.filter(agent_id=principal.agent_id)
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for run in rows.order_by("-started_at")[:MANY]:
        found[run.procedure_id].append({"id": run.pk, "status": run.status, "started_at": run.started_at})
    return found


def recent_errors(session: Session | None, principal: Principal) -> list[dict[str, Any]]:
    """The latest captured errors, in the form in which snapshots of errors are shown."""
    rows = CapturedError.objects.visible_to(principal).select_related("knowledge", "solution")
    if session is not None:
        rows = rows.filter(session_id=session.session_id)
    found = list(rows.order_by("-created_at")[:FEW])
    known = {error.knowledge_id for error in found} | {error.solution.knowledge_id for error in found if error.solution}
    seen = set(keeping.visible(principal).filter(pk__in=known - {None}).values_list("pk", flat=True))
    return [as_snapshot(error, seen) for error in found]


def as_snapshot(error: CapturedError, seen: Set[UUID]) -> dict[str, Any]:
    """``seen``: the knowledge that the caller may see. An error may be everybody's, and what solved it a user's."""
    return {
        "id": error.pk,
        "session_id": error.session_id,
        "user_id": error.user_id,
        "timestamp": error.created_at,
        "context_type": "error",
        "context_data": {
            "message": error.message,
            "error_type": error.error_type,
            "context": error.context,
            "known_as": error.knowledge.title if error.knowledge and error.knowledge_id in seen else None,
            "confidence": error.confidence,
            "solution": error.solution.text if error.solution and error.solution.knowledge_id in seen else None,
            "solved": error.solved,
        },
        "tags": [],
        "importance": None,
        "expires_at": None,
        "author": error.agent_id or "",
    }


def recognize_errors(session: Session, errors: Sequence[NewError], principal: Principal) -> KeepErrors:
    """Which known problems they are, now; what it gives writes them down, in the transaction that it is called in."""
    met = [(capturing.recognized(error.message, error.error_type, principal=principal), error) for error in errors]
    return lambda: keep_errors(met, principal)


def keep_errors(met: Sequence[tuple[capturing.Recognized, NewError]], principal: Principal) -> int:
    """In a fixed order, whatever the order they were said in: two agents may end with the same errors at once."""
    keeping.lock_all([known.counts_for for known, _ in met], principal)
    for known, error in sorted(met, key=lambda one: one[0].text.signature):
        capturing.capture(principal=principal, message=error.message, context=error.context, known=known)
    return len(met)
