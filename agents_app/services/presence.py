"""Who looks at a conflict right now. Worth nothing in a minute, so nothing of it is in the audit trail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from agents_app.models import Conflict, Presence
from memoryhub.access.exceptions import Forbidden, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb

#: Pages ask again every 10 seconds; who has not asked for this long has left.
STALE_AFTER = timedelta(seconds=30)
#: Rows this old are removed by the next page that asks.
FORGOTTEN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody else at the same conflict; ``editing``: with picks that are not saved."""

    name: str
    editing: bool


@verb
def note(conflict_id: UUID, *, principal: Principal, editing: bool) -> list[Present]:
    """Notes that this staff user looks at a conflict, and says who else does. Raises NotFound, Forbidden."""
    if principal.kind != "staff" or principal.staff_pk is None:
        raise Forbidden("Only people look at conflicts; agents ask for them.")
    conflict = Conflict.objects.filter(pk=conflict_id).only("tenant_id").first()
    if conflict is None:
        raise NotFound()
    now = timezone.now()
    Presence.objects.update_or_create(
        conflict=conflict,
        user_id=principal.staff_pk,
        defaults={"tenant_id": conflict.tenant_id, "editing": editing, "seen_at": now},
    )
    Presence.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()
    return others(conflict_id, principal.staff_pk, now)


@verb
def leave(conflict_id: UUID, *, principal: Principal) -> None:
    """The user has gone on to another page. Leaving twice is leaving once."""
    if principal.staff_pk is not None:
        Presence.objects.filter(conflict_id=conflict_id, user_id=principal.staff_pk).delete()


def others(conflict_id: UUID, user_pk: int, now: datetime) -> list[Present]:
    here = Presence.objects.filter(conflict_id=conflict_id, seen_at__gte=now - STALE_AFTER)
    rows = here.filter(~Q(user=user_pk)).select_related("user").order_by("-editing", "user__username")
    return [Present(row.user.get_short_name() or row.user.get_username(), row.editing) for row in rows]
