"""Who knows what a search names, or wants to hear of it, registers here in ``AppConfig.ready``: the registry does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memoryhub.access.principals import Principal
    from memoryhub.search.requests import Filters
    from memoryhub.search.services.search import SearchAnswer


@dataclass(frozen=True, slots=True)
class Searched:
    """One search that was answered. ``latency_ms`` covers embedding, ranking and loading."""

    principal: Principal
    answer: SearchAnswer
    latency_ms: float


#: Runs in the request, after the search's transaction: it must be quick and must not raise.
OnSearch = Callable[[Searched], None]
#: Runs before the search, and raises NotFound for what the filters name and the principal may not see.
BeforeSearch = Callable[["Filters", "Principal"], None]

#: Gives the filters in the words that stored memories use.
ReadFilters = Callable[["Filters", "Principal"], "Filters"]

_on_search: list[OnSearch] = []
_before_search: list[BeforeSearch] = []
_read_filters: list[ReadFilters] = []


def before_search(hook: BeforeSearch) -> None:
    _before_search.append(hook)


def read_filters(hook: ReadFilters) -> None:
    _read_filters.append(hook)


def on_search(hook: OnSearch) -> None:
    _on_search.append(hook)


def unregister(hook: OnSearch) -> None:
    if hook in _on_search:
        _on_search.remove(hook)


def run_on_search(searched: Searched) -> None:
    for hook in _on_search:
        hook(searched)


def run_before_search(filters: Filters, principal: Principal) -> None:
    for hook in _before_search:
        hook(filters, principal)


def filters_as_stored(filters: Filters, principal: Principal) -> Filters:
    for hook in _read_filters:
        filters = hook(filters, principal)
    return filters
