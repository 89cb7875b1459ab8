from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memoryhub.config_sections import Ranking
from memoryhub.search.ranking import Candidate
from memoryhub.search.recipe.question import Question, read
from memoryhub.search.recipe.scoring import Scored, rank

WEIGHTS = Ranking()
PLAIN = read("boat", [], None)
MAY = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
JANUARY = datetime(2023, 1, 1, tzinfo=UTC).timestamp()


def candidate(number: int, **fields: Any) -> Candidate:
    defaults: dict[str, Any] = {
        "kind": "message", "scope": "user", "user_id": "ada", "session_id": "s", "agent_id": None, "author": "Ada",
        "sequence": number, "event_at": MAY, "words": 10, "question": False,
        "tells_time": False, "addresses": False, "importance": None, "priority": None, "bm25": None,
        "similarity": 0.5, "neighbor": False, "terms": None,
    }  # fmt: skip
    return Candidate(id=UUID(int=number), **(defaults | fields))


def ranked(*candidates: Candidate, question: Question = PLAIN, weights: Ranking = WEIGHTS) -> list[Scored]:
    return rank(candidates, question, mode="hybrid", weights=weights, boosts={}, limit=100)


def order(scored: list[Scored]) -> list[int]:
    return [one.candidate.id.int for one in scored]


def apart(number: int, **fields: Any) -> Candidate:
    """A candidate of a session of its own."""
    return candidate(number, session_id=f"s{number}", **fields)


@pytest.mark.parametrize(
    ("question", "better", "term"),
    [
        (read("Did Ada sail?", ["Ada", "Bo"], None), {"author": "Ada"}, "author"),
        (read("what of May 2024?", [], None), {}, "date"),
        (read("when did he sail?", [], None), {"tells_time": True}, "time"),
    ],
)
def test_a_term_lifts_what_it_fits(question: Question, better: dict[str, Any], term: str) -> None:
    worse = {"author": "Bo", "event_at": JANUARY}
    first, second = ranked(apart(1, **worse), apart(2, **({"author": "Bo"} | better)), question=question)
    assert first.candidate.id.int == 2
    assert first.parts[term] > 0
    assert term not in second.parts


@pytest.mark.parametrize(("worse", "term"), [({"question": True}, "question"), ({"addresses": True}, "address")])
def test_between_people_asking_and_addressing_count_less(worse: dict[str, Any], term: str) -> None:
    found = ranked(apart(1, **worse), apart(2))
    assert order(found) == [2, 1]
    assert found[1].parts[term] < 0
    # an assistant that asks, or that says "you", may well give the answer
    assert order(ranked(apart(1, author="assistant", **worse), apart(2, author="user"))) == [1, 2]


def test_a_message_gains_from_its_neighbor_in_short_sessions() -> None:
    messages = [candidate(1, bm25=9.0, similarity=0.9), candidate(2, similarity=0.2), candidate(9, similarity=0.2)]
    assert order(ranked(*messages)) == [1, 2, 9]
    long = [candidate(n, words=200, similarity=s) for n, s in ((1, 0.9), (2, 0.2), (9, 0.2))]
    assert "neighbors" not in {term for one in ranked(*long) for term in one.parts}


def test_the_best_of_a_session_lifts_the_session() -> None:
    found = ranked(
        candidate(1, session_id="about", bm25=9.0, similarity=0.9),
        candidate(7, session_id="about", similarity=0.3),
        candidate(3, session_id="other", similarity=0.31),
        candidate(4, session_id="other", similarity=0.2),
    )
    assert order(found)[:2] == [1, 7]


def test_entries_do_not_borrow() -> None:
    found = ranked(candidate(1, kind="entry", bm25=3.0), candidate(2, kind="entry", sequence=None))
    assert all(set(one.parts) <= {"keyword", "semantic"} for one in found)


numbers = st.floats(0, 1, allow_nan=False)
candidates = st.builds(
    candidate,
    st.integers(1, 60),
    session_id=st.sampled_from(["a", "b", None]),
    bm25=st.none() | st.floats(0.01, 50),
    similarity=st.none() | st.floats(-1, 1),
    author=st.sampled_from(["Ada", "Bo", "user", None]),
    question=st.booleans(),
    addresses=st.booleans(),
    tells_time=st.booleans(),
    kind=st.sampled_from(["entry", "message"]),
)


@given(
    st.lists(candidates, unique_by=lambda found: found.id, max_size=40),
    st.dictionaries(st.sampled_from(["r", "p"]), numbers),
)
def test_parts_add_up(found: list[Candidate], boosts: dict[str, float]) -> None:
    question = read("when did Ada sail in May 2024?", ["Ada", "Bo"], None)
    everything = {name: (weight, {one.id: 1.0 for one in found}) for name, weight in boosts.items()}
    for one in rank(found, question, mode="hybrid", weights=WEIGHTS, boosts=everything, limit=100):
        assert sum(one.parts.values()) == pytest.approx(one.score, abs=1e-8)


def test_the_order_does_not_depend_on_how_candidates_come() -> None:
    found = [
        candidate(n, bm25=b, similarity=s) for n, b, s in ((1, 2.0, 0.5), (2, 2.0, 0.5), (3, None, 0.5), (8, 1.0, None))
    ]
    orders = {tuple(order(ranked(*some))) for some in permutations(found)}
    assert len(orders) == 1
