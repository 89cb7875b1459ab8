"""The score of a candidate, term by term, and the order that it gives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from memoryhub.search.recipe.dates import nearness
from memoryhub.search.recipe.names import ROLES

if TYPE_CHECKING:
    from memoryhub.config_sections import Ranking
    from memoryhub.search.boosts import Boosts
    from memoryhub.search.ranking import Candidate
    from memoryhub.search.recipe.question import Question
    from memoryhub.search.requests import Mode

Parts = dict[str, float]
#: Scores that differ beyond these differ by the order of summation only.
DIGITS = 9


@dataclass(slots=True)
class Scored:
    """``score`` is the sum of ``parts``; terms that do not apply are missing."""

    candidate: Candidate
    parts: Parts = field(default_factory=dict)
    score: float = 0.0

    def add(self, term: str, amount: float) -> None:
        if amount:
            self.parts[term] = self.parts.get(term, 0.0) + amount
            self.score += amount

    def round(self) -> None:
        self.parts = {term: round(amount, DIGITS) for term, amount in self.parts.items()}
        self.score = round(sum(self.parts.values()), DIGITS)


def rank(
    candidates: Sequence[Candidate],
    question: Question,
    *,
    mode: Mode,
    weights: Ranking,
    boosts: Boosts,
    limit: int,
) -> list[Scored]:
    """The ``limit`` best of the candidates that the mode looks for, the best first; equals by id."""
    if mode == "hybrid":
        scored = score(candidates, question, weights, boosts)
    else:
        scored = by_one_leg(candidates, "semantic" if mode == "semantic" else "keyword", boosts)
    best = sorted(scored, key=lambda one: (-round(one.score, DIGITS), one.candidate.id))[:limit]
    for one in best:
        one.round()
    return best


def by_one_leg(candidates: Sequence[Candidate], leg: str, boosts: Boosts) -> list[Scored]:
    """Scored by cosine or BM25 as it is; with boosts, which lie between 0 and 1, by its share of the best."""
    scored = []
    for found in candidates:
        amount = found.similarity if leg == "semantic" else found.bm25
        if amount is not None and not found.neighbor:
            scored.append(Scored(found))
            scored[-1].add(leg, amount)
    best = max((one.score for one in scored), default=0.0)
    if boosts and best > 0:
        scored = [Scored(one.candidate, {leg: one.score / best}, one.score / best) for one in scored]
    add_boosts(scored, boosts)
    return scored


def score(candidates: Sequence[Candidate], question: Question, weights: Ranking, boosts: Boosts) -> list[Scored]:
    """All candidates with their scores.

    The legs are fused: 1 is what is best by both. Then come the terms of each memory itself, then what its neighbors
    and its session lend, then boosts.
    """
    scored = [Scored(candidate) for candidate in candidates]
    fuse(scored, weights)
    for one in scored:
        add_own_terms(one, question, weights)
    lend(scored, weights)
    add_boosts(scored, boosts)
    return scored


def add_boosts(scored: Sequence[Scored], boosts: Boosts) -> None:
    for name, (weight, amounts) in boosts.items():
        for one in scored:
            one.add(name, weight * amounts.get(one.candidate.id, 0.0))


def fuse(scored: Sequence[Scored], weights: Ranking) -> None:
    """Weighted sum of both legs, each brought to 0..1 (relative score fusion, as against reciprocal rank fusion).

    The similarity is measured from that of the last row that its leg brought in; BM25 from 0.
    """
    best = max((one.candidate.bm25 or 0.0 for one in scored), default=0.0)
    near = sorted((one.candidate.similarity for one in scored if one.candidate.similarity is not None), reverse=True)
    low = near[min(weights.depth, len(near)) - 1] if near else 0.0
    span = near[0] - low if near else 0.0
    for one in scored:
        found = one.candidate
        if found.bm25 and best:
            one.add("keyword", (1 - weights.dense_weight) * found.bm25 / best)
        if found.similarity is not None:
            share = max(found.similarity - low, 0.0) / span if span else 1.0
            one.add("semantic", weights.dense_weight * share)


def add_own_terms(one: Scored, question: Question, weights: Ranking) -> None:
    found = one.candidate
    if found.author in question.speakers:
        one.add("author", weights.author_weight)
    if question.dates:
        one.add("date", weights.date_weight * nearness(question.dates, moment(found)))
    if found.kind == "message":
        add_terms_of_speech(one, question, weights)


def moment(found: Candidate) -> datetime:
    return datetime.fromtimestamp(found.event_at, UTC)


def add_terms_of_speech(one: Scored, question: Question, weights: Ranking) -> None:
    """Who asks, or talks of the other, tells little of himself. An assistant and its user are not held to that."""
    found = one.candidate
    between_people = (found.author or "").lower() not in ROLES
    if found.question and between_people:
        one.add("question", -weights.question_penalty)
    if found.addresses and between_people:
        one.add("address", -weights.address_penalty)
    if question.asks_when and found.tells_time:
        one.add("time", weights.time_weight)


def lend(scored: Sequence[Scored], weights: Ranking) -> None:
    """A message gains from the better of its two neighbors, and from the best of its session.

    What is said is often about what was said just before, and an answer lies in the session that is about it.
    """
    sessions: dict[str, dict[int, Scored]] = defaultdict(dict)
    for one in scored:
        found = one.candidate
        if found.kind == "message" and found.session_id is not None and found.sequence is not None:
            sessions[found.session_id][found.sequence] = one
    for session in sessions.values():
        lend_within(session, {number: one.score for number, one in session.items()}, weights)


def lend_within(session: Mapping[int, Scored], before: Mapping[int, float], weights: Ranking) -> None:
    best = max(before.values())
    words = sum(one.candidate.words for one in session.values()) / len(session)
    for number, one in session.items():
        one.add("session", weights.session_weight * max(best, 0.0))
        if words <= weights.short_message_words:
            near = max(before.get(number - 1, 0.0), before.get(number + 1, 0.0))
            one.add("neighbors", weights.neighbor_weight * max(near, 0.0))
