"""The registry under the names of the published interface, for Python code inside the hub's process.

The verbs are those of the API; a missing entry is ``None`` here rather than an error.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from memoryhub.access.exceptions import NotFound
from memoryhub.access.principals import Principal
from memoryhub.registry.services import entries, stats
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.records import Entry
from memoryhub.search.requests import Filters
from memoryhub.search.services.search import search


def store_context(entry: Draft, *, principal: Principal) -> UUID:
    """Stores an entry; gives its id. Raises what ``entries.store`` raises."""
    return entries.store(entry, principal=principal).entry_id


def retrieve_context(key: str, *, principal: Principal, **place: Any) -> Entry | None:
    """The entry with that key, or None. ``place``: scope, tenant_id, user_id, session_id, agent_id."""
    try:
        return entries.retrieve(key=key, principal=principal, **place)
    except NotFound:
        return None


def search_context(
    query: str,
    *,
    principal: Principal,
    tenant_id: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    limit: int = 20,
    **filters: Any,
) -> list[dict[str, Any]]:
    """The best entries for a query, best first. ``filters``: scope, layer, category, tags, … as the API takes them."""
    caller = principal.within(tenant_id).naming(user_id=user_id, session_id=session_id)
    return search(principal=caller, query=query, kinds=["entry"], filters=Filters(**filters), limit=limit).results


def get_stats(*, principal: Principal) -> dict[str, Any]:
    """The figures of the caller's tenant."""
    return stats.get(principal=principal)
