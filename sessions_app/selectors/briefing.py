"""Where was I: what an agent reads before it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.sync.services import outbox
from sessions_app import summaries
from sessions_app.models import ContextSnapshot, Decision, Handoff, Session, Task
from sessions_app.selectors import context, lists
from sessions_app.services import finding, oversight

FEW, MANY = 10, 50


@dataclass(frozen=True, slots=True)
class Briefing:
    """``context`` is None where there is no session yet; ``errors`` are snapshots of the type error."""

    session_id: str | None
    context: dict[str, Any] | None
    todos: list[dict[str, Any]]
    status: dict[str, Any]
    errors: list[ContextSnapshot]
    decisions: list[Decision]
    handoffs: list[Handoff]


@verb
def briefing(*, principal: Principal, session_id: str | None = None) -> Briefing:
    """About one session, or about the caller's last one. Raises SessionNotFound for a named one."""
    principal.require("read")
    oversight.note_reading("briefing", principal=principal)
    session = finding.find(session_id, principal=principal) if session_id else last_session(principal)
    about = session.session_id if session else None
    return Briefing(
        session_id=about,
        context=last_context(session, principal) if session else None,
        todos=todos(session if session_id else None, principal),
        status=status(principal),
        errors=list(lists.snapshots(principal=principal, session_id=session_id, context_type="error")[:FEW]),
        decisions=list(lists.decisions(principal=principal, session_id=about)[:FEW]) if about else [],
        handoffs=list(waiting(session, principal)[:MANY]),
    )


def last_session(principal: Principal) -> Session | None:
    """The session with the latest activity in which the calling agent took part; of any agent, if it did in none."""
    rows = lists.sessions(principal=principal).order_by("-last_activity")
    mine = rows.filter(active_agents__contains=[principal.agent_id]).first() if principal.agent_id else None
    return mine or rows.first()


def last_context(session: Session, principal: Principal) -> dict[str, Any]:
    latest = lists.snapshots(principal=named(session, principal), session_id=session.session_id).first()
    return {
        "session_status": session.status,
        "last_activity": session.last_activity,
        "current_agent": session.current_agent,
        "snapshot": latest.context_data if latest else None,
        "snapshot_at": latest.timestamp if latest else None,
        "summary": summaries.counts(session.role_counts),
        "highlights": summaries.highlights(session),
        "critical_facts": session.critical_facts,
        "working_memory": session.working_memory,
        "recent_messages": [context.as_message(message) for message in context.recent_messages(session, FEW)],
    }


def named(session: Session, principal: Principal) -> Principal:
    return principal.naming(session_id=session.session_id)


def todos(session: Session | None, principal: Principal) -> list[dict[str, Any]]:
    """Open tasks of the session, or of all open sessions that the caller may see."""
    rows: QuerySet[Task] = Task.objects.filter(context.IS_OPEN).select_related("session")
    if session is not None:
        rows = rows.filter(session=session)
    else:
        rows = rows.filter(session__in=lists.sessions(principal=principal, status=Session.Status.ACTIVE))
    return [{**context.as_task(task), "session_id": task.session.session_id} for task in rows[:MANY]]


def status(principal: Principal) -> dict[str, Any]:
    """Whether the hub keeps up. The counts are of the caller's tenant."""
    behind = outbox.backlog().oldest_age_seconds or 0.0
    slow = behind > settings.CONFIG.sync.backlog_warn_seconds
    return {
        "hub": "degraded" if slow else "ok",
        "pending_syncs": outbox.pending_of(principal),
        "active_sessions": lists.active_count(principal),
        "checked_at": timezone.now(),
    }


def waiting(session: Session | None, principal: Principal) -> QuerySet[Handoff]:
    """Hand-offs that nobody answered yet: of the session, and to the calling agent."""
    rows: QuerySet[Handoff] = Handoff.objects.visible_to(principal).filter(status=Handoff.Status.PENDING)
    if session is not None:
        rows = rows | Handoff.objects.filter(session=session, status=Handoff.Status.PENDING)
    if principal.agent_id:
        rows = rows.filter(to_agent=principal.agent_id)
    return rows.select_related("session")
