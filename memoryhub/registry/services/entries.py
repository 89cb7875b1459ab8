"""Storing, finding by key, reading and changing entries: the verbs that everything else builds on."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

from memoryhub.access.exceptions import HubError, Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_call
from memoryhub.access.walls import behind_walls
from memoryhub.registry import hooks
from memoryhub.registry.exceptions import (
    DurableExists,
    EntryExists,
    EntryLocked,
    EntryStale,
    LowerPriority,
    MemoryTypeRefused,
    NotGranted,
    ParentNotFound,
    PermanentEntry,
    RestrictedCategory,
    StaleFence,
)
from memoryhub.registry.hooks import Settled
from memoryhub.registry.layers import layer_of
from memoryhub.registry.models import ContextEntry, EphemeralEntry
from memoryhub.registry.services import access_log, acts, offers
from memoryhub.registry.services.addresses import default_scope, reading_addresses, writing_address
from memoryhub.registry.services.drafts import Change, Draft, Unset, changing_order, storing_order
from memoryhub.registry.services.records import Entry, rows_of

WRITE = "SELECT * FROM registry_write(%s::text, %s::jsonb, %s::jsonb)"
WRITE_MANY = (
    "WITH walls AS (SELECT %s::text AS walls) "
    "SELECT w.* FROM walls, jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS job(pair, n), "
    "LATERAL registry_write(walls.walls, pair->'order', pair->'act') AS w ORDER BY n"
)
#: What the write function, and the house rules in it, may answer beside versions.
REFUSALS: dict[str, type[HubError]] = {
    "durable": DurableExists,
    "permanent": PermanentEntry,
    "forbidden": NotGranted,
    "locked": EntryLocked,
    "stale_fence": StaleFence,
    "restricted": RestrictedCategory,
    "memory_type": MemoryTypeRefused,
    "lower_priority": LowerPriority,
}
FIND = "SELECT * FROM registry_find(%s::text, %s, %s::jsonb, %s) WHERE id IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Stored:
    """What storing or changing answers: the entry's new version. ``created``: there was none before."""

    entry_id: UUID
    key: str
    layer: str
    scope: str
    sync_version: int
    created: bool
    expires_at: datetime | None
    updated_at: datetime
    kept: bool = False
    settled: Settled | None = None

    @property
    def proposed(self) -> UUID | None:
        """The conflict in which the change waits for a person."""
        waits = self.settled is not None and self.settled.outcome == "conflict"
        return self.settled.conflict_id if self.settled and waits else None


def store(draft: Draft, *, principal: Principal) -> Stored:
    """Creates or replaces the entry at the draft's key and scope, as a new version.

    Raises Invalid, TooLarge, Forbidden (a scope that is not the caller's; a permanent entry demoted),
    EntryStale (``if_*`` do not hold), EntryExists (``on_conflict="fail"``), DurableExists. What the caller may only
    propose, or asks to resolve, is decided or put before people: see ``Stored.settled``.
    """
    draft, caller = settled(draft, principal)
    order, act = prepared(draft, caller)
    if draft.parent_id:
        with behind_walls(caller):
            check_parent(draft.parent_id, caller)
            return carry_out(order, act, draft, caller)
    return carry_out(order, act, draft, caller)


def settled(draft: Draft, principal: Principal) -> tuple[Draft, Principal]:
    """The draft with its scope and layer decided, and the caller speaking about whom the draft names."""
    caller = principal.within(draft.tenant_id).naming(user_id=draft.user_id, session_id=draft.session_id)
    layer = draft.layer and layer_of(draft.layer)
    if layer == "session" and not draft.session_id:
        raise Invalid("session_id", "The layer 'session' needs session_id: the entry ends with that session.")
    if draft.on_conflict == "resolve" and draft.if_version is None and not draft.if_absent:
        raise Invalid("on_conflict", "To resolve, say what you saw: If-Match with a version, or If-None-Match: *.")
    if layer == "ephemeral" and draft.parent_id:
        raise Invalid("parent_id", "An ephemeral entry has no parent. Choose a durable layer.")
    return replace(draft, scope=draft.scope or default_scope(caller.named_user), layer=layer), caller


def prepared(draft: Draft, caller: Principal) -> tuple[dict[str, Any], dict[str, Any]]:
    """The order and the act of a settled draft."""
    address = writing_address(draft.scope or "tenant", caller, agent_id=draft.agent_id)
    order = storing_order(draft, address)
    return order, acts.storing(caller, key=draft.key, value=draft.value, reason=draft.reason)


def check_parent(parent_id: UUID | Unset | None, principal: Principal) -> None:
    """A parent is an entry that the caller can see."""
    if not ContextEntry.objects.visible_to(principal).present(archived=True).filter(pk=parent_id).exists():
        raise ParentNotFound()


def carry_out(order: dict[str, Any], act: dict[str, Any], named: Draft | Change, principal: Principal) -> Stored:
    """Writes the order. A change that may only be proposed becomes a proposal; a stale one is resolved where asked."""
    try:
        return write(order, act, principal)
    except (LowerPriority, EntryStale) as refused:
        return offered(order, named, principal, refused)


def offered(
    order: dict[str, Any], named: Draft | Change, principal: Principal, refused: LowerPriority | EntryStale
) -> Stored:
    """What became of a refused order. Raises the refusal where nobody decides about it."""
    offer = offers.offer_of(order, named, refused)
    if offer is None:
        raise refused
    with behind_walls(principal):
        settled = hooks.settle(offer, principal)
        if settled is None:
            raise refused
        return standing(offer.entry_id, settled)


def standing(entry_id: UUID, settled: Settled) -> Stored:
    """The entry as it stands after a decision."""
    entry = ContextEntry.objects.get(pk=entry_id)
    return Stored(
        entry_id=entry.pk,
        key=entry.key,
        layer=entry.layer,
        scope=entry.scope,
        sync_version=entry.sync_version,
        created=False,
        expires_at=entry.expires_at,
        updated_at=entry.updated_at,
        settled=settled,
    )


def write(order: dict[str, Any], act: dict[str, Any], principal: Principal) -> Stored:
    """Runs one order in the database; its refusals become errors."""
    [row] = one_call(WRITE, [encoded(order), encoded(act)], principal=principal)
    return answered(row)


def write_many(pairs: list[tuple[dict[str, Any], dict[str, Any]]], principal: Principal) -> list[Stored | HubError]:
    """Runs orders in one round trip and transaction: a result or refusal for each, in their order."""
    jobs = [{"order": order, "act": act} for order, act in pairs]
    rows = one_call(WRITE_MANY, [encoded(jobs)], principal=principal)
    return [refusal(row) or done(row) for row in rows]


def encoded(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def answered(row: tuple[Any, ...]) -> Stored:
    refused = refusal(row)
    if refused is not None:
        raise refused
    return done(row)


def done(row: tuple[Any, ...]) -> Stored:
    status, *fields = row
    return replace(Stored(*fields), kept=status == "kept")


def refusal(row: tuple[Any, ...]) -> HubError | None:
    """What the status of the write function means; None when it was carried out."""
    status, entry_id, *_ = row
    version = row[5]
    if status in ("done", "kept"):
        return None
    if status == "stale":
        return EntryStale(version, entry_id=entry_id and str(entry_id))
    if status == "exists":
        return EntryExists(current_version=version, entry_id=str(entry_id))
    if status == "lower_priority":
        return LowerPriority(entry_id)
    return refusal_named(status)


def refusal_named(status: str) -> HubError:
    """The error of a status; what the database tells about it stands on further lines."""
    code, *told = status.split("\n")
    return REFUSALS.get(code, NotFound)(*told)


def retrieve(
    *,
    key: str,
    principal: Principal,
    scope: str | None = None,
    tenant_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    agent_id: str | None = None,
    include_archived: bool = False,
) -> Entry:
    """The entry with that key in that scope; without a scope the first of agent, session, user, tenant, global.

    Raises NotFound; Invalid when the scope needs an id that is not named.
    """
    started = perf_counter()
    caller = principal.within(tenant_id).naming(user_id=user_id, session_id=session_id)
    places = reading_addresses(caller, scope, agent_id=agent_id)
    rows = one_call(FIND, [key, encoded(places), include_archived], principal=caller)
    if not rows:
        raise NotFound()
    entry = Entry(*rows[0])
    access_log.note([entry], principal=caller, operation="retrieve", started=started)
    return entry


def get(entry_id: UUID, *, principal: Principal, include_archived: bool = False) -> Entry:
    """The entry of that id. Raises NotFound for what is not there or not visible."""
    started = perf_counter()
    for model in (ContextEntry, EphemeralEntry):
        found = model.objects.visible_to(principal).present(archived=include_archived).filter(pk=entry_id)
        entries = rows_of(found, principal=principal)
        if entries:
            access_log.note(entries, principal=principal, operation="get", started=started)
            return entries[0]
    raise NotFound()


def change(entry_id: UUID, change: Change, *, principal: Principal) -> Stored:
    """Changes what ``change`` names, if the entry is at ``change.if_version`` (or ``if_present``).

    Raises NotFound, Forbidden (readable, not writable), EntryStale, PermanentEntry, Invalid, TooLarge.
    """
    if change.layer:
        change = replace(change, layer=layer_of(change.layer))
    with behind_walls(principal):
        target = writable_entry(entry_id, principal)
        check_change(change, target, principal)
        order = changing_order(change, entry_id, ephemeral=isinstance(target, EphemeralEntry))
        value = target.value if isinstance(change.value, Unset) else change.value
        act = acts.storing(principal, key=target.key, value=value, reason=change.reason, did="changed")
        return carry_out(order, act, change, principal)


def writable_entry(entry_id: UUID, principal: Principal) -> ContextEntry | EphemeralEntry:
    """The entry, there and writable. Raises NotFound when it is not visible, NotGranted when only readable."""
    for model in (ContextEntry, EphemeralEntry):
        visible = model.objects.visible_to(principal).present().filter(pk=entry_id)
        target: ContextEntry | EphemeralEntry | None = visible.first()
        if target is not None:
            if not model.objects.writable_by(principal).filter(pk=entry_id).exists():
                raise NotGranted()
            return target
    raise NotFound()


def check_change(change: Change, target: ContextEntry | EphemeralEntry, principal: Principal) -> None:
    ephemeral = isinstance(target, EphemeralEntry)
    if change.layer and (change.layer == "ephemeral") != ephemeral:
        raise Invalid("layer", "An entry moves between ephemeral and durable layers by storing it again by its key.")
    if change.layer == "session" and not target.origin_session:
        raise Invalid("layer", "This entry was stored outside a session. Store it again with session_id.")
    if change.parent_id:
        if ephemeral or change.parent_id == target.pk:
            raise Invalid("parent_id", "This entry cannot have that parent.")
        check_parent(change.parent_id, principal)
