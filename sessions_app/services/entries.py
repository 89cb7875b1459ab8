"""What a session keeps in the registry: its state while it lives, a memory of it when it has ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from memoryhub.access.principals import Principal
from memoryhub.registry.models.entries import Layer, MemoryType, Scope
from memoryhub.registry.services import entries, lifecycle
from memoryhub.registry.services.drafts import Draft
from sessions_app.models import Session

SOURCE = "sessions"
#: Entries changed within one request: bounded, so that nobody waits for them.
AT_ONCE = 100


def state_key(session_id: str) -> str:
    return f"session_state_{session_id}"


def archive_key(session_id: str) -> str:
    return f"session_archive_{session_id}"


def write_state(session: Session, *, principal: Principal) -> None:
    """The entry ``session_state_<session_id>``: who names the session can ask for it, whatever state it is in.

    Nothing of what was said enters it. It has no end of its own: it must answer for sessions long closed.
    """
    session.state_written_at = timezone.now()
    draft = Draft(
        key=state_key(session.session_id),
        value=state_of(session),
        scope=Scope.SESSION,
        layer=Layer.SESSION,
        session_id=session.session_id,
        category="session_state",
        source=SOURCE,
        expires_at=None,
        by_hub=True,
    )
    entries.store(draft, principal=speaking_of(session, principal))


def state_of(session: Session) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "status": session.status,
        "start_time": session.start_time.isoformat(),
        "last_activity": session.last_activity.isoformat(),
        "current_agent": session.current_agent,
        "previous_agent": session.previous_agent,
        "active_agents": session.active_agents,
        "message_count": session.message_count,
        "version": session.version,
    }


def put_away(session: Session, *, principal: Principal) -> None:
    """Session-layer entries end with their session; what is left beyond ``AT_ONCE`` ends by its own time."""
    lifecycle.archive_session(session.session_id, principal=speaking_of(session, principal), limit=AT_ONCE)


def bring_back(session: Session, *, since: datetime, principal: Principal) -> None:
    """What was put away when the session ended is there again when it is resumed."""
    caller = speaking_of(session, principal)
    lifecycle.unarchive_session(session.session_id, principal=caller, since=since, limit=AT_ONCE)


def remember(session: Session, *, principal: Principal) -> None:
    """A long-term memory of an ended session, for whom its messages are visible to; the session refers to it."""
    draft = Draft(
        key=archive_key(session.session_id),
        value=memory_of(session),
        scope=Scope.USER if session.user_id else Scope.TENANT,
        layer=Layer.LONG_TERM,
        user_id=session.user_id,
        session_id=session.session_id,
        category="session_archive",
        source=SOURCE,
        memory_type=MemoryType.EPISODIC,
        by_hub=True,
    )
    stored = entries.store(draft, principal=speaking_of(session, principal))
    ref = {"entry_id": str(stored.entry_id), "key": stored.key, "layer": stored.layer}
    session.long_term_refs = [*(r for r in session.long_term_refs if r != ref), ref]


def memory_of(session: Session) -> dict[str, Any]:
    """The transcript itself stays where it is: messages 1 to ``message_count`` of the session."""
    return {
        "session_id": session.session_id,
        "summary": session.summary,
        "critical_facts": session.critical_facts,
        "message_count": session.message_count,
        "started": session.start_time.isoformat(),
        "ended": session.ended_at.isoformat() if session.ended_at else None,
        "end_reason": session.end_reason,
        "agents": session.active_agents,
    }


def speaking_of(session: Session, principal: Principal) -> Principal:
    return principal.within(session.tenant_id).naming(user_id=session.user_id, session_id=session.session_id)
