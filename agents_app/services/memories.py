"""Storing and searching as an agent that thinks in memories: content, type, category, and whom to share with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from agents_app.services import slices
from memoryhub.access.ids import new_id
from memoryhub.access.models import Grant
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls, verb
from memoryhub.registry.content import text_of
from memoryhub.registry.services import sharing
from memoryhub.registry.services.drafts import UNSET, Draft
from memoryhub.registry.services.entries import Stored
from memoryhub.search.requests import Filters
from memoryhub.search.services import search as searching
from memoryhub.search.services.search import SearchAnswer


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored memory, and to whom it is open: by hand, by rule, or by propagation."""

    stored: Stored
    grants: list[Grant]


@verb
def store(
    content: Any,
    *,
    principal: Principal,
    key: str | None = None,
    user_id: str | None = None,
    session_id: str | None = None,
    memory_type: str | None = None,
    memory_category: str | None = None,
    importance_score: float | None = None,
    share_with_agents: Sequence[str] = (),
    layer: str | None = None,
    priority: str | None = None,
    tags: list[str] | None = None,
    metadata: dict[str, Any] | None = None,
) -> Kept:
    """A memory of the acting agent, about ``user_id`` where one is named. Without ``key`` it gets one of its own.

    Raises what ``entries.store`` and ``sharing.share`` raise; then nothing is stored.
    """
    draft = Draft(
        key=key or f"memory_{new_id()}",
        value=content,
        scope="agent",
        user_id=user_id,
        session_id=session_id,
        memory_type=memory_type,
        category=memory_category,
        importance=importance_score,
        layer=layer,
        priority=priority,
        tags=UNSET if tags is None else tags,
        metadata=UNSET if metadata is None else metadata,
    )
    stored = sharing.store_and_share(draft, principal=principal, agent_ids=share_with_agents)
    durable = stored.layer != "ephemeral"
    return Kept(stored, sharing.of_entry(stored.entry_id, principal=principal) if durable else [])


def search(
    query: str,
    *,
    principal: Principal,
    user_id: str | None = None,
    session_id: str | None = None,
    include_shared_memories: bool = True,
    search_type: str = "hybrid",
    memory_type: str | None = None,
    memory_category: str | None = None,
    importance_min: float | None = None,
    limit: int = 10,
) -> tuple[SearchAnswer, list[dict[str, Any]]]:
    """The best of the acting agent's slice: the search's answer, and its results with where each comes from.

    A result is ``memory`` (the fields of a search result and ``content``), ``is_shared``, ``source_agent``,
    ``grant`` and ``score``. Without ``include_shared_memories`` only its own memories are looked through.
    """
    agent_id = principal.agent_id or ""
    caller = slices.narrowed(principal, agent_id=agent_id, user_id=user_id, session_id=session_id)
    filters = Filters(
        scope="agent",
        agent_id=None if include_shared_memories else agent_id,
        category=memory_category,
        memory_type=memory_type,
        importance_min=importance_min,
    )
    answer = searching.search(
        principal=caller, query=query, mode=search_type, kinds=("entry",), filters=filters, limit=limit
    )
    return replace(answer, notice=None if answer.notice == searching.NO_USER else answer.notice), shown(answer, caller)


def shown(answer: SearchAnswer, caller: Principal) -> list[dict[str, Any]]:
    ids: list[UUID] = [result["id"] for result in answer.results]
    with behind_walls(caller):
        grants = slices.grants_of(ids, caller)
    return [
        {
            "memory": {name: value for name, value in result.items() if name not in ("kind", "score")}
            | {"memory_id": result["id"], "content": text_of(result["value"])},
            **slices.sharing_of(result["id"], result["agent_id"], caller, grants),
            "score": result["score"],
        }
        for result in answer.results
    ]
