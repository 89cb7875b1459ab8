"""Lists of the session area, and single things by their id.

Query sets are lazy: whoever reads them does so behind the same principal's walls.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.visibility import tenant_rows
from memoryhub.access.walls import verb
from sessions_app.exceptions import HandoffNotFound
from sessions_app.models import ContextSnapshot, Decision, Handoff, Message, Session
from sessions_app.services import finding

NOT_EXPIRED = Q(expires_at=None) | Q(expires_at__gt=Now())


@verb
def messages_after(*, session_id: str, after: int, limit: int, principal: Principal) -> tuple[Session, list[Message]]:
    """Up to ``limit`` messages with numbers greater than ``after``, in order."""
    session = finding.find(session_id, principal=principal)
    rows = Message.objects.filter(session=session, sequence__gt=after).order_by("sequence")[:limit]
    return session, list(rows)


def sessions(*, principal: Principal, status: str | None = None, agent: str | None = None) -> QuerySet[Session]:
    """Sessions that the caller may see; ``agent`` is the current one."""
    principal.require("read")
    rows: QuerySet[Session] = Session.objects.visible_to(principal)
    if status:
        rows = rows.filter(status=status)
    return rows.filter(current_agent=agent) if agent else rows


def active_count(principal: Principal) -> int:
    """Open sessions of the caller's tenants, whoever may see them: a figure, no names."""
    return int(Session.objects.filter(tenant_rows(principal), status=Session.Status.ACTIVE).count())


@verb
def handoffs(*, session_id: str, principal: Principal) -> QuerySet[Handoff]:
    """All hand-offs of a session. Raises SessionNotFound."""
    session = finding.find(session_id, principal=principal)
    rows: QuerySet[Handoff] = Handoff.objects.filter(session=session).select_related("session")
    return rows


@verb
def latest_handoff(*, session_id: str, principal: Principal) -> Handoff:
    """Raises SessionNotFound, HandoffNotFound."""
    found = handoffs(session_id=session_id, principal=principal).order_by("-created_at", "-id").first()
    if found is None:
        raise HandoffNotFound("This session was never handed over.")
    return found


@verb
def snapshots(
    *,
    principal: Principal,
    session_id: str | None = None,
    context_type: str | None = None,
    tag: str | None = None,
    min_importance: int | None = None,
) -> QuerySet[ContextSnapshot]:
    """Snapshots that have not expired. Raises SessionNotFound for a session that the caller may not see."""
    principal.require("read")
    if session_id is not None:
        finding.find(session_id, principal=principal)
    rows: QuerySet[ContextSnapshot] = ContextSnapshot.objects.visible_to(principal).filter(NOT_EXPIRED)
    given = {
        "session_id": session_id,
        "context_type": context_type,
        "tags__contains": [tag] if tag else None,
        "importance__gte": min_importance,
    }
    return rows.filter(**{name: value for name, value in given.items() if value is not None})


@verb
def snapshot(*, snapshot_id: UUID, principal: Principal) -> ContextSnapshot:
    """One snapshot, found by an id that only those know who may see it. Raises NotFound."""
    found = snapshots(principal=principal).filter(pk=snapshot_id).first()
    if found is None:
        raise NotFound("There is no such snapshot. Check its id, and name its user or session.")
    return found


@verb
def decisions(*, principal: Principal, session_id: str | None = None) -> QuerySet[Decision]:
    """Decisions that the caller may see. Raises SessionNotFound for a session that is not among it."""
    principal.require("read")
    if session_id is not None:
        finding.find(session_id, principal=principal)
    rows: QuerySet[Decision] = Decision.objects.visible_to(principal)
    return rows.filter(session_id=session_id) if session_id is not None else rows
