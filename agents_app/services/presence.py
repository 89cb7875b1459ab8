"""Who looks at a conflict, or at something of a higher house, right now. Worth nothing in a minute: not audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
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
class Place:
    """Something of a higher house that people look at; ``title`` says what, for the list of who is where."""

    subject: str
    subject_id: UUID
    tenant_id: str | None
    title: str


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody else at the same thing; ``editing``: with something that is not saved."""

    name: str
    editing: bool


@verb
def note(conflict_id: UUID, *, principal: Principal, editing: bool) -> list[Present]:
    """Notes that this staff user looks at a conflict, and says who else does. Raises NotFound, Forbidden."""
    user_pk = person(principal)
    conflict = Conflict.objects.filter(pk=conflict_id).only("tenant_id").first()
    if conflict is None:
        raise NotFound()
    seen(user_pk, editing, {"tenant_id": conflict.tenant_id}, conflict=conflict)
    return others(conflict_id, user_pk, timezone.now())


@verb
def note_at(place: Place, *, principal: Principal, editing: bool) -> list[Present]:
    """The same of something else, which the caller has found to be in reach. Raises Forbidden."""
    user_pk = person(principal)
    said = {"tenant_id": place.tenant_id, "title": place.title}
    seen(user_pk, editing, said, subject=place.subject, subject_id=place.subject_id)
    return others_at(place, user_pk, timezone.now())


def person(principal: Principal) -> int:
    if principal.kind != "staff" or principal.staff_pk is None:
        raise Forbidden("Only people look at this in the admin; agents ask for it.")
    return principal.staff_pk


def seen(user_pk: int, editing: bool, said: dict[str, Any], **where: Any) -> None:
    now = timezone.now()
    defaults = {"editing": editing, "seen_at": now, **said}
    Presence.objects.update_or_create(user_id=user_pk, **where, defaults=defaults)
    Presence.objects.filter(seen_at__lt=now - FORGOTTEN_AFTER).delete()


@verb
def leave(conflict_id: UUID, *, principal: Principal) -> None:
    """The user has gone on to another page. Leaving twice is leaving once."""
    if principal.staff_pk is not None:
        Presence.objects.filter(conflict_id=conflict_id, user_id=principal.staff_pk).delete()


@verb
def leave_from(place: Place, *, principal: Principal) -> None:
    if principal.staff_pk is not None:
        here = Presence.objects.filter(subject=place.subject, subject_id=place.subject_id)
        here.filter(user_id=principal.staff_pk).delete()


def others(conflict_id: UUID, user_pk: int, now: datetime) -> list[Present]:
    return besides(user_pk, now, Q(conflict_id=conflict_id))


def others_at(place: Place, user_pk: int, now: datetime) -> list[Present]:
    return besides(user_pk, now, Q(subject=place.subject, subject_id=place.subject_id))


def besides(user_pk: int, now: datetime, where: Q) -> list[Present]:
    here = Presence.objects.filter(where, ~Q(user=user_pk), seen_at__gte=now - STALE_AFTER)
    rows = here.select_related("user").order_by("-editing", "user__username")
    return [Present(row.user.get_short_name() or row.user.get_username(), row.editing) for row in rows]
