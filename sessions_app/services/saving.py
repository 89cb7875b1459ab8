"""Saving a session: everything that must be known next time, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.entries import Stored
from sessions_app import hooks, summaries
from sessions_app.hooks import NewError
from sessions_app.models import ContextSnapshot, Decision, Session
from sessions_app.selectors import context
from sessions_app.services import acting, changes, finding, records, tasks
from sessions_app.services.entries import speaking_of
from sessions_app.services.records import NewDecision, NewSnapshot
from sessions_app.services.tasks import TaskFields


@dataclass(frozen=True, slots=True)
class Saved:
    snapshot: ContextSnapshot
    decisions: list[Decision]
    tasks_updated: int
    tasks_archived: int
    memories: list[Stored] = field(default_factory=list)
    errors_captured: int = 0
    status: ContextSnapshot | None = None


@dataclass(frozen=True, slots=True)
class Also:
    """What is kept beyond the session: memories, errors that were met, and how the systems stand (any JSON)."""

    memories: Sequence[Draft] = ()
    errors: Sequence[NewError] = ()
    status: Any = None


@dataclass(frozen=True, slots=True)
class Said:
    """All of one saving; ``keep_errors`` writes down the errors, which were recognized before."""

    new: NewSnapshot
    todos: Sequence[tuple[str | None, TaskFields]]
    decisions: Sequence[NewDecision]
    also: Also | None
    keep_errors: hooks.KeepErrors


def save(
    *,
    session_id: str,
    principal: Principal,
    new: NewSnapshot | None = None,
    todos: Sequence[tuple[str | None, TaskFields]] = (),
    decisions: Sequence[NewDecision] = (),
    also: Also | None = None,
) -> Saved:
    """Updates todo progress, records decisions, takes a snapshot, archives completed tasks, and keeps what is to
    outlive the session: all or nothing.

    Without ``new``, or where its ``context_data`` is None, the snapshot is the session's own state.
    Raises SessionNotFound, SessionClosed, TaskArchived, Invalid.
    """
    errors = also.errors if also else ()
    keep_errors = recognized(session_id, errors, principal) if errors else none_kept
    said = Said(new or NewSnapshot(None), todos, decisions, also, keep_errors)
    return written(session_id, said, principal=principal)


def recognized(session_id: str, errors: Sequence[NewError], principal: Principal) -> hooks.KeepErrors:
    """Which known problems the errors are: before the session is held, because a model may be at work on it."""
    session = finding.still_open(session_id, principal=principal)
    return hooks.recognized_errors(session, errors, speaking_of(session, principal))


def none_kept() -> int:
    return 0


@verb
def written(session_id: str, said: Said, *, principal: Principal) -> Saved:
    session = finding.locked_open(session_id, principal=principal)
    for task_id, fields in said.todos:
        tasks.write(session, task_id, fields)
    kept = [records.write_decision(session, decision, principal) for decision in said.decisions]
    new = said.new
    if new.context_data is None:
        new = replace(new, context_data=own_state(session))
    snapshot = records.write_snapshot(session, new, principal)
    archived = tasks.archive_completed(session)
    changed = acting.enter(session, principal)
    changes.save(
        session, *changed, action="saved", principal=principal, snapshot=str(snapshot.pk), tasks_archived=archived
    )
    saved = Saved(snapshot, kept, len(said.todos), archived, errors_captured=said.keep_errors())
    return with_all(saved, session, said.also, principal) if said.also else saved


def with_all(saved: Saved, session: Session, also: Also, principal: Principal) -> Saved:
    caller = speaking_of(session, principal)
    status = None
    if also.status is not None:
        system = ContextSnapshot.ContextType.SYSTEM
        status = records.write_snapshot(session, NewSnapshot(also.status, context_type=system), principal)
    drafts = [replace(draft, session_id=session.session_id) for draft in also.memories]
    return replace(
        saved,
        memories=[entries.store(draft, principal=caller) for draft in drafts],
        status=status,
    )


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
