"""What outlives a session: snapshots of its context, and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.services.drafts import check_value
from sessions_app.models import ContextSnapshot, Decision, Session
from sessions_app.services import acting, changes, finding

KEPT_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NewSnapshot:
    """``importance`` is 1..10. ``expires_at`` None means after 30 days. ``context_data`` is any JSON."""

    context_data: Any
    context_type: str = ContextSnapshot.ContextType.TASK
    tags: Sequence[str] = ()
    importance: int = 5
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewDecision:
    """What was decided, why, and what else was considered."""

    title: str
    decision: str
    rationale: str = ""
    alternatives: Sequence[Any] = ()
    metadata: dict[str, Any] = field(default_factory=dict)


@verb
def snapshot(*, session_id: str, new: NewSnapshot, principal: Principal) -> ContextSnapshot:
    """Keeps the context of a session as it is now; of a closed one, too."""
    session = finding.locked(session_id, principal=principal)
    kept = write_snapshot(session, new, principal)
    touch(session, "snapshot.taken", principal, snapshot=str(kept.pk), context_type=kept.context_type)
    return kept


def write_snapshot(session: Session, new: NewSnapshot, principal: Principal) -> ContextSnapshot:
    if new.context_type not in ContextSnapshot.ContextType.values:
        raise Invalid("context_type", f"Choose one of {', '.join(ContextSnapshot.ContextType.values)}.")
    if not 1 <= new.importance <= 10:
        raise Invalid("importance", "Importance is a whole number from 1 to 10.")
    if new.expires_at is not None and new.expires_at <= timezone.now():
        raise Invalid("expires_at", "The end lies in the past.")
    check_value(new.context_data, "context_data")
    kept = ContextSnapshot(
        tenant_id=session.tenant_id,
        session_id=session.session_id,
        user_id=session.user_id,
        context_type=new.context_type,
        context_data=new.context_data,
        tags=list(new.tags),
        importance=new.importance,
        expires_at=new.expires_at or timezone.now() + KEPT_FOR,
        author=principal.actor,
    )
    kept.save(force_insert=True)
    kept.refresh_from_db()
    return kept


@verb
def decide(*, session_id: str, new: NewDecision, principal: Principal) -> Decision:
    """Records a decision taken in a session; in a closed one, too."""
    session = finding.locked(session_id, principal=principal)
    kept = write_decision(session, new, principal)
    touch(session, "decision.recorded", principal, decision=str(kept.pk))
    return kept


def write_decision(session: Session, new: NewDecision, principal: Principal) -> Decision:
    kept = Decision(
        tenant_id=session.tenant_id,
        session_id=session.session_id,
        user_id=session.user_id,
        title=new.title,
        decision=new.decision,
        rationale=new.rationale,
        alternatives=list(new.alternatives),
        metadata=new.metadata,
        author=principal.actor,
    )
    kept.save(force_insert=True)
    kept.refresh_from_db()
    return kept


def touch(session: Session, action: str, principal: Principal, **new: Any) -> None:
    fields = acting.enter(session, principal) if session.is_open else []
    changes.save(session, *fields, action=action, principal=principal, **new)


def purge_expired_snapshots(*, principal: Principal, limit: int) -> int:
    """Deletes up to ``limit`` snapshots past their end; the number."""
    with behind_walls(principal):
        due = ContextSnapshot.objects.visible_to(principal).filter(expires_at__lte=Now())
        chosen = due.order_by("expires_at").values_list("pk", flat=True)[:limit]
        return int(ContextSnapshot.objects.filter(pk__in=list(chosen)).delete()[0])
