"""Refusals in the audit trail, thinned: of many alike in a minute, the 1st, 10th, 100th … get a line with the count."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.remembered import Remembered
from memoryhub.access.services import audit, rates
from memoryhub.access.walls import behind_walls

logger = logging.getLogger(__name__)
#: The count from which a kind of refusal is worth a line. One missing thing is no news, a row of them is probing.
FIRST_LINE = {401: 1, 403: 1, 404: 10, 409: 1, 422: 1, 428: 1, 429: 1}
#: Lines a minute that all processes together write.
MOST_LINES = 600


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was refused: the address it came from, the route (not the path: that may hold names), and why."""

    status: int
    code: str
    method: str
    route: str
    address: str
    principal: Principal | None = None
    key_id: UUID | None = None
    tenant_id: str | None = None

    @property
    def kind(self) -> tuple[object, ...]:
        caller = (self.principal.key_id or self.principal.name) if self.principal else self.address
        return (caller, self.status, self.code, self.method, self.route)


_counts: Remembered[tuple[object, ...], Iterator[int]] = Remembered(lambda: 60)


def forget_counts() -> None:
    _counts.clear()


def note(refusal: Refusal) -> None:
    """Writes the line, in a transaction of its own: the request's was rolled back."""
    first = FIRST_LINE.get(refusal.status)
    if first is None:
        return
    # no two threads get the same count, and none is left out
    count = next(_counts.get(refusal.kind, lambda: itertools.count(1)))
    if count >= first and is_power_of_ten(count):
        write(refusal, count)


def is_power_of_ten(count: int) -> bool:
    return str(count).strip("0") == "1"


def write(refusal: Refusal, count: int) -> None:
    principal = refusal.principal or system_principal("door", refusal.tenant_id)
    try:
        if rates.take("audit:refusals", MOST_LINES):
            logger.warning("More than %s kinds of refusals a minute; the rest is not written down.", MOST_LINES)
            return
        with behind_walls(principal if refusal.tenant_id or principal.tenant_id else system_principal("door")):
            add_line(refusal, principal, count)
    except DatabaseError:
        logger.exception("A refusal could not be written to the audit trail.")


def add_line(refusal: Refusal, principal: Principal, count: int) -> None:
    described = {"status": refusal.status, "code": refusal.code, "count": count, "address": refusal.address}
    if refusal.key_id and not refusal.principal:
        described["key_id"] = str(refusal.key_id)
    audit.record(
        "access.request.refused",
        principal=principal,
        object_type="route",
        object_id=f"{refusal.method} {refusal.route}",
        new=described,
        outcome=AuditEvent.Outcome.REFUSED,
    )
