"""Writes that are refused for what others wrote, or may say, as the offers that somebody decides about."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memoryhub.registry.exceptions import EntryStale, LowerPriority
from memoryhub.registry.hooks import Offer
from memoryhub.registry.services.drafts import UNSET, Change, Draft

#: What travels with an offer, as it stands in an order.
ATTRIBUTES = (
    "layer",
    "priority",
    "category",
    "source",
    "memory_type",
    "importance",
    "encrypted",
    "metadata",
    "tags",
    "parent_id",
    "expires_at",
)


def offer_of(order: dict[str, Any], named: Draft | Change, refused: LowerPriority | EntryStale) -> Offer | None:
    """The offer in a refused order; None where the caller asked for a refusal, or no entry is there."""
    if isinstance(refused, LowerPriority):
        entry_id = refused.entry_id
    else:
        found = refused.extra.get("entry_id") if named.on_conflict == "resolve" else None
        entry_id = UUID(found) if found else None
    if entry_id is None:
        return None
    return Offer(
        entry_id=entry_id,
        value=order.get("value", UNSET),
        attributes=attributes_of(order),
        base_version=named.if_version,
        proposal=isinstance(refused, LowerPriority),
        strategy=named.strategy,
        reason=named.reason,
    )


def attributes_of(order: dict[str, Any]) -> dict[str, Any]:
    """Those that the order names; the session under the name that callers know."""
    found = {name: order[name] for name in ATTRIBUTES if name in order}
    return found | ({"session_id": order["origin_session"]} if "origin_session" in order else {})
