"""What staff can do to a session, each with one service call."""

from __future__ import annotations

from memoryhub.access.admin.verbs import Call, Verb
from sessions_app.models import Handoff, Session
from sessions_app.services import endings, handoffs, sessions


def end(call: Call) -> str:
    endings.end(session_id=call.object.session_id, principal=call.principal, reason=call.reason or "ended by staff")
    return "The session is ended. Its transcript stays; it can be resumed."


def resume(call: Call) -> str:
    sessions.resume(session_id=call.object.session_id, principal=call.principal)
    return "The session is open again."


def archive(call: Call) -> str:
    endings.archive(session_id=call.object.session_id, principal=call.principal)
    return "The session is in the archive. Searches leave its messages out unless asked for archived ones."


def accept(call: Call) -> str:
    handoff = handoffs.accept(handoff_id=call.object.pk, principal=call.principal)
    return f"Accepted for {handoff.to_agent}."


def reject(call: Call) -> str:
    handoff = handoffs.reject(handoff_id=call.object.pk, principal=call.principal, reason=call.reason)
    return f"Turned back to {handoff.from_agent or 'nobody'}."


def is_open(session: Session) -> bool:
    return session.is_open


def is_closed(session: Session) -> bool:
    return not session.is_open


def not_archived(session: Session) -> bool:
    return session.status != Session.Status.ARCHIVED


def is_pending(handoff: Handoff) -> bool:
    return handoff.status == Handoff.Status.PENDING


SESSION_VERBS = (
    Verb(
        "resume",
        "Resume",
        "Opens the session again; agents can go on where it stopped.",
        resume,
        reason="none",
        available=is_closed,
        icon="play_arrow",
    ),
    Verb(
        "end",
        "End",
        "Closes the session: no more messages. Its transcript and a summary stay, and it can be resumed.",
        end,
        available=is_open,
        icon="stop",
    ),
    Verb(
        "archive",
        "Archive",
        "Puts the session out of the way; an open one is ended first. It can be resumed.",
        archive,
        reason="none",
        available=not_archived,
        icon="archive",
    ),
)
HANDOFF_VERBS = (
    Verb(
        "accept",
        "Accept",
        "Accepts the hand-off for the agent that it was given to.",
        accept,
        reason="none",
        available=is_pending,
        icon="check",
    ),
    Verb(
        "reject",
        "Turn back",
        "The session goes back to the agent that gave it.",
        reject,
        available=is_pending,
        icon="undo",
    ),
)
