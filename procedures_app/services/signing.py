"""Problems that former rules signed get the signature that an error has today: else no error would find them by it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from procedures_app.models import Knowledge
from procedures_app.services import curation, keeping
from procedures_app.signatures import MARK, stored

ACTIVE = Knowledge.Status.ACTIVE
REASON = "Today's rules read the errors of both as one."


def again(*, principal: Principal, limit: int) -> int:
    """The job: signs up to ``limit`` problems anew; the number. Two that have one signature now become one problem."""
    with behind_walls(principal):
        found = list(former(principal).order_by("tenant_id", "pk").values_list("tenant_id", "pk")[:limit])
    return sum(signed(pk, replace(principal, tenant_id=tenant)) for tenant, pk in found)


def former(principal: Principal) -> QuerySet[Knowledge]:
    """Whatever their status: what was merged still leads to what took its place."""
    return keeping.visible(principal).filter(problem_signature__isnull=False).exclude(problem_signature__contains=MARK)


def signed(knowledge_id: UUID, principal: Principal) -> bool:
    """False where somebody else was at it; the next run sees to it."""
    try:
        sign(knowledge_id, principal=principal)
    except (IntegrityError, NotFound):
        return False
    return True


@verb
def sign(knowledge_id: UUID, *, principal: Principal) -> None:
    """From the masked text that is kept of its error. No new version: what it says is the same."""
    curation.alone(principal)
    row = keeping.locked(knowledge_id, principal)
    signature = stored(error_type=row.error_type, template=row.template).signature
    twin = twin_of(row, signature)
    if twin is not None:
        join(row, twin, principal)
    with transaction.atomic():
        Knowledge.objects.filter(pk=row.pk).update(problem_signature=signature)
    keeping.record(
        "signed_again", row, principal, old={"signature": row.problem_signature}, new={"signature": signature}
    )


def twin_of(row: Knowledge, signature: str) -> Knowledge | None:
    """The active problem, with the same readers, that has the signature already."""
    if row.status != ACTIVE:
        return None
    rows = Knowledge.objects.filter(tenant_id=row.tenant_id, user_id=row.user_id, status=ACTIVE)
    return rows.filter(problem_signature=signature).exclude(pk=row.pk).first()


def join(row: Knowledge, twin: Knowledge, principal: Principal) -> None:
    """The one that is known for longer stays."""
    kept, dropped = sorted((row, twin), key=lambda each: (each.created_at, each.pk))
    curation.merge(kept.pk, dropped.pk, principal=principal, reason=REASON)
