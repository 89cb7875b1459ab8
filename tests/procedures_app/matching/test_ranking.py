"""Known problems are ranked by what they share with an error; confidences are probabilities."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from procedures_app.matching import Known, rank
from procedures_app.matching import weights as fitted
from procedures_app.signatures import read

REFUSED = read("psycopg2.OperationalError: could not connect to server: Connection refused")
NEWER = read('psycopg2.OperationalError: connection to server at "db" (10.0.0.2), port 5432 failed: Connection refused')
PASSWORD = read('psycopg2.OperationalError: FATAL:  password authentication failed for user "app"')
OTHER = read("SyntaxError: Unexpected token < in JSON at position 0")


def test_the_same_signature_is_first_with_its_own_probability_below_one():
    asked = read(
        "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not connect to server: Connection refused"
    )
    found = rank(asked, [Known("other", OTHER), Known("same", REFUSED, 0.2), Known("password", PASSWORD, 0.9)])
    assert [found[0].id, found[0].confidence, found[0].why] == ["same", fitted.SAME_SIGNATURE, "The same signature."]
    assert found[0].confidence < 1


def test_another_wording_is_nearer_than_another_problem():
    found = rank(NEWER, [Known("other", OTHER), Known("password", PASSWORD), Known("refused", REFUSED)])
    assert next(one.id for one in found) == "refused"
    assert found[-1].confidence < 0.05
    assert "econnrefused" in found[0].why.casefold()


def test_a_near_meaning_counts_and_none_is_no_objection():
    alone, near, far = (rank(NEWER, [Known("a", REFUSED, cosine)])[0].confidence for cosine in (None, 0.9, 0.1))
    assert far < near
    assert 0 < far < 1
    assert alone > far


def test_nothing_known_gives_nothing():
    assert rank(REFUSED, []) == []


def test_equal_ones_come_by_id():
    found = rank(REFUSED, [Known("b", OTHER), Known("a", OTHER)])
    assert {one.id for one in found} == {"a", "b"}
    assert rank(REFUSED, [Known("b", REFUSED), Known("a", REFUSED)])[0].id == "a"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200), st.lists(st.tuples(st.text(max_size=200), st.none() | st.floats(-1, 1)), max_size=6))
def test_confidences_are_probabilities_in_order(asked, known):
    found = rank(read(asked), [Known(str(n), read(text), cosine) for n, (text, cosine) in enumerate(known)])
    confidences = [one.confidence for one in found]
    assert len(found) == len(known)
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 < confidence <= fitted.SAME_SIGNATURE < 1 for confidence in confidences)
