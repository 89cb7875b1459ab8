"""What people may do with deliveries: try again, or take out of the way."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from django.db import connection

from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.sync.models import Delivery
from memoryhub.sync.services import statements as sql
from memoryhub.sync.services.outbox import note_errors

#: id, event id, tenant
Changed = tuple[int, int, str | None]


@verb
def retry(ids: Iterable[int], *, principal: Principal, reason: str = "") -> int:
    """Makes parked and waiting deliveries due now, with all their attempts before them; how many."""
    changed = change(sql.RETRY, ids, principal=principal)
    with connection.cursor() as cursor:
        cursor.execute(sql.REOPEN, {"events": [event for _, event, _ in changed]})
    record("sync.delivery.retried", changed, principal=principal, reason=reason)
    return len(changed)


@verb
def park(ids: Iterable[int], *, principal: Principal, reason: str = "") -> int:
    """Takes pending deliveries out of the queue until somebody retries them; how many."""
    error = f"Parked by {principal.actor}" + (f": {reason}" if reason else ".")
    changed = change(sql.PARK, ids, principal=principal, error=error)
    note_errors([(event, error) for _, event, _ in changed])
    record("sync.delivery.parked", changed, principal=principal, reason=reason)
    return len(changed)


def change(statement: str, ids: Iterable[int], *, principal: Principal, error: str = "") -> list[Changed]:
    if principal.kind == "key":
        raise Forbidden("Deliveries are governed by staff, in the admin.")
    principal.require("admin")
    mine = list(Delivery.objects.visible_to(principal).filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(statement, {"ids": mine, "error": error})
        return list(cursor.fetchall())


def record(action: str, changed: list[Changed], *, principal: Principal, reason: str) -> None:
    """One line a tenant, with the list."""
    by_tenant = sorted(((tenant or "", number) for number, _, tenant in changed), key=itemgetter(0))
    for tenant, rows in groupby(by_tenant, key=itemgetter(0)):
        numbers = [number for _, number in rows]
        audit.record(
            action,
            principal=principal.within(tenant or None),
            object_type="delivery",
            object_id=str(numbers[0]) if len(numbers) == 1 else "",
            new={"deliveries": numbers},
            reason=reason,
        )
