"""How sure guidance is: bounded, and growing with likeness and success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procedures_app.confidence import APPROACH, HIGHEST, PROCEDURE, SOLUTION, confidence, lower_bound

SOURCES = st.sampled_from([PROCEDURE, SOLUTION, APPROACH])
COUNTS = st.integers(0, 10_000)
LIKENESS = st.floats(-1, 2)


@given(SOURCES, LIKENESS, COUNTS, COUNTS)
def test_it_is_bounded_and_never_certain(source, likeness, good, bad):
    assert 0 <= confidence(source, likeness=likeness, successes=good, failures=bad) <= HIGHEST < 1


@given(SOURCES, LIKENESS, LIKENESS, COUNTS, COUNTS)
def test_it_grows_with_likeness(source, one, other, good, bad):
    low, high = sorted((one, other))
    at_low = confidence(source, likeness=low, successes=good, failures=bad)
    assert at_low <= confidence(source, likeness=high, successes=good, failures=bad)


@given(SOURCES, st.floats(0, 1), COUNTS, COUNTS)
def test_every_success_raises_it_and_every_failure_lowers_it(source, likeness, good, bad):
    now = confidence(source, likeness=likeness, successes=good, failures=bad)
    assert now <= confidence(source, likeness=likeness, successes=good + 1, failures=bad) + 1e-12
    assert now >= confidence(source, likeness=likeness, successes=good, failures=bad + 1) - 1e-12


@given(COUNTS, COUNTS)
def test_the_lower_bound_is_below_the_rate(good, bad):
    assert 0 <= lower_bound(good, bad) <= (good / (good + bad) if good + bad else 0) + 1e-12


def test_many_tries_weigh_more_than_few():
    assert lower_bound(0, 0) == 0
    assert lower_bound(1, 0) < lower_bound(10, 0) < lower_bound(100, 0) < 1
    assert lower_bound(9, 1) == pytest.approx(0.72, abs=0.01)


def test_what_people_published_is_fit_to_follow_before_its_first_run():
    fresh = confidence(PROCEDURE, likeness=0.97, successes=0, failures=0)
    assert 0.8 < fresh < confidence(PROCEDURE, likeness=0.97, successes=30, failures=0)
    assert confidence(PROCEDURE, likeness=0.97, successes=0, failures=9) < 0.8
    assert confidence(SOLUTION, likeness=0.97, successes=1, failures=0) < 0.8
    assert confidence(SOLUTION, likeness=0.97, successes=20, failures=0) > 0.8
    assert confidence(APPROACH, likeness=1, successes=1000, failures=0) < 0.8
