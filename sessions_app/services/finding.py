"""Finding the session that a verb is about, as the caller may see it."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from sessions_app.exceptions import SessionClosed, SessionNotFound
from sessions_app.models import Session


def tenant_of(principal: Principal) -> str:
    """The tenant that the caller acts in. Raises Invalid for platform keys and staff that named none."""
    if principal.tenant_id is None:
        raise Invalid("tenant_id", "Name the tenant: this caller may act in several.")
    return principal.tenant_id


def visible(session_id: str, principal: Principal) -> QuerySet[Session]:
    caller = principal.naming(session_id=session_id)
    rows: QuerySet[Session] = Session.objects.visible_to(caller)
    return rows.filter(tenant_id=tenant_of(caller), session_id=session_id)


def find(session_id: str, *, principal: Principal) -> Session:
    """For reading. Raises SessionNotFound also for what the caller may not see."""
    principal.require("read")
    return checked(visible(session_id, principal).first(), principal)


def locked(session_id: str, *, principal: Principal) -> Session:
    """For changing: the row is locked until the transaction ends, so changes of one session queue up here."""
    principal.require("write")
    return checked(visible(session_id, principal).select_for_update(no_key=True).first(), principal)


def locked_open(session_id: str, *, principal: Principal) -> Session:
    """Like ``locked``; raises SessionClosed unless the session is active."""
    session = locked(session_id, principal=principal)
    require_open(session)
    return session


def still_open(session_id: str, *, principal: Principal) -> Session:
    """Like ``locked_open`` without the lock: for what comes before it."""
    principal.require("write")
    with behind_walls(principal):
        session = checked(visible(session_id, principal).first(), principal)
    require_open(session)
    return session


def locked_by_id(session: UUID) -> Session:
    found: Session = Session.objects.select_for_update(no_key=True).get(pk=session)
    return found


def checked(session: Session | None, principal: Principal) -> Session:
    """A caller that names a user other than the session's has named no session that there is."""
    if session is None or (session.user_id and principal.named_user and session.user_id != principal.named_user):
        raise SessionNotFound()
    return session


def refuse_foreign_session(principal: Principal) -> None:
    """A key bound to a user names no session of another one: it would open what is scoped to that session."""
    with behind_walls(principal):
        row = Session.objects.filter(tenant_id=principal.tenant_id, session_id=principal.named_session).first()
    if row is not None and row.user_id is not None and row.user_id != principal.bound_user:
        raise SessionNotFound()


def require_open(session: Session) -> None:
    if not session.is_open:
        raise SessionClosed(
            f"The session is {session.status}. Resume it first: POST /memory/session/resume/{session.session_id}."
        )
