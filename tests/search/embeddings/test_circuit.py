"""The circuit breaker on a clock of its own."""

from __future__ import annotations

import pytest

from memoryhub.search.embeddings import circuit
from memoryhub.search.embeddings.circuit import LONGEST_PAUSE, Circuit


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(circuit, "monotonic", made)
    return made


def test_closed_lets_everybody_through(clock):
    breaker = Circuit()
    assert breaker.closed
    assert all(breaker.enter() for _ in range(5))


def test_after_a_failure_nobody_passes_until_the_pause_is_over_and_then_one(clock):
    breaker = Circuit()
    breaker.failed("away")
    assert (breaker.closed, breaker.problem, breaker.enter()) == (False, "away", False)
    clock.now += breaker.seconds_left
    assert [breaker.enter() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert (breaker.closed, breaker.problem) == (True, None)
    assert [breaker.enter() for _ in range(3)] == [True, True, True]


def test_pauses_double_up_to_the_longest_and_start_again_after_a_success(clock):
    breaker = Circuit()
    pauses = []
    for _ in range(12):
        clock.now += breaker.seconds_left
        assert breaker.enter()
        breaker.failed("away")
        pauses.append(breaker.seconds_left)
    assert pauses[0] <= 1.2
    assert pauses[2] > pauses[0] * 2
    assert max(pauses) <= LONGEST_PAUSE * 1.2
    breaker.succeeded()
    breaker.failed("away")
    assert breaker.seconds_left <= 1.2


def test_several_that_were_on_their_way_when_it_opened_are_one_failure(clock):
    breaker = Circuit()
    assert all(breaker.enter() for _ in range(4))
    for _ in range(4):
        breaker.failed("too slow")
    assert breaker.seconds_left <= 1.2
    breaker.failed("busy", retry_in=90)
    assert breaker.seconds_left == 90


def test_the_other_side_may_ask_for_a_longer_pause(clock):
    breaker = Circuit()
    breaker.failed("busy", retry_in=90)
    assert breaker.seconds_left == 90
