"""What every change of a session's state does: a version more, a line in the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.sync.services import outbox
from memoryhub.sync.services.outbox import Change
from sessions_app.models import Session
from sessions_app.services import entries

TOPIC, SOURCE = "messages", "sessions"


def save(session: Session, *fields: str, action: str, principal: Principal, reason: str = "", **new: Any) -> None:
    """Writes ``fields`` of a locked session, and its state entry, as its next version.

    ``new`` enters the audit line, so it holds no values. What agents and people do counts as
    activity; what jobs do does not.
    """
    session.version += 1
    written = {*fields, "version"}
    if principal.kind != "system":
        session.last_activity = timezone.now()
        written.add("last_activity")
    entries.write_state(session, principal=principal)
    session.save(update_fields=written | {"state_written_at"})
    record(session, action=action, principal=principal, reason=reason, **new)


def state_written(session: Session, principal: Principal) -> None:
    """Writes the state entry alone: of a new session, and now and then of one in which only messages come in."""
    entries.write_state(session, principal=principal)
    session.save(update_fields=["state_written_at"])


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
    announce(session.pk, session.session_id, session.message_count, what=what, principal=principal)


def announce(session: UUID, name: str, count: int, *, what: str, principal: Principal) -> None:
    """Makes every store of messages look at all ``count`` messages of the session."""
    change = Change(
        event_type=f"{TOPIC}.{what}",
        object_id=session,
        context_key=name,
        version=count,
        source=SOURCE,
        payload={"session_id": name},
    )
    outbox.emit([change], principal=principal)
