"""Why a result stands where it stands, and why the caller may see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memoryhub.access.principals import Principal
from memoryhub.access.visibility import sees_everything
from memoryhub.search.ranking import LIKENESS, TERM, Candidate
from memoryhub.search.recipe.question import Question
from memoryhub.search.recipe.scoring import Scored


def explanation(one: Scored, principal: Principal) -> dict[str, Any]:
    """``parts`` sum up to the score; ``terms`` sum up to ``bm25``; ``cosine`` is 1 for the same direction."""
    found = one.candidate
    return {
        "score": one.score,
        "parts": {"keyword": 0.0, "semantic": 0.0, **one.parts},
        "bm25": found.bm25,
        "cosine": found.similarity,
        "terms": [term_shown(term, principal) for term in found.terms or []],
        "visible": visible_because(found, principal),
    }


def term_shown(term: Sequence[Any], principal: Principal) -> dict[str, Any]:
    """Words are counted among all memories of the agent: who is bound to one user learns nothing of other users."""
    shown = dict(zip(TERM + LIKENESS, term, strict=False))
    return shown | {"memories": None, "idf": None} if principal.bound_user else shown


def interpretation(question: Question) -> dict[str, Any]:
    """How a query was read: what was compared by meaning, looked up as words, and preferred besides."""
    return {
        "meaning": question.meaning,
        "words": question.words,
        "speakers": sorted(question.speakers),
        "dates": [str(date) for date in question.dates],
        "asks_when": question.asks_when,
    }


def visible_because(hit: Candidate, principal: Principal) -> str:
    if hit.scope == "global":
        return "Everybody sees global memories."
    if sees_everything(principal):
        return "Staff and jobs see the whole tenant."
    if hit.scope == "tenant":
        return "It belongs to the tenant of the key."
    if hit.scope == "session":
        return f"The request names the session '{hit.session_id}'."
    if hit.scope == "agent":
        own = hit.agent_id == principal.agent_id
        return "It is the agent's own." if own else f"The agent '{hit.agent_id}' shares it: there is a grant."
    return user_reason(hit, principal)


def user_reason(hit: Candidate, principal: Principal) -> str:
    if hit.user_id == principal.named_user:
        return f"The request speaks about the user '{hit.user_id}'."
    if principal.named_user is None and principal.is_admin:
        return "The key has the permission 'admin', and the request names no user."
    return f"The request names the session '{hit.session_id}'."
