"""How a session closes: ended by its agents, expired by inactivity, put into the archive."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from sessions_app import summaries
from sessions_app.models import Handoff, Session
from sessions_app.services import acting, changes, entries, finding
from sessions_app.services.sweeping import one_by_one

EXPIRED = "inactivity"


@verb
def end(
    *,
    session_id: str,
    principal: Principal,
    reason: str = "completed",
    ended_at: datetime | None = None,
    remember: bool = True,
) -> Session:
    """Closes the session: no more messages; the transcript and a summary stay. Ending it again changes nothing.

    The summary becomes a long-term memory, too, unless ``remember`` is False. Raises SessionClosed where
    the session expired or was archived.
    """
    session = finding.locked(session_id, principal=principal)
    if session.status == Session.Status.ENDED:
        return session
    finding.require_open(session)
    close(session, Session.Status.ENDED, reason, principal=principal, ended_at=ended_at, remember=remember)
    return session


@verb
def archive(*, session_id: str, principal: Principal) -> Session:
    """Puts the session out of the way: searches leave its messages out unless asked for archived ones.

    An open session is ended first. Archiving it again changes nothing.
    """
    session = finding.locked(session_id, principal=principal)
    if session.status == Session.Status.ARCHIVED:
        return session
    if session.is_open:
        close(session, Session.Status.ENDED, "archived", principal=principal)
    session.status = Session.Status.ARCHIVED
    changes.save(session, "status", action="archived", principal=principal)
    changes.reproject(session, what="archived", principal=principal)
    return session


def close(
    session: Session,
    status: Session.Status,
    reason: str,
    *,
    principal: Principal,
    ended_at: datetime | None = None,
    remember: bool = True,
) -> None:
    """The common end of a locked, open session."""
    acting.enter(session, principal)
    for handoff in Handoff.objects.filter(session=session, status=Handoff.Status.PENDING):
        acting.answer(handoff, Handoff.Status.SUPERSEDED, f"session {status}")
    session.status, session.end_reason = status, reason
    session.ended_at = ended_at or timezone.now()
    session.summary = summaries.full(session)
    entries.put_away(session, principal=principal)
    if remember:
        entries.remember(session, principal=principal)
    fields = ["status", "end_reason", "ended_at", "summary", "long_term_refs", "active_agents", "current_agent"]
    changes.save(session, *fields, action=str(status), principal=principal, reason=reason)


def idle(principal: Principal) -> QuerySet[Session]:
    """Open sessions without activity for ``lifecycle.session_idle_hours``."""
    limit = timedelta(hours=settings.CONFIG.lifecycle.session_idle_hours)
    rows: QuerySet[Session] = Session.objects.visible_to(principal).filter(
        status=Session.Status.ACTIVE, last_activity__lt=Now() - limit
    )
    return rows


def expire_idle(*, principal: Principal, limit: int) -> dict[str, int]:
    """Closes up to ``limit`` idle sessions; how many were closed, and how many could not be."""
    with behind_walls(principal):
        found = list(idle(principal).order_by("last_activity").values_list("pk", "tenant_id")[:limit])
    return one_by_one(found, lambda session, caller: expire(session=session, principal=caller), principal)


@verb
def expire(*, session: UUID, principal: Principal) -> bool:
    """Closes one session if it is still idle once its row is locked; whether it was."""
    found = idle(principal).select_for_update(no_key=True, skip_locked=True).filter(pk=session).first()
    if found is None:
        return False
    close(found, Session.Status.EXPIRED, EXPIRED, principal=principal)
    return True
