"""Answers the registry, which asks what becomes of a write that it cannot simply carry out."""

from __future__ import annotations

from typing import Any

from agents_app.services.conflicts.submitting import propose, submit
from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal
from memoryhub.registry.hooks import Offer, Settled
from memoryhub.registry.models import ContextEntry, EntryVersion
from memoryhub.registry.services.drafts import Unset


def settle(offer: Offer, principal: Principal) -> Settled:
    """A hook: proposes or submits the offered change. Raises what submitting raises; Forbidden where it is rejected."""
    said: dict[str, Any] = {
        "principal": principal,
        "base_version": offer.base_version,
        "value": value_of(offer),
        "attributes": offer.attributes,
        "reason": offer.reason,
    }
    done = (
        propose(offer.entry_id, **said) if offer.proposal else submit(offer.entry_id, strategy=offer.strategy, **said)
    )
    if done.outcome == "rejected":
        raise Forbidden(done.why, code=done.code)
    return Settled(done.outcome, done.conflict_id, done.strategy, done.why, offer.proposal)


def value_of(offer: Offer) -> Any:
    """The offered value; what the caller started from where the change leaves it."""
    if not isinstance(offer.value, Unset):
        return offer.value
    known = EntryVersion.objects.filter(entry=offer.entry_id)
    base = known.filter(version=offer.base_version).first() if offer.base_version is not None else None
    return base.value if base else ContextEntry.objects.values_list("value", flat=True).get(pk=offer.entry_id)
