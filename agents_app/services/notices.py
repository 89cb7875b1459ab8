"""Staff is told about what must not wait: made here, once a reason, and carried out by the outbox.

Conflicts are this house's own; ``tell`` is for the things of higher ones (``agents_app.noticed``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from agents_app import noticed
from agents_app.models import Conflict, Notice, NoticeRead, Severity
from agents_app.noticed import About
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.sync.services import outbox

#: What stores subscribe to in order to hear of notices.
TOPIC = "notice"
Reason = Notice.Reason


@dataclass(frozen=True, slots=True)
class Told:
    """What may be said of a notice outside of the hub. ``sentence`` says what its reason means."""

    notice_id: UUID
    reason: str
    sentence: str
    about: About
    recipient_email: str | None


@dataclass(frozen=True, slots=True)
class Thing:
    """What staff is to be told of: the name and id of something noticed, and its title in a list."""

    subject: str
    subject_id: UUID
    tenant_id: str | None
    title: str
    severity: str


def consider(conflict: Conflict, reason: Reason, *, principal: Principal) -> Notice | None:
    """Tells staff, unless it is not severe enough, decided, or was told already.

    In the transaction of what happened. An assignment is told to the assignee, however severe the conflict is.
    """
    if conflict.status != Conflict.Status.OPEN:
        return None
    if reason == Reason.ASSIGNED:
        return None if conflict.assignee_id in (None, principal.staff_pk) else make(conflict, reason, principal)
    return make(conflict, reason, principal) if reason == Reason.OVERDUE or severe_enough(conflict) else None


def announced(did: str, conflict: Conflict, *, principal: Principal) -> None:
    """What staff hears of what agents are told: that a conflict was opened, or became severe later."""
    if did == "opened":
        consider(conflict, Reason.OPENED, principal=principal)
    elif did == "escalated" and not conflict.notices.filter(reason=Reason.OPENED).exists():
        consider(conflict, Reason.ESCALATED, principal=principal)


def severe_enough(conflict: Conflict) -> bool:
    from_worst = Severity.values
    return from_worst.index(conflict.severity) <= from_worst.index(settings.CONFIG.notices.min_severity)


def make(conflict: Conflict, reason: Reason, principal: Principal) -> Notice | None:
    """The notice and its announcement; None where there is one."""
    notice, created = Notice.objects.get_or_create(
        conflict=conflict,
        reason=reason,
        recipient_id=conflict.assignee_id if reason == Reason.ASSIGNED else None,
        defaults={"tenant_id": conflict.tenant_id, "severity": conflict.severity},
    )
    return announce(notice, principal) if created else None


def tell(thing: Thing, reason: Reason, *, principal: Principal, recipient: int | None = None) -> Notice | None:
    """Tells staff, or the ``recipient`` alone, of something of a higher house; None where it was told already.

    In the transaction of what happened.
    """
    notice, created = Notice.objects.get_or_create(
        subject=thing.subject,
        subject_id=thing.subject_id,
        reason=reason,
        recipient_id=recipient,
        defaults={"tenant_id": thing.tenant_id, "title": thing.title, "severity": thing.severity},
    )
    return announce(notice, principal) if created else None


def announce(notice: Notice, principal: Principal) -> Notice:
    event = outbox.Change(
        event_type=f"{TOPIC}.{notice.reason}",
        object_id=notice.pk,
        context_key=notice.about,
        version=1,
        source=principal.actor,
        priority=notice.severity,
        payload={"notice_id": str(notice.pk), f"{notice.subject}_id": str(notice.thing_id)},
    )
    outbox.emit([event], principal=replace(principal, tenant_id=notice.tenant_id))
    return notice


@verb
def overdue(*, principal: Principal, limit: int) -> int:
    """The job: tells of open conflicts that are past due or too old, and not snoozed; gives how many."""
    now = timezone.now()
    late = Q(due_at__lt=now)
    if hours := settings.CONFIG.notices.ageing_hours:
        late |= Q(created_at__lt=now - timedelta(hours=hours))
    awake = Q(snoozed_until=None) | Q(snoozed_until__lt=now)
    told = Notice.objects.filter(conflict=OuterRef("pk"), reason=Reason.OVERDUE)
    found = Conflict.objects.filter(late, awake, ~Exists(told), status=Conflict.Status.OPEN)
    return sum(tell_of(conflict, principal) for conflict in found.order_by("created_at", "pk")[:limit])


def tell_of(conflict: Conflict, principal: Principal) -> bool:
    caller = replace(principal, tenant_id=conflict.tenant_id)
    with behind_walls(caller):
        return consider(conflict, Reason.OVERDUE, principal=caller) is not None


@verb
def mark_read(notice_ids: Iterable[UUID], *, principal: Principal) -> int:
    """Notes that the staff user has read them; gives how many were new to it. Repeating changes nothing."""
    assert principal.staff_pk is not None, "only staff reads notices"
    unread = Notice.objects.visible_to(principal).meant_for(principal.staff_pk).unread_by(principal.staff_pk)
    found = list(unread.filter(pk__in=list(notice_ids)))
    NoticeRead.objects.bulk_create(
        [NoticeRead(notice=notice, tenant_id=notice.tenant_id, user_id=principal.staff_pk) for notice in found],
        ignore_conflicts=True,
    )
    return len(found)


def told(notice_ids: Iterable[UUID]) -> dict[UUID, Told]:
    """What to say of each notice that still exists. For stores: it reads as the system."""
    found = list(Notice.objects.filter(pk__in=list(notice_ids)).select_related("recipient"))
    known = {
        one.name: one.about([notice.thing_id for notice in found if notice.subject == one.name])
        for one in noticed.every()
    }
    abouts = ((notice, known.get(notice.subject, {}).get(notice.thing_id)) for notice in found)
    return {notice.pk: telling(notice, about) for notice, about in abouts if about is not None}


def telling(notice: Notice, about: About) -> Told:
    return Told(
        notice_id=notice.pk,
        reason=notice.reason,
        sentence=noticed.thing(notice.subject).sentences[notice.reason],
        about=about,
        recipient_email=(notice.recipient.email or None) if notice.recipient else None,
    )
