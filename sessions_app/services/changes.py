"""What every change of a session's state does: a version more, a line in the audit trail."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.sync.services import outbox
from memoryhub.sync.services.outbox import Change
from sessions_app.models import Session

TOPIC, SOURCE = "messages", "sessions"


def save(session: Session, *fields: str, action: str, principal: Principal, reason: str = "", **new: Any) -> None:
    """Writes ``fields`` of a locked session as its next version. ``new`` enters the audit line: no values.

    Whatever an agent does counts as activity; what jobs do does not.
    """
    session.version += 1
    written = {*fields, "version"}
    if principal.kind != "system":
        session.last_activity = timezone.now()
        written.add("last_activity")
    session.save(update_fields=written)
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


def reproject(session: Session, *, what: str, principal: Principal) -> None:
    """The index rows of all messages will be compared with the session by the conversation store."""
    session.projection_due = True
    session.save(update_fields=["projection_due"])
    change = Change(
        event_type=f"{TOPIC}.{what}",
        object_id=session.pk,
        context_key=session.session_id,
        version=session.message_count,
        source=SOURCE,
        payload={"session_id": session.session_id},
    )
    outbox.emit([change], principal=principal)
