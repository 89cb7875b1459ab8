"""Where was I: what an agent reads before it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.models.entries import Scope
from memoryhub.sync.services import outbox
from sessions_app import hooks, summaries
from sessions_app.models import ContextSnapshot, Decision, Handoff, Session, Task
from sessions_app.selectors import context, lists
from sessions_app.services import finding, oversight
from sessions_app.services.entries import SOURCE

FEW, MANY = 10, 50
#: Recent memory is what the caller may see of this many latest changes in the tenant.
LATEST_CHANGES = 2000
SHOWN_CHARACTERS = 300
SYSTEM = ContextSnapshot.ContextType.SYSTEM


@dataclass(frozen=True, slots=True)
class Briefing:
    """``context`` is None where there is no session yet; ``errors`` are snapshots of the type error, and
    ``captured`` those that the knowledge keeps. ``recent_memory``: the latest changes that the caller may see."""

    session_id: str | None
    context: dict[str, Any] | None
    todos: list[dict[str, Any]]
    status: dict[str, Any]
    errors: list[ContextSnapshot]
    decisions: list[Decision]
    handoffs: list[Handoff]
    recent_memory: list[dict[str, Any]]
    active_procedures: list[dict[str, Any]]
    captured: list[dict[str, Any]]


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
        status=status(principal) | reported(session, principal),
        errors=list(lists.snapshots(principal=principal, session_id=session_id, context_type="error")[:FEW]),
        decisions=list(lists.decisions(principal=principal, session_id=about)[:FEW]) if about else [],
        handoffs=list(waiting(session, principal)[:MANY]),
        recent_memory=recent_memory(principal),
        active_procedures=hooks.part("active_procedures", session, principal)[:MANY],
        captured=hooks.part("errors", session if session_id else None, principal)[:FEW],
    )


def last_session(principal: Principal) -> Session | None:
    """The session with the latest activity in which the calling agent took part; of any agent, if it did in none."""
    rows = lists.sessions(principal=principal).order_by("-last_activity")
    mine = rows.filter(active_agents__contains=[principal.agent_id]).first() if principal.agent_id else None
    return mine or rows.first()


def last_context(session: Session, principal: Principal) -> dict[str, Any]:
    kept = lists.snapshots(principal=named(session, principal), session_id=session.session_id)
    # how the systems stood is no context to go on from, unless there is nothing else
    latest = kept.exclude(context_type=SYSTEM).first() or kept.first()
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


def recent_memory(principal: Principal) -> list[dict[str, Any]]:
    """What changed last among the memories that the caller may see, without what sessions keep of themselves."""
    latest = ContextEntry.objects.filter(tenant_id=principal.tenant_id).order_by("-updated_at")[:LATEST_CHANGES]
    rows = ContextEntry.objects.visible_to(principal).present().filter(pk__in=latest.values("pk"))
    found = rows.exclude(source=SOURCE).exclude(scope=Scope.GLOBAL).order_by("-updated_at")
    return [as_memory(entry) for entry in found.defer("value", "metadata")[:FEW]]


def as_memory(entry: ContextEntry) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "key": entry.key,
        "scope": entry.scope,
        "category": entry.category,
        "content": "" if entry.encrypted else entry.content[:SHOWN_CHARACTERS],
        "author": entry.author,
        "sync_version": entry.sync_version,
        "updated_at": entry.updated_at,
    }


def reported(session: Session | None, principal: Principal) -> dict[str, Any]:
    """How agents said last that their systems stand."""
    if session is None:
        return {"reported": None, "reported_at": None}
    kept = lists.snapshots(principal=named(session, principal), session_id=session.session_id, context_type=SYSTEM)
    latest = kept.first()
    return {
        "reported": latest.context_data if latest else None,
        "reported_at": latest.timestamp if latest else None,
    }


def waiting(session: Session | None, principal: Principal) -> QuerySet[Handoff]:
    """Hand-offs that nobody answered yet: of the session, and to the calling agent."""
    rows: QuerySet[Handoff] = Handoff.objects.visible_to(principal).filter(status=Handoff.Status.PENDING)
    if session is not None:
        rows = rows | Handoff.objects.filter(session=session, status=Handoff.Status.PENDING)
    if principal.agent_id:
        rows = rows.filter(to_agent=principal.agent_id)
    return rows.select_related("session")
