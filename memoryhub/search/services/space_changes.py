"""Changing the search model while the hub works: who decides what, and what the configuration asks for.

The life of a space: ``building`` (or ``paused``) → ``ready`` → ``active`` → ``retired``, from where it can become
active again, → ``dropped`` when its vectors are gone. One is active and at most one is on its way.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from memoryhub.access.exceptions import Conflict, Forbidden, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb, writes_global
from memoryhub.search.models import Vector, VectorSpace
from memoryhub.search.services import spaces
from memoryhub.search.services.spaces import CONFIGURATION, State, Wanted

COMING = (State.BUILDING, State.PAUSED, State.READY)


@verb
def start(*, principal: Principal, wanted: Wanted | None = None, by_itself: bool | None = None) -> VectorSpace:
    """Begins to embed everything for another space, beside the active one; ``wanted`` None: the configured one.

    ``by_itself``: searches use it as soon as it is complete; None leaves that to ``search.switch_by_itself``.
    Needs ``admin`` over all tenants. Raises Conflict while another one is on its way or this one is active, or
    when embedding is turned off.
    """
    require_platform(principal)
    wanted = wanted or spaces.wanted_by_configuration()
    if wanted is None:
        raise Conflict("Embedding is turned off: set search.embedder first.")
    rows = locked()
    refuse_where_coming(rows)
    if any(row.name == wanted.name and row.state == State.ACTIVE for row in rows):
        raise Conflict(f"Searches use '{wanted.name}' already.")
    return begin(wanted, by_itself=by_itself, asked_by=principal.actor, principal=principal)


@verb
def pause(*, principal: Principal, space_id: UUID) -> VectorSpace:
    """Stops building until somebody resumes it. Needs ``admin`` over all tenants. Raises NotFound, Conflict."""
    return moved(space_id, "paused", (State.BUILDING,), State.PAUSED, principal=principal)


@verb
def resume(*, principal: Principal, space_id: UUID) -> VectorSpace:
    """Builds what was paused or failed: looks through all rows again, and embeds those that lack a vector.

    Needs ``admin`` over all tenants. Raises NotFound, Conflict."""
    require_platform(principal)
    refuse_where_coming([row for row in locked() if row.pk != space_id])
    again = {"after": None, "refused": 0, "error": ""}
    return moved(space_id, "resumed", (State.PAUSED, State.FAILED), State.BUILDING, principal=principal, **again)


@verb
def switch(*, principal: Principal, space_id: UUID) -> VectorSpace:
    """Searches use this space from now on; it must be ready. Needs ``admin`` over all tenants.

    The former one is kept for ``search.former_days``. Raises NotFound, Conflict.
    """
    require_platform(principal)
    row = one(space_id)
    if row.state != State.READY:
        raise Conflict(f"'{row.name}' is not ready: it is {row.get_state_display().lower()}.")
    return activate(row, principal=principal)


@verb
def roll_back(*, principal: Principal, space_id: UUID | None = None) -> VectorSpace:
    """Goes back to a former space (None: the last one): what it missed is embedded first, then searches use it.

    Needs ``admin`` over all tenants. Raises Conflict when its vectors are gone or another space is on its way.
    """
    require_platform(principal)
    rows = locked()
    refuse_where_coming(rows)
    former = [row for row in rows if is_former(row) and space_id in (None, row.pk)]
    if not former:
        raise Conflict("There is no former space to go back to: its vectors are removed, or there was none.")
    last = max(former, key=lambda row: row.ended_at or row.asked_at)
    return begin_again(last, by_itself=True, asked_by=principal.actor, action="rolled_back", principal=principal)


@verb
def cancel(*, principal: Principal, space_id: UUID) -> VectorSpace:
    """Gives up a space that is on its way or failed. Its vectors are removed, those of a former space at its time.

    Needs ``admin`` over all tenants. Raises NotFound, Conflict.
    """
    require_platform(principal)
    return give_up(one(space_id), principal=principal, held_back=True)


@verb
def follow_configuration(*, principal: Principal) -> VectorSpace | None:
    """What the configuration asks for at start: the space that it names is built where another one is active.

    Where the active one has no vectors at all, searches use the configured one at once. What people started,
    left or cancelled stays as they decided. Whatever became of the space of this name, it is asked as configured
    now: at today's address, with today's time-outs. Gives the space that was begun or became active. As the system.
    """
    wanted = spaces.wanted_by_configuration()
    if wanted is None:
        return None
    active = spaces.active_row()
    VectorSpace.objects.filter(pk=active.pk).update(complete=False)  # what was stored while the relay was away
    rows = locked()
    describe(wanted)
    for row in rows:
        if row.state in COMING and row.asked_by == CONFIGURATION and row.name != wanted.name:
            give_up(row, principal=principal, held_back=False)
    if active.name == wanted.name or is_settled(wanted, locked()):
        return None
    begun = begin(wanted, by_itself=None, asked_by=CONFIGURATION, principal=principal)
    return begun if Vector.objects.filter(model=active.name).exists() else activate(begun, principal=principal)


# -- what they are made of ----------------------------------------------------------------------------


def require_platform(principal: Principal) -> None:
    principal.require("admin")
    if principal.kind == "key" or principal.tenant_id is not None or not writes_global(principal):
        raise Forbidden("The search model serves all tenants: only staff that sees all of them may change it.")


def locked() -> list[VectorSpace]:
    """All spaces, held until the end of the transaction: decisions about them are made one at a time."""
    return list(VectorSpace.objects.select_for_update().order_by("pk"))


def one(space_id: UUID) -> VectorSpace:
    for row in locked():
        if row.pk == space_id:
            return row
    raise NotFound("There is no such space.")


def refuse_where_coming(rows: list[VectorSpace]) -> None:
    for row in rows:
        if row.state in COMING:
            raise Conflict(f"'{row.name}' is on its way: switch to it or cancel it first.")


def is_former(row: VectorSpace) -> bool:
    return bool(row.state == State.RETIRED and row.drop_at and row.drop_at > timezone.now())


def is_settled(wanted: Wanted, rows: list[VectorSpace]) -> bool:
    """A person decided about it, or it is on its way, or something else is."""
    named = [row for row in rows if row.name == wanted.name]
    coming = any(row.state in COMING for row in rows)
    return coming or any(row.held_back or row.state == State.FAILED for row in named)


def describe(wanted: Wanted) -> None:
    """Its row says how to make its embedder: the name stands for the vectors, and not for where they come from."""
    fields = wanted.fields()
    if VectorSpace.objects.filter(name=wanted.name).exclude(**fields).update(**fields):
        spaces.ask_again()


def begin(wanted: Wanted, *, by_itself: bool | None, asked_by: str, principal: Principal) -> VectorSpace:
    by_itself = settings.CONFIG.search.switch_by_itself if by_itself is None else by_itself
    row, _ = VectorSpace.objects.get_or_create(
        name=wanted.name, defaults={"state": State.DROPPED, "asked_by": asked_by, **wanted.fields()}
    )
    row.settings = wanted.settings
    row.save(update_fields=["settings"])
    return begin_again(row, by_itself=by_itself, asked_by=asked_by, action="started", principal=principal)


def begin_again(row: VectorSpace, *, by_itself: bool, asked_by: str, action: str, principal: Principal) -> VectorSpace:
    changed = {"switch_by_itself": by_itself, "asked_by": asked_by, "asked_at": timezone.now(), "held_back": False}
    fresh: dict[str, Any] = {"after": None, "refused": 0, "error": "", "rate": None, "complete": False}
    return saved(row, action, State.BUILDING, principal=principal, **changed, **fresh)


def moved(
    space_id: UUID, action: str, before: tuple[str, ...], state: State, *, principal: Principal, **fields: Any
) -> VectorSpace:
    require_platform(principal)
    row = one(space_id)
    if row.state not in before:
        raise Conflict(f"'{row.name}' cannot be {action}: it is {row.get_state_display().lower()}.")
    return saved(row, action, state, principal=principal, **fields)


def saved(row: VectorSpace, action: str, state: State, *, principal: Principal, **fields: Any) -> VectorSpace:
    old = row.state
    for name, value in fields.items():
        setattr(row, name, value)
    row.state = state
    row.save(update_fields=["state", *fields])
    audit.record(
        f"search.space.{action}",
        principal=principal,
        object_type="vector_space",
        object_id=row.pk,
        old={"state": old},
        new={"state": state.value, "name": row.name},
    )
    spaces.ask_again()
    return row


def activate(row: VectorSpace, *, principal: Principal) -> VectorSpace:
    """Searches use ``row`` from now on. Within a transaction that holds the spaces."""
    now = timezone.now()
    kept_until = now + timedelta(days=settings.CONFIG.search.former_days)
    for former in VectorSpace.objects.filter(state=State.ACTIVE):
        # a person's choice against the configuration holds until a person chooses again
        chosen = row.asked_by != CONFIGURATION
        ends = {"ended_at": now, "drop_at": kept_until, "after": None}
        saved(former, "left", State.RETIRED, principal=principal, held_back=chosen, **ends)
    begun = {"started_at": now, "ended_at": None, "drop_at": None}
    return saved(row, "activated", State.ACTIVE, principal=principal, complete=False, after=None, error="", **begun)


def give_up(row: VectorSpace, *, principal: Principal, held_back: bool) -> VectorSpace:
    if row.state not in (*COMING, State.FAILED):
        raise Conflict(f"'{row.name}' cannot be cancelled: it is {row.get_state_display().lower()}.")
    now = timezone.now()
    ends = {"ended_at": row.ended_at or now, "drop_at": row.drop_at or now, "after": None}
    return saved(row, "cancelled", State.RETIRED, principal=principal, held_back=held_back, **ends)


@verb
def left_out(*, principal: Principal, name: str, error: str) -> bool:
    """A space could not be written and will lack rows; False for the active one, which searches are answered from.

    One on its way is not ready any more: what it lacks is made good before searches use it.
    """
    row = next((row for row in locked() if row.name == name), None)
    if row is None or row.state == State.ACTIVE:
        return False
    if row.state == State.READY:
        saved(row, "incomplete", State.BUILDING, principal=principal, error=error, after=None)
    elif row.state == State.BUILDING:
        VectorSpace.objects.filter(pk=row.pk).update(error=error, after=None)
    return True
