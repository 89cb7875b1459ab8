"""What higher houses have to say when entries are erased, and when a write is refused for what others wrote.

They register in ``AppConfig.ready``. A hook runs inside the erasing transaction, behind the caller's walls; an error
that it raises aborts it. What they have to say while an entry is stored, they say in SQL: see migration 0008.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal

#: Removes what a house keeps of entries that are erased, in the erasing transaction.
Erasing = Callable[[Sequence[UUID], "Principal"], None]


@dataclass(frozen=True, slots=True)
class Offer:
    """A change that cannot simply be written: made from an older version, or (``proposal``) by who may only propose.

    ``value`` UNSET: the change leaves it. ``attributes`` as JSON, under the names of ``Attributes``.
    ``base_version`` None: the caller knew of no entry. ``strategy`` empty: not named.
    """

    entry_id: UUID
    value: Any
    attributes: Mapping[str, Any]
    base_version: int | None
    proposal: bool
    strategy: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of an offer: ``applied``, ``merged``, ``kept``, or ``conflict`` (a person decides).

    ``conflict_id`` names the record of it. ``proposal``: the caller may only propose.
    """

    outcome: str
    conflict_id: UUID | None
    strategy: str
    why: str
    proposal: bool = False


#: Decides about an offer, or puts it before people.
Proposing = Callable[[Offer, "Principal"], Settled]

_erasing: list[Erasing] = []
_proposing: list[Proposing] = []


def erasing(hook: Erasing) -> None:
    _erasing.append(hook)


def proposing(hook: Proposing) -> None:
    """There is one house that decides; the last that registers."""
    _proposing[:] = [hook]


def unregister(hook: Erasing) -> None:
    if hook in _erasing:
        _erasing.remove(hook)


def settle(offer: Offer, principal: Principal) -> Settled | None:
    """What became of the offer; None where nobody decides."""
    return _proposing[0](offer, principal) if _proposing else None


def run_erasing(entry_ids: Sequence[UUID], principal: Principal) -> None:
    for hook in _erasing:
        hook(entry_ids, principal)
