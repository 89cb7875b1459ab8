"""Writes what was submitted or decided as a version of an entry, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.db.models.functions import Least

from agents_app.resolution.merging import Problem
from memoryhub.access.exceptions import Invalid, NotFound
from memoryhub.access.principals import Principal
from memoryhub.registry.diffs import MISSING
from memoryhub.registry.models import ContextEntry, EntryVersion, Layer, MemoryType, Priority
from memoryhub.registry.models.entries import ClockTimestamp
from memoryhub.registry.services import acts, entries
from memoryhub.registry.services.amendments import amend, check_removable
from memoryhub.registry.services.drafts import Change, changing_order


@dataclass(frozen=True, slots=True)
class Hold:
    """A lock that a reviewer has: the holder's name, and its fencing number."""

    name: str
    fence: int


def write(
    entry: ContextEntry,
    value: Any,
    attributes: Mapping[str, Any],
    *,
    principal: Principal,
    did: str,
    reason: str = "",
    lock: Hold | None = None,
) -> int:
    """The locked entry gets ``value`` (MISSING: it is deleted) and attributes; gives its new version.

    An archived, ended or deleted entry comes back. Locks hold; ``lock`` is one that the caller has under another name.
    Raises what a store may raise.
    """
    if value is MISSING:
        return remove(entry, principal=principal, reason=reason, lock=lock)
    change = Change(value=value, reason=reason, **named(attributes))
    if isinstance(change.parent_id, UUID):
        check_parent(entry, change.parent_id, principal)
    order = changing_order(change, entry.pk, revive=not is_present(entry))
    act = acts.storing(principal, key=entry.key, value=value, reason=reason, did=did) | shown(lock)
    return entries.write(order, act, principal).sync_version


def check_parent(entry: ContextEntry, parent_id: UUID, principal: Principal) -> None:
    """A parent is another entry that the caller sees, of the entry's tenant. Raises Invalid, ParentNotFound."""
    if parent_id == entry.pk:
        raise Invalid("parent_id", "This entry cannot have that parent.")
    caller = principal if entry.tenant_id is None else principal.within(entry.tenant_id)
    entries.check_parent(parent_id, caller)


def may_have_parent(entry: ContextEntry, parent_id: UUID, principal: Principal) -> bool:
    try:
        check_parent(entry, parent_id, principal)
    except (Invalid, NotFound):
        return False
    return True


def note_time(entry_id: UUID, version: int, written_at: datetime | None) -> None:
    """Keeps when a version was made that came later: strategies compare that, not when it came."""
    if written_at is not None:
        EntryVersion.objects.filter(entry=entry_id, version=version).update(
            written_at=Least(written_at, F("created_at"))
        )


def shown(lock: Hold | None) -> dict[str, Any]:
    return {"holder": lock.name, "fence": lock.fence} if lock else {}


def is_present(entry: ContextEntry) -> bool:
    return bool(ContextEntry.objects.present().filter(pk=entry.pk).exists())


def remove(entry: ContextEntry, *, principal: Principal, reason: str, lock: Hold | None = None) -> int:
    """Deletes a locked entry; one that is deleted already stays as it is."""
    if entry.deleted_at is not None:
        return entry.sync_version
    check_lock(entry, principal, lock)
    check_removable(entry, principal=principal, reason=reason)
    return amend(entry, did="deleted", principal=principal, reason=reason, deleted_at=ClockTimestamp()).sync_version


def check_lock(entry: ContextEntry, principal: Principal, lock: Hold | None) -> None:
    """Raises EntryLocked or StaleFence where the entry's lock forbids the caller to write."""
    act = acts.act(principal) | shown(lock)
    with connection.cursor() as cursor:
        cursor.execute("SELECT registry_lock_refusal(%s, %s::jsonb)", [entry.pk, entries.encoded(act)])
        (refused,) = cursor.fetchone()
    if refused:
        raise entries.refusal_named(refused)


def named(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes as JSON under the names, and with the types, of ``Change``."""
    found = dict(attributes)
    for name, make in (("expires_at", datetime.fromisoformat), ("parent_id", UUID)):
        if found.get(name) is not None:
            found[name] = made(name, found[name], make)
    return found


def made(name: str, text: Any, make: Any) -> Any:
    try:
        return make(text)
    except (ValueError, TypeError) as error:
        raise Invalid(name, f"{text!r} is no valid {name}.") from error


def problems_of_attributes(attributes: Mapping[str, Any]) -> list[Problem]:
    """Attributes that the registry would not take, each with its reason."""
    return [
        Problem(f"@{name}", f"This is not a valid {name.replace('_', ' ')}.")
        for name, said in attributes.items()
        if not VALID[name](said)
    ]


def is_text(said: Any) -> bool:
    return isinstance(said, str) and bool(said)


def one_of(choices: Any) -> Callable[[Any], bool]:
    return lambda said: isinstance(said, str) and said in choices.values


def is_moment(said: Any) -> bool:
    return said is None or (isinstance(said, str) and parses(said, datetime.fromisoformat))


def is_uuid(said: Any) -> bool:
    return said is None or (isinstance(said, str) and parses(said, UUID))


def parses(text: str, make: Callable[[str], Any]) -> bool:
    try:
        make(text)
    except ValueError:
        return False
    return True


VALID: dict[str, Callable[[Any], bool]] = {
    "layer": lambda said: one_of(Layer)(said) and said != Layer.EPHEMERAL,
    "priority": one_of(Priority),
    "category": is_text,
    "source": is_text,
    "memory_type": one_of(MemoryType),
    "importance": lambda said: isinstance(said, (int, float)) and not isinstance(said, bool) and 0 <= said <= 1,
    "tags": lambda said: isinstance(said, list) and all(isinstance(tag, str) for tag in said),
    "metadata": lambda said: isinstance(said, dict),
    "encrypted": lambda said: isinstance(said, bool),
    "expires_at": is_moment,
    "parent_id": is_uuid,
    "session_id": lambda said: said is None or is_text(said),
}
