"""What a caller wants to store, checked, and in the form that the database's write function takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings

from memoryhub.access.exceptions import Invalid, TooLarge
from memoryhub.access.ids import new_id
from memoryhub.access.json_values import check_tree
from memoryhub.registry.content import text_of
from memoryhub.registry.layers import life_rules


class Unset:
    """Not named by the caller: a changed entry keeps what it has."""

    def __repr__(self) -> str:
        return "unset"

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset()
ON_CONFLICT = ("overwrite", "fail", "keep", "resolve")
ON_STALE = ("refuse", "resolve")
#: How a stale change may be decided where it is not refused.
STRATEGIES = ("latest_wins", "highest_importance", "agent_priority", "merge_content", "manual_review")
PLAIN = ("layer", "priority", "category", "source", "memory_type", "importance", "encrypted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What can be said about an entry beside its key and value. None and UNSET: not named.

    ``expires_at=None`` means: no end; ``parent_id=None``: no parent.
    """

    layer: str | None = None
    priority: str | None = None
    category: str | None = None
    source: str | None = None
    memory_type: str | None = None
    importance: float | None = None
    encrypted: bool | None = None
    metadata: dict[str, Any] | Unset = field(default=UNSET)
    tags: list[str] | Unset = field(default=UNSET)
    parent_id: UUID | Unset | None = field(default=UNSET)
    expires_at: datetime | Unset | None = field(default=UNSET)
    session_id: str | None = None
    reason: str = ""
    if_version: int | None = None
    if_present: bool = False
    strategy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft(Attributes):
    """An entry to be stored by its key. In an existing entry, what is not named stays; in a new one it is its default.

    ``if_version``, ``if_present`` and ``if_absent`` make the store conditional (412). ``on_conflict``
    says what happens to an existing entry: ``overwrite`` it, ``fail`` with 409, ``keep`` it, or ``resolve``: what
    would be stale is decided by ``strategy`` (empty: the owner's) or by a person, instead of refused.
    ``entry_id``: the id of a new entry, where a replica has made it already; IntegrityError when it is taken.
    ``by_hub``: the hub keeps it of its own accord, whatever the profile of the agent says that made it do so.
    """

    key: str
    value: Any
    scope: str | None = None
    tenant_id: str | None = None
    user_id: str | None = None
    agent_id: str | None = None
    on_conflict: str = "overwrite"
    if_absent: bool = False
    by_hub: bool = False
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Attributes):
    """What to change in one entry, found by its id. ``on_conflict``: ``refuse`` a stale change, or ``resolve`` it."""

    value: Any = UNSET
    on_conflict: str = "refuse"


def check_value(value: Any, name: str = "value") -> str:
    """``value`` as JSON text. Raises Invalid for what JSON or the database cannot hold, TooLarge beyond the limit."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        size = len(text.encode())
    except UnicodeEncodeError:
        check_tree(value)
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(name, f"The {name} is not JSON: {error}") from error
    limit = settings.CONFIG.limits.value_kb
    if size > limit * 1024:
        raise TooLarge(f"The {name} is {size:,} bytes of JSON; at most {limit} KiB are allowed. Store it in parts.")
    if "\\u0000" in text:
        check_tree(value)
    return text


def check_end(expires_at: datetime | Unset | None, layer: str | None) -> str | None:
    if isinstance(expires_at, Unset):
        return None
    if expires_at is None:
        if layer == "ephemeral":
            raise Invalid("expires_at", "An ephemeral entry needs an end. Leave expires_at out, or choose a layer.")
        return None
    if expires_at.tzinfo is None:
        raise Invalid("expires_at", "Name the time zone of expires_at, for example 2030-01-01T00:00:00Z.")
    if expires_at <= datetime.now(UTC):
        raise Invalid("expires_at", "expires_at lies in the past. Name a time to come, or leave it out.")
    return expires_at.isoformat()


def attributes_of(named: Attributes) -> dict[str, Any]:
    """What is named, under the names of the write function."""
    order: dict[str, Any] = {name: found for name in PLAIN if (found := getattr(named, name)) is not None}
    if not isinstance(named.metadata, Unset):
        check_value(named.metadata, "metadata")
        order["metadata"] = named.metadata
    if not isinstance(named.tags, Unset):
        order["tags"] = named.tags
    if not isinstance(named.parent_id, Unset):
        order["parent_id"] = named.parent_id and str(named.parent_id)
    if not isinstance(named.expires_at, Unset):
        order["expires_at"] = check_end(named.expires_at, named.layer)
    if named.session_id is not None:
        order["origin_session"] = named.session_id
    if named.if_present:
        order["if_present"] = True
    if named.if_version is not None:
        order["if_version"] = named.if_version
    return order | life_rules()


def with_value(order: dict[str, Any], value: Any) -> dict[str, Any]:
    check_value(value)
    order["value"] = value
    order["content"] = text_of(value)
    return order


def storing_order(draft: Draft, address: dict[str, str]) -> dict[str, Any]:
    """The order that stores ``draft`` at ``address``."""
    order = attributes_of(draft) | {"id": str(draft.entry_id or new_id()), "key": draft.key, "address": address}
    if draft.if_absent:
        order["if_absent"] = True
    if draft.by_hub:
        order["by_hub"] = True
    if draft.on_conflict in ("fail", "keep"):
        order[draft.on_conflict] = True
    if "grantee" in address:
        order["grantee"] = address["grantee"]
    return with_value(order, draft.value)


def changing_order(change: Change, entry_id: UUID, *, ephemeral: bool = False, revive: bool = False) -> dict[str, Any]:
    """The order that changes the entry of that id. ``revive`` brings back an archived, ended or deleted one."""
    order = attributes_of(change) | {"entry_id": str(entry_id), "ephemeral": ephemeral}
    if revive:
        order["revive"] = True
    return order if isinstance(change.value, Unset) else with_value(order, change.value)
