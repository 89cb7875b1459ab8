"""What higher houses have to say when entries are erased.

They register in ``AppConfig.ready``. A hook runs inside the erasing transaction, behind the caller's walls; an error
that it raises aborts it. What they have to say while an entry is stored, they say in SQL: see migration 0008.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal

#: Removes what a house keeps of entries that are erased, in the erasing transaction.
Erasing = Callable[[Sequence[UUID], "Principal"], None]

_erasing: list[Erasing] = []


def erasing(hook: Erasing) -> None:
    _erasing.append(hook)


def unregister(hook: Erasing) -> None:
    if hook in _erasing:
        _erasing.remove(hook)


def run_erasing(entry_ids: Sequence[UUID], principal: Principal) -> None:
    for hook in _erasing:
        hook(entry_ids, principal)
