"""The life of a session: start and resume."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb
from memoryhub.registry.services.drafts import check_value
from sessions_app.exceptions import SessionIdTaken
from sessions_app.models import Session
from sessions_app.services import acting, changes, entries, finding


@dataclass(frozen=True, slots=True)
class Started:
    """``resumed`` is True where an open session of that name was there already."""

    session: Session
    resumed: bool


def new_session_id() -> str:
    return f"session_{secrets.token_urlsafe(18)}"


@verb
def start(
    *,
    principal: Principal,
    session_id: str | None = None,
    initial_context: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    start_time: datetime | None = None,
) -> Started:
    """Starts a session of the user whom the principal names, or resumes the open one of that name.

    ``initial_context`` is added to the context of a resumed session. Raises SessionIdTaken where the
    name belongs to another user's session or to one without a user: nobody takes over a foreign
    conversation. Raises SessionClosed where it has ended: resuming that is a decision of its own.
    """
    principal.require("write")
    session_id = session_id or new_session_id()
    first: dict[str, Any] = {
        "context_snapshot": initial_context or {},
        "metadata": metadata or {},
        "user_id": principal.named_user,
    }
    if start_time is not None:
        first["start_time"] = start_time
    check_sizes(first)
    session, made = Session.objects.select_for_update(no_key=True).get_or_create(
        tenant_id=finding.tenant_of(principal), session_id=session_id, defaults=first | agents(principal)
    )
    if made:
        session.refresh_from_db()
        changes.state_written(session, principal)
        changes.record(session, action="started", principal=principal)
        return Started(session, resumed=False)
    return Started(enter(session, principal, first), resumed=True)


def check_sizes(given: dict[str, Any]) -> None:
    for field in ("context_snapshot", "metadata"):
        check_value(given[field], "initial_context" if field == "context_snapshot" else field)


def agents(principal: Principal) -> dict[str, Any]:
    agent = principal.agent_id
    return {"current_agent": agent, "active_agents": [agent] if agent else []}


def enter(session: Session, principal: Principal, given: dict[str, Any]) -> Session:
    """An open session is resumed by starting it again; what was sent along is added to it."""
    if principal.named_user is not None and session.user_id != principal.named_user:
        raise SessionIdTaken()
    finding.require_open(session)
    session.context_snapshot = session.context_snapshot | given["context_snapshot"]
    session.metadata = session.metadata | given["metadata"]
    check_sizes({"context_snapshot": session.context_snapshot, "metadata": session.metadata})
    fields = ["context_snapshot", "metadata", *acting.enter(session, principal)]
    changes.save(session, *fields, action="resumed", principal=principal)
    return session


@dataclass(frozen=True, slots=True)
class Resumed:
    session: Session
    task_count: int


@verb
def resume(*, session_id: str, principal: Principal) -> Resumed:
    """Opens the session again from whatever state it is in, the archive too. Raises SessionNotFound."""
    session = finding.locked(session_id, principal=principal)
    archived = session.status == Session.Status.ARCHIVED
    if session.ended_at is not None:
        entries.bring_back(session, since=session.ended_at, principal=principal)
    before, session.status = session.status, Session.Status.ACTIVE
    session.ended_at, session.end_reason = None, ""
    fields = ["status", "ended_at", "end_reason", *acting.enter(session, principal)]
    changes.save(session, *fields, action="resumed", principal=principal, was=before)
    if archived:
        changes.reproject(session, what="restored", principal=principal)
    return Resumed(session, session.tasks.count())
