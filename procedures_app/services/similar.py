"""What memory holds that is like a task: work that was done, procedures, knowledge. One question finds them all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings

from memoryhub.access.principals import Principal
from memoryhub.search import embeddings
from memoryhub.search.ranking import Candidate, candidates
from memoryhub.search.requests import LONGEST_QUERY, Filters
from memoryhub.search.services.spaces import active_space
from procedures_app.indexing import KINDS
from sessions_app.services.finding import tenant_of

if TYPE_CHECKING:
    from memoryhub.search.embeddings.base import Vector

#: The best by words and the best by meaning. They are three kinds together; what is unlike is left out later.
DEPTH = 30
#: Among more rows than this, words that hundreds of them hold find nothing by themselves: what a team does again and
#: again says the same words each time, and to weigh all of that against each other finds nothing better.
MOST_WEIGHED = 1000
LONGEST_CONTEXT = 1500
MOST_PIECES = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found. ``cosine`` is how near it lies in meaning; None where words alone decided."""

    kind: str
    id: UUID
    cosine: float | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found for one wording of the task. ``pieces`` are what its context says, one by one."""

    asked: str
    hits: dict[UUID, Hit]
    degraded: bool
    pieces: tuple[str, ...] = ()

    def cosine_of(self, id_: UUID) -> float | None:
        hit = self.hits.get(id_)
        return hit.cosine if hit else None

    def of_kind(self, kind: str) -> list[Hit]:
        return [hit for hit in self.hits.values() if hit.kind == kind]


def look(task: str, context: Any, *, principal: Principal) -> list[Looked]:
    """One for the task alone, and where its context says anything one for both."""
    tenant_of(principal)
    within = context_text(context)
    wordings = [text[:LONGEST_QUERY] for text in (task, *([f"{task}\n{within}"] if within else []))]
    vectors, space = vectors_of(wordings)
    alone, *both = [look_for(*asked, space, principal=principal) for asked in zip(wordings, vectors, strict=True)]
    return [replace(alone, pieces=tuple(context_pieces(context))), *both]


def vectors_of(wordings: list[str]) -> tuple[Sequence[Vector | None], str]:
    """Their vectors at one question to the model, and the name of its space; None of them while it is not ready."""
    space = active_space()
    found = embeddings.embed_queries(wordings, space.embedder) if space else None
    return found or [None] * len(wordings), space.name if space else ""


def look_for(asked: str, vector: Vector | None, space: str, *, principal: Principal) -> Looked:
    """The best by words and the best by meaning: their ranks among each other do not matter here."""
    found = candidates(
        query=asked,
        mode="keyword" if vector is None else "hybrid",
        vector=vector,
        model=space,
        kinds=KINDS,
        filters=Filters(),
        limit=DEPTH,
        depth=DEPTH,
        cap=min(MOST_WEIGHED, settings.CONFIG.search.candidate_cap),
        explain=False,
        principal=agent_reach(principal),
    )
    hits = {one.id: Hit(one.kind, one.id, one.similarity) for one in chosen(found.candidates)}
    return Looked(asked, hits, degraded=vector is None)


def chosen(found: Sequence[Candidate]) -> list[Candidate]:
    by_words = sorted(found, key=lambda one: -(one.bm25 or 0))[:DEPTH]
    by_meaning = sorted(found, key=lambda one: -(one.similarity or 0))[:DEPTH]
    return [*by_words, *by_meaning]


def agent_reach(principal: Principal) -> Principal:
    """The caller without ``admin``: what is about users that it does not name is not for guidance.

    Guidance is kept with the operation, where others of the tenant read it.
    """
    return replace(principal, permissions=principal.permissions - {"admin"})


def context_text(context: Any) -> str:
    """What a context says, in words: ``changes: Fixed auth bug; risk level: medium``."""
    return "; ".join(said(context, ""))[:LONGEST_CONTEXT]


def context_pieces(context: Any) -> list[str]:
    """What a context says in more than a word, piece by piece: each change, each thing that happened."""
    return [text for text in values_in(context) if len(text.split()) > 1][:MOST_PIECES]


def values_in(value: Any) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from values_in(child)
    elif isinstance(value, str):
        yield value[:LONGEST_CONTEXT]


def said(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from said(child, str(key).replace("_", " "))
    elif isinstance(value, list):
        for child in value:
            yield from said(child, name)
    elif value is not None and value != "" and not isinstance(value, bool):
        yield f"{name}: {value}" if name else str(value)
