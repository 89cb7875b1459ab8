"""The reviewers' queue: who takes a conflict, until when it may rest, and holding the entry while deciding."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from agents_app.models import Conflict
from agents_app.services import notices
from agents_app.services.conflicts import records
from agents_app.services.conflicts.moves import check_unmoved
from agents_app.services.conflicts.reach import REVIEW, check_may_decide, locked_conflict, review_name, reviewer
from agents_app.services.conflicts.writing import Hold
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.registry.exceptions import EntryLocked
from memoryhub.registry.models import ContextEntry, EntryLock
from memoryhub.registry.services import locks

LONGEST_SNOOZE = timedelta(days=30)


@verb
def assign(conflict_id: UUID, *, principal: Principal, username: str | None) -> Conflict:
    """Gives an open conflict to a staff user; None gives it back to everybody. Repeating changes nothing.

    Raises NotFound, Forbidden, ConflictMoved (decided already), Invalid (no such reviewer).
    """
    conflict, entry = open_one(conflict_id, principal)
    user = reviewer_named(username, conflict) if username else None
    if conflict.assignee_id == (user and user.pk):
        return conflict
    records.note_of(conflict, assignee=user)
    note("assigned", conflict, entry, principal, assignee=username)
    notices.consider(conflict, notices.Reason.ASSIGNED, principal=principal)
    return conflict


def reviewer_named(username: str, conflict: Conflict) -> User:
    """An active staff user who may see the conflict's tenant."""
    user = User.objects.filter(username=username, is_staff=True, is_active=True).first()
    limits = set(user.tenant_limits.values_list("tenant_id", flat=True)) if user else set()
    if user is None or (limits and conflict.tenant_id not in limits):
        raise Invalid("assignee", f"There is no reviewer '{username}' for this tenant.")
    return user


@verb
def snooze(conflict_id: UUID, *, principal: Principal, until: datetime | None) -> Conflict:
    """Lets an open conflict rest until then; None wakes it. At most 30 days.

    Raises NotFound, Forbidden, ConflictMoved (decided already), Invalid.
    """
    now = timezone.now()
    if until is not None and not now < until <= now + LONGEST_SNOOZE:
        raise Invalid("until", "Name a time to come, at most 30 days ahead.")
    conflict, entry = open_one(conflict_id, principal)
    if conflict.snoozed_until == until:
        return conflict
    records.note_of(conflict, snoozed_until=until)
    note("snoozed", conflict, entry, principal, until=until.isoformat() if until else None)
    return conflict


@verb
def hold(conflict_id: UUID, *, principal: Principal, seconds: float | None = None) -> Conflict:
    """Keeps writers off the entry while a reviewer decides: they get 409 ``locked``. Again: the time starts anew.

    ``seconds``: ``agents.review_hold_seconds``, at most. It ends with the decision. Raises NotFound, Forbidden,
    ConflictMoved, EntryLocked (somebody else has it), Invalid.
    """
    most = settings.CONFIG.agents.review_hold_seconds
    wanted = most if seconds is None else seconds
    if not 1 <= wanted <= most:
        raise Invalid("seconds", f"A reviewer holds an entry for 1 to {most} seconds.")
    conflict, entry = open_one(conflict_id, principal)
    got = locks.acquire(entry.pk, principal=reviewer(principal, conflict), seconds=wanted, reason="under review")
    records.note_of(conflict, held_by=principal.staff_pk, held_until=got.expires_at)
    note("held", conflict, entry, principal, until=got.expires_at.isoformat())
    return conflict


@verb
def unhold(conflict_id: UUID, *, principal: Principal) -> Conflict:
    """Lets writers at the entry again. Not holding it is no error. Raises NotFound, Forbidden, EntryLocked (another
    reviewer holds it)."""
    conflict, entry = locked_conflict(conflict_id, principal)
    check_may_decide(conflict, principal, automatic=False)
    check_held_by_nobody_else(entry, principal)
    let_go(conflict, entry, principal)
    return conflict


def let_go(conflict: Conflict, entry: ContextEntry, principal: Principal) -> None:
    """Ends the hold of a conflict, if it has one."""
    if conflict.held_until is None:
        return
    if own_hold(entry, principal) is not None:
        with suppress(NotFound):  # the entry is deleted by now, and its lock means nothing
            locks.release(entry.pk, principal=reviewer(principal, conflict))
    records.note_of(conflict, held_by=None, held_until=None)
    note("released", conflict, entry, principal)


def own_hold(entry: ContextEntry, principal: Principal) -> Hold | None:
    """The name and fencing number under which the caller holds a locked entry for a review."""
    lock = EntryLock.objects.held().filter(pk=entry.pk, holder=review_name(principal)).first()
    return lock and Hold(lock.holder or "", lock.fence)


def check_held_by_nobody_else(entry: ContextEntry, principal: Principal) -> None:
    """Raises EntryLocked while another reviewer holds the entry."""
    others = EntryLock.objects.held().filter(pk=entry.pk, holder__startswith=REVIEW)
    lock = others.exclude(holder=review_name(principal)).first()
    if lock is not None:
        raise EntryLocked(lock.holder, lock.expires_at)


def open_one(conflict_id: UUID, principal: Principal) -> tuple[Conflict, ContextEntry]:
    """An open conflict that the caller may decide, locked."""
    conflict, entry = locked_conflict(conflict_id, principal)
    check_may_decide(conflict, principal, automatic=False)
    check_unmoved(conflict, entry, None, None)
    return conflict, entry


def note(did: str, conflict: Conflict, entry: ContextEntry, principal: Principal, **said: str | None) -> None:
    """The queue is the reviewers' own business: it is audited, and no agent hears of it."""
    audit.record(
        f"agents.conflict.{did}",
        principal=principal,
        tenant_id=conflict.tenant_id,
        object_type="conflict",
        object_id=conflict.pk,
        new={"entry_id": str(entry.pk), "version": conflict.version, **said},
    )
