"""What higher houses have to say while an entry is stored.

They register in ``AppConfig.ready``. A hook runs inside the storing transaction, behind the caller's
walls; an error that it raises aborts the store. Without hooks a store pays nothing for them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal
    from memoryhub.registry.services.drafts import Draft
    from memoryhub.registry.services.entries import Stored

#: May look at what is about to be stored, return it changed, or raise.
BeforeStore = Callable[["Draft", "Principal"], "Draft"]
#: Hears of what was stored, before it commits.
AfterStore = Callable[["Draft", "Stored", "Principal"], None]
#: Days that a short_term entry of this caller lives; None leaves it to the setting.
Retention = Callable[["Principal"], float | None]

#: Removes what a house keeps of entries that are erased, in the erasing transaction.
Erasing = Callable[[Sequence[UUID], "Principal"], None]

_before: list[BeforeStore] = []
_after: list[AfterStore] = []
_retention: list[Retention] = []
_erasing: list[Erasing] = []


def before_store(hook: BeforeStore) -> None:
    _before.append(hook)


def after_store(hook: AfterStore) -> None:
    _after.append(hook)


def retention(hook: Retention) -> None:
    _retention.append(hook)


def erasing(hook: Erasing) -> None:
    _erasing.append(hook)


def unregister(hook: object) -> None:
    for hooks in (_before, _after, _retention, _erasing):
        if hook in hooks:
            hooks.remove(hook)  # type: ignore[arg-type]


def any_registered() -> bool:
    return bool(_before or _after or _retention)


def run_before(draft: Draft, principal: Principal) -> Draft:
    for hook in _before:
        draft = hook(draft, principal)
    for ask in _retention:
        days = ask(principal)
        if days is not None:
            draft = replace(draft, short_term_days=days)
    return draft


def run_after(draft: Draft, stored: Stored, principal: Principal) -> None:
    for hook in _after:
        hook(draft, stored, principal)


def run_erasing(entry_ids: Sequence[UUID], principal: Principal) -> None:
    for hook in _erasing:
        hook(entry_ids, principal)
