"""The call of the search function: ranking happens in the database, beside the rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip
from memoryhub.access.visibility import sees_everything
from memoryhub.search.requests import KINDS, Filters, Mode

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

CALL = "SELECT memory_search(%s::jsonb, %s, %s, %s::halfvec, %s, %s::jsonb, %s::jsonb)"


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found. ``keyword`` and ``semantic`` are the parts whose sum is ``score``."""

    id: UUID
    kind: str
    scope: str
    user_id: str | None
    session_id: str | None
    agent_id: str | None
    score: float
    keyword: float | None
    semantic: float | None
    bm25: float | None
    cosine: float | None
    terms: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first. ``candidates`` were compared; ``truncated``: there were more than are compared exactly."""

    hits: list[Hit]
    candidates: int
    truncated: bool


def rank(
    *,
    query: str,
    mode: Mode,
    vector: Vector | None,
    model: str,
    kinds: Sequence[str],
    filters: Filters,
    limit: int,
    explain: bool,
    principal: Principal,
) -> Ranking:
    """Runs the search function behind the walls of the principal, who must be inside a tenant."""
    conditions = filters.conditions() | ({} if tuple(kinds) == KINDS else {"kinds": list(kinds)})
    values = [
        json.dumps(facts(principal)),
        query,
        mode,
        None if vector is None else written(vector),
        model,
        json.dumps(conditions),
        json.dumps(options(limit, explain, filters)),
    ]
    [(answer,)] = one_trip(CALL, values, principal=principal)
    return read(answer)


def facts(principal: Principal) -> dict[str, Any]:
    """Who asks, as far as visibility depends on it. The tenant is not among it: the database knows it."""
    return {
        "agent": principal.agent_id,
        "named_user": principal.named_user,
        "session": principal.named_session,
        "bound_user": principal.bound_user,
        "admin": principal.is_admin,
        "everything": sees_everything(principal),
    }


def options(limit: int, explain: bool, filters: Filters) -> dict[str, Any]:
    config = settings.CONFIG.search
    return {
        "top": limit,
        "depth": max(config.depth, limit),
        "cap": config.candidate_cap,
        "dense_weight": config.dense_weight,
        "archived": filters.include_archived,
        "explain": explain,
    }


def written(vector: Vector) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def read(answer: str | dict[str, Any]) -> Ranking:
    # Django hands jsonb over as text, so that models can choose their decoder
    found = json.loads(answer) if isinstance(answer, str) else answer
    hits = [Hit(**{**hit, "id": UUID(hit["id"])}) for hit in found["hits"]]
    return Ranking(hits, int(found["candidates"]), found["truncated"])
