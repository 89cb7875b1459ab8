"""How results of each kind are shown: the houses that own a kind register a loader for it.

The index knows what to find, not how to show it. A loader runs behind the walls of the caller and
checks visibility again; what it leaves out is left out of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.access.visibility import sees_everything

#: The fields to show per id, ready for JSON apart from dates and ids.
Loader = Callable[[Sequence[UUID], Principal], Mapping[UUID, dict[str, Any]]]

_loaders: dict[str, Loader] = {}


def register(kind: str, loader: Loader) -> None:
    """Makes results of ``kind`` showable; called from ``AppConfig.ready``. The latest loader of a kind counts."""
    _loaders[kind] = loader


def unregister(kind: str) -> None:
    _loaders.pop(kind, None)


def load(ids: Mapping[str, Sequence[UUID]], principal: Principal) -> dict[UUID, dict[str, Any]]:
    """The fields of every id of every kind, one call per kind. Kinds that nobody shows have no fields."""
    found: dict[UUID, dict[str, Any]] = {}
    for kind, wanted in ids.items():
        loader = _loaders.get(kind)
        found.update(loader(wanted, principal) if loader else {id_: {} for id_ in wanted})
    return found


def visible(row: str) -> str:
    """SQL: whether the table or alias ``row``, which has the scope columns and an ``id``, is visible to the caller."""
    return f"""memory_visible({row}.scope, {row}.tenant_id, {row}.user_id, {row}.session_id, {row}.agent_id,
  EXISTS (SELECT FROM memory_grants g WHERE g.tenant_id = %s AND g.agent_id = %s AND g.entry_id = {row}.id),
  %s, %s, %s, %s, %s, %s, %s)"""


def visible_rows(statement: str, ids: Sequence[UUID], principal: Principal) -> list[tuple[Any, ...]]:
    """The rows of a loader's statement in one round trip. It takes the ids first and ``visible(…)`` once, after them.

    JSON comes as text, as the database holds it.
    """
    facts = [
        principal.tenant_id,
        principal.agent_id,
        principal.named_user,
        principal.named_session,
        principal.bound_user,
        principal.is_admin,
        sees_everything(principal),
    ]
    granted = [principal.tenant_id, principal.agent_id or ""]
    return one_trip(statement, [list(ids), *granted, *facts], principal=principal)
