"""Staff is told of approvals: when one is asked for, when it is given to somebody, and when it waits for too long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from agents_app.models import Notice
from agents_app.services import notices
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from procedures_app.models import Approval
from procedures_app.noticed_approvals import NAME, severity, where

#: So long before it lapses an approval is told as one that waits for too long.
BEFORE_EXPIRY = timedelta(hours=2)


def asked(approval: Approval, *, principal: Principal) -> None:
    """In the transaction that asks for it."""
    notices.tell(thing(approval), Notice.Reason.ASKED, principal=principal)


def assigned(approval: Approval, *, principal: Principal) -> None:
    """Tells the assignee alone; who takes it needs no telling."""
    if approval.assignee_id not in (None, principal.staff_pk):
        notices.tell(thing(approval), Notice.Reason.ASSIGNED, principal=principal, recipient=approval.assignee_id)


def thing(approval: Approval) -> notices.Thing:
    title = f"{approval.get_kind_display()}: {where(approval)}"
    return notices.Thing(NAME, approval.pk, approval.tenant_id, title, severity(approval))


@verb
def overdue(*, principal: Principal, limit: int) -> int:
    """The job: tells once of each approval that is too old or about to lapse; gives how many."""
    now = timezone.now()
    late = Q(expires_at__lt=now + BEFORE_EXPIRY)
    if hours := settings.CONFIG.notices.ageing_hours:
        late |= Q(created_at__lt=now - timedelta(hours=hours))
    told = Notice.objects.filter(subject=NAME, subject_id=OuterRef("pk"), reason=Notice.Reason.OVERDUE)
    found = Approval.objects.filter(late, ~Exists(told), status=Approval.Status.PENDING)
    waiting = found.select_related("run__procedure", "step_run").order_by("created_at", "pk")[:limit]
    return sum(tell_of(approval, principal) for approval in waiting)


def tell_of(approval: Approval, principal: Principal) -> bool:
    caller = replace(principal, tenant_id=approval.tenant_id)
    with behind_walls(caller):
        return notices.tell(thing(approval), Notice.Reason.OVERDUE, principal=caller) is not None
