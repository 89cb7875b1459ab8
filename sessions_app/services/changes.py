"""What every change of a session's state does: a version more, a line in the audit trail."""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.sync import stores
from memoryhub.sync.models import SyncEvent
from sessions_app.models import Session

TOPIC = "messages"


def save(session: Session, *fields: str, action: str, principal: Principal, reason: str = "", **new: Any) -> None:
    """Writes ``fields`` of a locked session as its next version. ``new`` enters the audit line: no values."""
    session.version += 1
    session.last_activity = Now()
    session.save(update_fields=[*fields, "version", "last_activity"])
    session.refresh_from_db(fields=["last_activity"])
    record(session, action=action, principal=principal, reason=reason, **new)


def record(session: Session, *, action: str, principal: Principal, reason: str = "", **new: Any) -> None:
    """One audit line about a session; ``action`` without the house, such as ``handoff.accepted``."""
    audit.record(
        f"sessions.{action}",
        principal=principal,
        object_type="session",
        object_id=session.pk,
        new={"version": session.version, **new},
        reason=reason,
    )


def note_agent(session: Session, principal: Principal) -> list[str]:
    """The acting agent becomes one of the session's active ones, and its current one where there is none."""
    agent = principal.agent_id
    if agent is None:
        return []
    if agent not in session.active_agents:
        session.active_agents = [*session.active_agents, agent]
    session.current_agent = session.current_agent or agent
    return ["active_agents", "current_agent"]


def reproject(session: Session, *, event_type: str) -> None:
    """The index rows of all messages will be compared with the session by the conversation store."""
    session.projection_due = True
    session.save(update_fields=["projection_due"])
    SyncEvent.objects.create(
        tenant_id=session.tenant_id,
        event_type=event_type,
        context_key=session.session_id,
        object_id=session.pk,
        version=session.message_count,
        source_system="sessions",
        target_systems=stores.targets(TOPIC),
        payload={"session_id": session.session_id},
    )
