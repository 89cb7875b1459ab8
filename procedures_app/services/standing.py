"""Which problem a signature stands for now: the one that has it, or the one that took its place."""

from __future__ import annotations

from django.db.models import F, QuerySet

from procedures_app.models import Knowledge

#: Knowledge was merged or superseded at most this often in a row.
MOST_STEPS = 50


def known_as(signature: str, rows: QuerySet[Knowledge]) -> Knowledge | None:
    """Among ``rows``; a user's own problem before the tenant's."""
    having = rows.filter(problem_signature=signature)
    own_first = F("user_id").asc(nulls_last=True)
    current = having.filter(status=Knowledge.Status.ACTIVE).order_by(own_first).first()
    if current is not None:
        return current
    former = having.filter(replaced_by__isnull=False).order_by(own_first, "-updated_at").first()
    return successor(former, rows) if former else None


def successor(former: Knowledge, rows: QuerySet[Knowledge]) -> Knowledge | None:
    """What stands in its place in the end; None where that is archived or out of sight."""
    found: Knowledge | None = former
    for _ in range(MOST_STEPS):
        if found is None or found.status == Knowledge.Status.ACTIVE:
            return found
        found = rows.filter(replaces=found).first()
    return None
