"""Saving a session: everything that must be known next time, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from sessions_app import summaries
from sessions_app.models import ContextSnapshot, Decision, Session
from sessions_app.selectors import context
from sessions_app.services import acting, changes, finding, records, tasks
from sessions_app.services.records import NewDecision, NewSnapshot
from sessions_app.services.tasks import TaskFields


@dataclass(frozen=True, slots=True)
class Saved:
    snapshot: ContextSnapshot
    decisions: list[Decision]
    tasks_updated: int
    tasks_archived: int


@verb
def save(
    *,
    session_id: str,
    principal: Principal,
    new: NewSnapshot | None = None,
    todos: Sequence[tuple[str | None, TaskFields]] = (),
    decisions: Sequence[NewDecision] = (),
) -> Saved:
    """Updates todo progress, records decisions, takes a snapshot, archives completed tasks: all or nothing.

    Without ``new``, or where its ``context_data`` is None, the snapshot is the session's own state.
    Raises SessionClosed, TaskArchived, Invalid.
    """
    session = finding.locked_open(session_id, principal=principal)
    for task_id, fields in todos:
        tasks.write(session, task_id, fields)
    kept = [records.write_decision(session, decision, principal) for decision in decisions]
    new = new or NewSnapshot(None)
    if new.context_data is None:
        new = replace(new, context_data=own_state(session))
    snapshot = records.write_snapshot(session, new, principal)
    archived = tasks.archive_completed(session)
    changed = acting.enter(session, principal)
    changes.save(
        session, *changed, action="saved", principal=principal, snapshot=str(snapshot.pk), tasks_archived=archived
    )
    return Saved(snapshot, kept, len(todos), archived)


def own_state(session: Session) -> dict[str, Any]:
    return {
        "summary": summaries.counts(session.role_counts),
        "highlights": summaries.highlights(session),
        "critical_facts": session.critical_facts,
        "working_memory": session.working_memory,
        "open_tasks": [
            {"id": task.task_id, "description": task.description, "status": task.status}
            for task in context.open_tasks(session)
        ],
        "current_agent": session.current_agent,
        "message_count": session.message_count,
    }
