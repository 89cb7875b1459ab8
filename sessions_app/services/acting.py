"""An agent that does something in a session is one of its agents, and takes what was handed to it."""

from __future__ import annotations

from django.db.models.functions import Now

from memoryhub.access.principals import Principal
from sessions_app.models import Handoff, Session
from sessions_app.services import changes


def enter(session: Session, principal: Principal) -> list[str]:
    """Names of the session's fields that changed; the caller saves them. The session's row is locked."""
    agent = principal.agent_id
    if agent is None:
        return []
    accept_pending(session, principal)
    if agent not in session.active_agents:
        session.active_agents = [*session.active_agents, agent]
    session.current_agent = session.current_agent or agent
    return ["active_agents", "current_agent"]


def accept_pending(session: Session, principal: Principal) -> None:
    """The receiver's first action accepts a hand-off that is not out of time."""
    pending = Handoff.objects.filter(session=session, status=Handoff.Status.PENDING, times_out_at__gt=Now())
    handoff = pending.filter(to_agent=principal.agent_id).first()
    if handoff is not None:
        answer(handoff, Handoff.Status.ACCEPTED, "first action")
        changes.record(session, action="handoff.accepted", principal=principal, handoff=str(handoff.pk))


def answer(handoff: Handoff, status: Handoff.Status, reason: str) -> None:
    """Writes what became of a pending hand-off; its session's row is locked, so nobody else answers."""
    handoff.status, handoff.answer_reason, handoff.answered_at = status, reason, Now()
    handoff.save(update_fields=["status", "answer_reason", "answered_at"])
    handoff.refresh_from_db(fields=["answered_at"])
