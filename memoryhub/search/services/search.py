"""Searching: one verb over entries, messages and whatever else is in the index, for every door."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.visibility import sees_everything
from memoryhub.access.walls import behind_walls
from memoryhub.search import boosts, embeddings, hooks, presenters
from memoryhub.search.exceptions import TenantNeeded
from memoryhub.search.explanations import explanation
from memoryhub.search.ranking import Candidate, Found, authors, candidates
from memoryhub.search.recipe import question
from memoryhub.search.recipe.question import Question
from memoryhub.search.recipe.scoring import Scored, rank
from memoryhub.search.requests import (
    BY_WORDS,
    USUAL_KINDS,
    Filters,
    Mode,
    checked_filters,
    checked_kinds,
    checked_limit,
    checked_mode,
    checked_query,
)
from memoryhub.search.services import fuzzy
from memoryhub.search.services.spaces import active_space

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

NO_USER = "Memories of users are left out because the request names none; send 'user_id' to search a user's."
EVERY_USER = (
    "Memories of all users are searched: the key is an admin's and the request names none. "
    "What is shown goes on record."
)
KEYWORD_ONLY = "Results are by keyword only: the embedding model is not ready. Repeat the search in a moment."
EMBEDDING_OFF = "Results are by keyword only: embedding is turned off in this hub."
TRUNCATED = (
    "More memories hold a word of the query than are compared; those with its rarer words, or with most of them, were. "
    "Use rarer words or filters."
)


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Results, best first: each with ``kind``, ``id``, ``score`` and what the owner of its kind shows of it.

    ``degraded``: the model was not ready, so words decided alone. ``truncated``: too many candidates to
    compare all. ``notice`` says in words what the caller should know, or is None. ``interpretation``: how the query
    was read, if an explanation was asked for.
    """

    query: str
    mode: Mode
    results: list[dict[str, Any]]
    candidates: int
    degraded: bool
    truncated: bool
    notice: str | None
    interpretation: Question | None = None


def search(
    *,
    principal: Principal,
    query: str,
    mode: str = "hybrid",
    kinds: Collection[str] = USUAL_KINDS,
    filters: Filters | None = None,
    limit: int = 10,
    explain: bool = False,
    boost: Mapping[str, float] | None = None,
) -> SearchAnswer:
    """The best ``limit`` (1 to 100) memories for a query among all of these kinds that the principal may see.

    ``mode`` is ``keyword`` (BM25, any word counts), ``fuzzy`` (the same in spite of typing errors), ``semantic``
    (cosine of embeddings) or ``hybrid``: words and meaning, and what else the query says (docs/retrieval.md). Which
    user's and session's memories are in reach, the principal says (``naming``). The score of a hybrid search is 1
    for what is best by both, other terms add to it or take from it; that of a keyword search is BM25, that of a
    fuzzy one BM25 weighed by likeness, that of a semantic one the cosine. ``boost`` prefers what it names, weighing
    0 to 1: ``{"recency": 0.2}``; see ``boosts.known``.
    Raises Invalid, TenantNeeded for a caller outside of every tenant, ScopeMissing without ``read``, NotFound for
    a parent that the caller may not see. Names (agents, users, sessions) belong to the tenant: an unknown one
    finds nothing, whoever else uses the same name.
    """
    principal.require("read")
    if principal.tenant_id is None:
        raise TenantNeeded
    started = time.perf_counter()
    wanted = Wanted(
        checked_query(query),
        checked_mode(mode),
        checked_kinds(kinds),
        hooks.filters_as_stored(checked_filters(filters or Filters()), principal),
        checked_limit(limit),
        explain,
        boosts.checked(boost or {}),
    )
    hooks.run_before_search(wanted.filters, principal)
    answer = answer_to(wanted, principal)
    hooks.run_on_search(hooks.Searched(principal, answer, (time.perf_counter() - started) * 1000))
    return answer


@dataclass(frozen=True, slots=True)
class Wanted:
    query: str
    mode: Mode
    kinds: Sequence[str]
    filters: Filters
    limit: int
    explain: bool
    boost: Mapping[str, float]


def answer_to(wanted: Wanted, principal: Principal) -> SearchAnswer:
    question = read(wanted, principal)
    vector, space = query_vector(question.meaning, wanted.mode)
    degraded = wanted.mode not in BY_WORDS and vector is None
    found = found_for(wanted, question, vector, space, principal)
    # without vectors a hybrid search still has all of its other terms, a semantic one has words
    mode: Mode = "keyword" if degraded and wanted.mode == "semantic" else wanted.mode
    best = ranked(found.candidates, question, mode, wanted, principal)
    record([one.candidate for one in best], principal)
    return SearchAnswer(
        query=wanted.query,
        mode=wanted.mode,
        results=shown(best, wanted, principal),
        candidates=found.count,
        degraded=degraded,
        truncated=found.truncated,
        notice=notice(found, principal, degraded=degraded),
        interpretation=question if wanted.explain else None,
    )


def read(wanted: Wanted, principal: Principal) -> Question:
    """The query with the names of participants understood; words are looked up as they stand when asked for alone."""
    if wanted.mode in BY_WORDS:
        return question.as_it_stands(wanted.query)
    # nobody speaks in knowledge, work and procedures: a name in the query is a word there
    speakers = authors(principal) if set(wanted.kinds) & set(USUAL_KINDS) else []
    return question.read(wanted.query, speakers, principal.named_user)


def found_for(wanted: Wanted, question: Question, vector: Vector | None, space: str, principal: Principal) -> Found:
    if wanted.mode == "fuzzy":
        return fuzzy.search_words(
            query=wanted.query, kinds=wanted.kinds, filters=wanted.filters, limit=wanted.limit, principal=principal
        )
    return candidates(
        query=question.words,
        mode="keyword" if vector is None else wanted.mode,
        vector=vector,
        model=space,
        kinds=wanted.kinds,
        filters=wanted.filters,
        limit=wanted.limit,
        explain=wanted.explain,
        principal=principal,
    )


def query_vector(meaning: str, mode: Mode) -> tuple[Vector | None, str]:
    """The query's vector and the name of its space; None while there is no model, and when words are enough."""
    space = None if mode in BY_WORDS else active_space()
    if space is None:
        return None, ""
    return embeddings.embed_query(meaning, space.embedder), space.name


def ranked(
    found: Sequence[Candidate], question: Question, mode: Mode, wanted: Wanted, principal: Principal
) -> list[Scored]:
    return rank(
        found,
        question,
        mode=mode,
        weights=settings.CONFIG.ranking,
        boosts=boosts.amounts(wanted.boost, found, principal),
        limit=wanted.limit,
    )


def shown(best: Sequence[Scored], wanted: Wanted, principal: Principal) -> list[dict[str, Any]]:
    by_kind: dict[str, list[UUID]] = defaultdict(list)
    for one in best:
        by_kind[one.candidate.kind].append(one.candidate.id)
    fields = presenters.load(by_kind, principal)
    return [result(one, fields[one.candidate.id], wanted, principal) for one in best if one.candidate.id in fields]


def result(one: Scored, fields: dict[str, Any], wanted: Wanted, principal: Principal) -> dict[str, Any]:
    found = {"kind": one.candidate.kind, "id": one.candidate.id, "score": one.score, **fields}
    return found | {"explain": explanation(one, principal)} if wanted.explain else found


def record(hits: Sequence[Candidate], principal: Principal) -> None:
    """Reading what belongs to other agents, or to users not named, leaves a line in the audit trail, with the list."""
    if sees_everything(principal):
        return
    foreign = {
        "search.read.unnamed_user": [h for h in hits if h.scope == "user" and searches_every_user(principal)],
        "search.read.cross_agent": [h for h in hits if h.scope == "agent" and h.agent_id != principal.agent_id],
    }
    for action, found in foreign.items():
        if found:
            audit_read(action, found, principal)


def audit_read(action: str, hits: Sequence[Candidate], principal: Principal) -> None:
    with behind_walls(principal):
        audit.record(action, principal=principal, object_type="search", new={"read": [str(hit.id) for hit in hits]})


def searches_every_user(principal: Principal) -> bool:
    return principal.named_user is None and principal.is_admin and not sees_everything(principal)


def notice(found: Found, principal: Principal, *, degraded: bool) -> str | None:
    said = []
    if searches_every_user(principal):
        said.append(EVERY_USER)
    elif principal.named_user is None and not sees_everything(principal):
        said.append(NO_USER)
    if degraded:
        said.append(KEYWORD_ONLY if embeddings.get_embedder() else EMBEDDING_OFF)
    if found.truncated:
        said.append(TRUNCATED)
    return " ".join(said) or None
