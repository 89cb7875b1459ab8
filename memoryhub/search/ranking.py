"""The call of the search function: the database finds candidates with their features, here they become hits."""

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
from memoryhub.search.fusion import Part, fuse
from memoryhub.search.requests import KINDS, Filters, Mode

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

#: The figures of a term in an explanation, in the order of the database.
TERM = ("term", "frequency", "memories", "idf", "bm25")
CALL = "SELECT memory_search(%s::jsonb, %s, %s, %s::halfvec, %s, %s::jsonb, %s::jsonb)"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row that a leg chose, or a message beside one (``neighbor``), with what ranking may use of it.

    ``bm25``: None without a word of the query. ``similarity``: the inner product of row and query, None without a
    vector. ``event_at``: seconds since 1970. ``terms``, with explain: word, how often, rows with it, idf, part.
    """

    id: UUID
    kind: str
    scope: str
    user_id: str | None
    session_id: str | None
    agent_id: str | None
    author: str | None
    sequence: int | None
    event_at: float
    words: int
    question: bool
    tells_time: bool
    addresses: bool
    importance: float | None
    priority: str | None
    bm25: float | None
    similarity: float | None
    neighbor: bool
    terms: list[list[Any]] | None


@dataclass(frozen=True, slots=True)
class Found:
    """What the database found. ``count`` rows were in reach; ``truncated``: some of them were not compared."""

    candidates: list[Candidate]
    count: int
    truncated: bool


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
    """The best ``limit`` rows for the principal, who must be inside a tenant."""
    found = candidates(
        query=query,
        mode=mode,
        vector=vector,
        model=model,
        kinds=kinds,
        filters=filters,
        limit=limit,
        explain=explain,
        principal=principal,
    )
    config = settings.CONFIG.search
    fused = fuse(found.candidates, mode, depth=max(config.depth, limit), dense_weight=config.dense_weight)
    return Ranking([hit(row, part) for row, part in fused[:limit]], found.count, found.truncated)


def candidates(
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
    words: Sequence[Sequence[str]] | None = None,
) -> Found:
    """Runs the search function behind the walls of the principal: the best rows of each leg, and messages beside them.

    ``words`` are groups of alternatives that count as one word each, such as ``[["go", "went"], ["home"]]``;
    None: the words of the query.
    """
    conditions = filters.conditions() | ({} if tuple(kinds) == KINDS else {"kinds": list(kinds)})
    values = [
        json.dumps(facts(principal)),
        query,
        mode,
        None if vector is None else written(vector),
        model,
        json.dumps(conditions),
        json.dumps(options(limit, explain, filters, words)),
    ]
    [(answer,)] = one_trip(CALL, values, principal=principal)
    return read(answer)


def authors(principal: Principal) -> list[str]:
    """Who wrote what the principal may search, by name, at most 200. The principal must be inside a tenant."""
    [(names,)] = one_trip("SELECT search_authors(%s::jsonb)", [json.dumps(facts(principal))], principal=principal)
    return list(names)


def hit(row: Candidate, part: Part) -> Hit:
    return Hit(
        id=row.id,
        kind=row.kind,
        scope=row.scope,
        user_id=row.user_id,
        session_id=row.session_id,
        agent_id=row.agent_id,
        score=part.score,
        keyword=part.keyword,
        semantic=part.semantic,
        bm25=None if part.keyword is None else row.bm25,
        cosine=None if part.semantic is None else row.similarity,
        terms=None if part.keyword is None else named(row.terms),
    )


def named(terms: Sequence[Sequence[Any]] | None) -> list[dict[str, Any]] | None:
    """Terms of an explanation, each with the names of its figures."""
    return None if terms is None else [dict(zip(TERM, term, strict=True)) for term in terms]


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


def options(limit: int, explain: bool, filters: Filters, words: Sequence[Sequence[str]] | None) -> dict[str, Any]:
    config = settings.CONFIG.search
    return {
        "top": limit,
        "depth": max(config.depth, limit),
        "cap": config.candidate_cap,
        "archived": filters.include_archived,
        "explain": explain,
        "words": words,
    }


def written(vector: Vector) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def read(answer: str | dict[str, Any]) -> Found:
    found = json.loads(answer) if isinstance(answer, str) else answer
    rows = [Candidate(UUID(id_), *features) for id_, *features in found["rows"]]
    return Found(rows, int(found["candidates"]), found["truncated"])
