"""The call of the search function: the database finds candidates, with the features that the recipe weighs."""

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
from memoryhub.search.requests import USUAL_KINDS, Filters, Mode

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

#: So many of the best rows of each leg bring along the messages beside them. The neighbors of all of them would
#: be twice the rows to read, and found as much: measured, the difference is within noise.
BESIDE = 50
#: The figures of a term in an explanation, in the order of the database.
TERM = ("term", "frequency", "memories", "idf", "bm25")
#: What a fuzzy search adds: the word of the query, and how alike the two are.
LIKENESS = ("asked", "likeness")
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
    depth: int | None = None,
    cap: int | None = None,
) -> Found:
    """Runs the search function behind the walls of the principal: the best rows of each leg, and messages beside them.

    ``words`` are groups of alternatives that count as one word each, such as ``[["go", "went"], ["home"]]``;
    None: the words of the query. ``depth`` rows of each leg (``ranking.depth``), not fewer than ``limit``; above
    ``cap`` rows in reach (``search.candidate_cap``) words that very many of them hold count, but choose none.
    """
    values = [
        json.dumps(facts(principal, kinds)),
        query,
        mode,
        None if vector is None else written(vector),
        model,
        json.dumps(conditions_of(kinds, filters)),
        json.dumps(options(limit, explain, filters, words) | bounds(depth=depth, cap=cap)),
    ]
    [(answer,)] = one_trip(CALL, values, principal=principal)
    return read(answer)


def authors(principal: Principal) -> list[str]:
    """Who wrote what the principal may search, by name, at most 200. The principal must be inside a tenant."""
    [(names,)] = one_trip("SELECT search_authors(%s::jsonb)", [json.dumps(facts(principal))], principal=principal)
    return list(names)


def facts(principal: Principal, kinds: Sequence[str] = USUAL_KINDS) -> dict[str, Any]:
    """Who asks, as far as visibility depends on it, and for rows of which kinds. The tenant is not among it: the
    database knows it."""
    return {
        "agent": principal.agent_id,
        "named_user": principal.named_user,
        "session": principal.named_session,
        "bound_user": principal.bound_user,
        "admin": principal.is_admin,
        "everything": sees_everything(principal),
        "places": list(kinds),
    }


def conditions_of(kinds: Sequence[str], filters: Filters) -> dict[str, Any]:
    """``kinds`` too, unless they are all that lie where the search looks: nothing need be left out then."""
    return filters.conditions() | ({} if tuple(kinds) == USUAL_KINDS else {"kinds": list(kinds)})


def bounds(**wanted: int | None) -> dict[str, int]:
    return {name: value for name, value in wanted.items() if value is not None}


def options(limit: int, explain: bool, filters: Filters, words: Sequence[Sequence[str]] | None) -> dict[str, Any]:
    weights = settings.CONFIG.ranking
    return {
        "top": limit,
        "depth": max(weights.depth, limit),
        "beside": BESIDE,
        "cap": settings.CONFIG.search.candidate_cap,
        "k1": weights.bm25_k1,
        "b": weights.bm25_b,
        "archived": filters.include_archived,
        "explain": explain,
        "words": words,
    }


def written(vector: Vector) -> str:
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def read(answer: str | dict[str, Any]) -> Found:
    found = json.loads(answer) if isinstance(answer, str) else answer
    return Found(rows_of(found["columns"]), int(found["candidates"]), found["truncated"])


def rows_of(columns: Sequence[Sequence[Any]]) -> list[Candidate]:
    return [Candidate(UUID(id_), *features) for id_, *features in zip(*columns, strict=True)]
