"""Hand-offs: given with a complete package, answered by the receiver, turned back when nobody answers.

Pending → accepted (by the receiver's first action or its word), rejected, timed out, or superseded (by
another hand-off or the session's end). All of it happens with the session's row locked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Invalid
from memoryhub.access.models import Agent
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from sessions_app.exceptions import (
    HandoffAnswered,
    HandoffNotFound,
    HandoffTimedOut,
    NotTheReceiver,
    SessionNotFound,
)
from sessions_app.models import Handoff, Session
from sessions_app.services import acting, changes, facts, finding, packages
from sessions_app.services.sweeping import one_by_one

Status = Handoff.Status
AGENTS = ("current_agent", "previous_agent", "active_agents")


@verb
def give(
    *,
    session_id: str,
    to_agent: str,
    handoff_reason: str,
    principal: Principal,
    critical_info: dict[str, Any] | None = None,
    continuation_instructions: str = "",
) -> Handoff:
    """Hands an open session over: ``to_agent`` is its current agent at once, and the hand-off is pending.

    ``critical_info`` joins the session's critical facts. A hand-off still pending is superseded, unless
    its receiver hands on: then it is accepted. Raises SessionClosed, Invalid (to the agent that has the
    session already), Conflict (the receiver is switched off).
    """
    session = finding.locked_open(session_id, principal=principal)
    acting.enter(session, principal)
    supersede_pending(session)
    check_receiver(session, to_agent)
    session.critical_facts = facts.merged(session.critical_facts, critical_info or {}, "critical_info")
    handoff = Handoff(
        tenant_id=session.tenant_id,
        session=session,
        from_agent=session.current_agent or principal.agent_id,
        previous_agent=session.previous_agent,
        to_agent=to_agent,
        receiver_joined=to_agent not in session.active_agents,
        handoff_reason=handoff_reason,
        critical_info=critical_info or {},
        continuation_instructions=continuation_instructions,
        times_out_at=timezone.now() + timedelta(minutes=settings.CONFIG.lifecycle.handoff_timeout_minutes),
    )
    seal(handoff, session)
    move(session, handoff)
    changes.save(
        session,
        *AGENTS,
        "critical_facts",
        action="handoff.given",
        principal=principal,
        handoff=str(handoff.pk),
        to_agent=to_agent,
    )
    return handoff


def supersede_pending(session: Session) -> None:
    """The row of the giver's earlier hand-off must not stay pending; the session turns back to the giver first."""
    for pending in Handoff.objects.filter(session=session, status=Status.PENDING):
        turn_back(session, pending)
        acting.answer(pending, Status.SUPERSEDED, "another hand-off")


def check_receiver(session: Session, to_agent: str) -> None:
    if to_agent == session.current_agent:
        raise Invalid("to_agent", f"The session is with '{to_agent}' already.")
    if Agent.objects.filter(tenant_id=session.tenant_id, agent_id=to_agent, active=False).exists():
        raise Conflict(f"The agent '{to_agent}' is switched off. Choose another one.", code="agent_inactive")


def seal(handoff: Handoff, session: Session) -> None:
    handoff.package = packages.pack(
        session,
        {
            "from_agent": handoff.from_agent,
            "to_agent": handoff.to_agent,
            "handoff_reason": handoff.handoff_reason,
            "critical_info": handoff.critical_info,
            "continuation_instructions": handoff.continuation_instructions,
        },
    )
    handoff.checksum = packages.checksum(handoff.package)
    handoff.save(force_insert=True)
    handoff.refresh_from_db(fields=["created_at", "critical_info"])


def move(session: Session, handoff: Handoff) -> None:
    session.previous_agent, session.current_agent = handoff.from_agent, handoff.to_agent
    if handoff.receiver_joined:
        session.active_agents = [*session.active_agents, handoff.to_agent]


def turn_back(session: Session, handoff: Handoff) -> None:
    """As it was before; an agent that never took over is not one of the session's agents."""
    session.current_agent, session.previous_agent = handoff.from_agent, handoff.previous_agent
    if handoff.receiver_joined:
        session.active_agents = [agent for agent in session.active_agents if agent != handoff.to_agent]


@verb
def accept(*, handoff_id: UUID, principal: Principal) -> Handoff:
    """The receiver takes over. Accepting again changes nothing.

    Raises HandoffNotFound, NotTheReceiver, HandoffAnswered, HandoffTimedOut.
    """
    session, handoff = locked_pair(handoff_id, principal)
    check_answerer(handoff, principal)
    if handoff.status == Status.ACCEPTED:
        return handoff
    check_pending(handoff)
    acting.answer(handoff, Status.ACCEPTED, "accepted")
    changes.save(session, action="handoff.accepted", principal=principal, handoff=str(handoff.pk))
    return handoff


@verb
def reject(*, handoff_id: UUID, principal: Principal, reason: str = "") -> Handoff:
    """The receiver declines: the session turns back to the agent that gave it. Raises as ``accept`` does."""
    session, handoff = locked_pair(handoff_id, principal)
    check_answerer(handoff, principal)
    if handoff.status == Status.REJECTED:
        return handoff
    check_pending(handoff)
    give_back(session, handoff, Status.REJECTED, reason, principal)
    return handoff


def give_back(session: Session, handoff: Handoff, status: Status, reason: str, principal: Principal) -> None:
    turn_back(session, handoff)
    acting.answer(handoff, status, reason)
    changes.save(
        session,
        *AGENTS,
        action=f"handoff.{status}",
        principal=principal,
        reason=reason,
        handoff=str(handoff.pk),
    )


def locked_pair(handoff_id: UUID, principal: Principal) -> tuple[Session, Handoff]:
    """Who knows the id of a hand-off has named its session."""
    tenant = finding.tenant_of(principal)
    found = Handoff.objects.select_related("session").filter(tenant_id=tenant, pk=handoff_id).first()
    if found is None:
        raise HandoffNotFound()
    try:
        session = finding.locked(found.session.session_id, principal=principal)
    except SessionNotFound as error:
        raise HandoffNotFound() from error
    handoff = Handoff.objects.get(pk=handoff_id)
    handoff.session = session
    return session, handoff


def check_answerer(handoff: Handoff, principal: Principal) -> None:
    """An agent answers for itself only; who acts as no agent or governs (a person, a supervisor) for whoever it is."""
    if principal.agent_id not in (None, handoff.to_agent) and not principal.is_admin:
        raise NotTheReceiver(f"This hand-off is for '{handoff.to_agent}'; only that agent answers it.")


def check_pending(handoff: Handoff) -> None:
    if handoff.status != Status.PENDING:
        raise HandoffAnswered(f"The hand-off is {Status(handoff.status).label.lower()} already.")
    if handoff.times_out_at <= timezone.now():
        raise HandoffTimedOut()


def time_out_due(*, principal: Principal, limit: int) -> dict[str, int]:
    """Turns back up to ``limit`` hand-offs that nobody answered in time; how many, and how many could not be."""
    with behind_walls(principal):
        due = Handoff.objects.visible_to(principal).filter(status=Status.PENDING, times_out_at__lte=Now())
        found = list(due.order_by("times_out_at").values_list("pk", "tenant_id")[:limit])
    return one_by_one(found, lambda handoff, caller: time_out(handoff_id=handoff, principal=caller), principal)


@verb
def time_out(*, handoff_id: UUID, principal: Principal) -> bool:
    """Turns one hand-off back if it is still pending and due once its session is locked; whether it was."""
    session, handoff = locked_pair(handoff_id, principal)
    if handoff.status != Status.PENDING or handoff.times_out_at > timezone.now():
        return False
    give_back(session, handoff, Status.TIMED_OUT, "not answered in time", principal)
    return True
