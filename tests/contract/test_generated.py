"""Requests generated from the API's own description: every answer is one that the description promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from math import ceil
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connections
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.generation import GenerationMode
from schemathesis.generation.stateful import run_state_machine_as_test
from schemathesis.specs.openapi import checks

from tests.contract.generated import CHECKS, Tally, ground, headers_for, load, plain, recipe_of
from tests.contract.routes import Route, api_routes
from tests.contract.world import World, undone

pytestmark = pytest.mark.django_db
ROUTES = api_routes()
CASES = 2000
SHARE = 0.3
EACH = max(20, ceil(CASES / len(ROUTES)))
#: Of the cases of an operation, those that its description forbids.
FORBIDDEN = 0.2
#: Answers 200 and says in it which items are wrong.
BY_ITEM = {"POST context/batch"}

every = pytest.mark.parametrize("route", [pytest.param(one, id=str(one)) for one in ROUTES])


def of_size(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(autouse=True)
def one_long_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests by WSGI end with a look at the connection; it holds this test's transaction and must stay."""
    monkeypatch.setattr(connections["default"], "close_if_unusable_or_obsolete", lambda: None)
    monkeypatch.setattr(django_settings.CONFIG.rates, "per_key_per_minute", 0)
    monkeypatch.setattr(django_settings.CONFIG.rates, "per_ip_per_minute", 0)


#: Small, so that a batch which is given up early costs little.
BATCH = settings(of_size(10), stateful_step_count=8, derandomize=False)
FOLLOWED, AT_MOST = 60, 200


def can_be_forbidden(operation: Any) -> bool:
    return bool(operation.body or operation.query)


def hammer(route: Route, world: World, count: int) -> Tally:
    """Sends ``count`` generated requests, each from the same state, and checks the answers."""
    operation = load()[f"/memory/{route.path}"][route.method]
    call = recipe_of(route, world)
    fixed = {"path_parameters": plain(call.path) or None, "headers": headers_for(world, call)}
    forbidden = round(count * FORBIDDEN) if can_be_forbidden(operation) else 0
    tally = Tally()

    @of_size(count - forbidden)
    @given(
        case=operation.as_strategy(GenerationMode.POSITIVE, **fixed),
        kept=st.sets(st.integers(0, 12), max_size=4),
        grounded=st.sampled_from([True] * 6 + [False]),
    )
    def allowed(case: Any, kept: set[int], grounded: bool) -> None:
        if grounded:
            ground(case, call, kept)
        ask(case, tally, CHECKS)

    @of_size(forbidden or 1)
    @given(case=operation.as_strategy(GenerationMode.NEGATIVE, **fixed))
    def refused(case: Any) -> None:
        ask(case, tally, [*CHECKS, *([] if str(route) in BY_ITEM else [checks.negative_data_rejection])])

    allowed()
    if forbidden:
        refused()
    return tally


def ask(case: Any, tally: Tally, wanted: list[Any]) -> None:
    with undone():
        answer = case.call()
    tally.answers[answer.status_code] += 1
    case.validate_response(answer, checks=wanted)


@every
def test_generated_requests_get_the_answers_that_are_described(route: Route, ours: World):
    tally = hammer(route, ours, EACH)
    assert tally.cases >= EACH, tally
    assert tally.good >= SHARE * tally.cases, f"{route}: {tally}"


def test_there_are_enough_of_them():
    assert EACH * len(ROUTES) >= CASES


@pytest.mark.long
@every
def test_many_generated_requests_get_the_answers_that_are_described(route: Route, ours: World):
    tally = hammer(route, ours, 20 * EACH)
    assert tally.good >= SHARE * tally.cases, f"{route}: {tally}"


class Journeys:
    """Follows the description's links: what one answer tells is what the next request asks for."""

    def __init__(self, world: World) -> None:
        self.world = world
        assert world.peer  # made before the first step: what a step makes is undone
        self.routes = {(f"/memory/{route.path}", route.method): route for route in ROUTES}
        self.followed: Counter[str] = Counter()
        self.answers = Tally()
        self.taken = 0
        self.faults: list[BaseException] = []

    def take(self, number: int) -> None:
        """One batch of journeys; they may end early, as what the hub answers is not drawn by the generator.

        Ids, times and hashes differ from journey to journey, so the same choices may lead elsewhere; the generator
        then gives the batch up. A fault that a check had found before stands all the same.
        """
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(seed(number)(self.machine()), settings=BATCH)
        assert not self.faults, self.faults

    def machine(self) -> Any:
        journeys = self

        class Machine(load().as_state_machine()):  # type: ignore[misc]
            def setup(self) -> None:
                journeys.taken += 1
                self.point = undone()
                self.point.__enter__()

            def teardown(self) -> None:
                self.point.__exit__(None, None, None)

            def step(self, step: Any) -> Any:
                journeys.prepare(step)
                return super().step(step)

            def after_call(self, response: Any, case: Any) -> None:
                journeys.answers.answers[response.status_code] += 1

            def validate_response(self, response: Any, case: Any, **more: Any) -> None:
                with journeys.keeping_faults():
                    case.validate_response(response, checks=CHECKS)

        return Machine

    @contextmanager
    def keeping_faults(self) -> Iterator[None]:
        try:
            yield
        except (Exception, BaseExceptionGroup) as fault:
            self.faults.append(fault)
            raise

    def prepare(self, step: Any) -> None:
        """Gives a step the key and a body that makes sense; ids that came over a link stay."""
        case = step.case
        call = recipe_of(self.routes[case.operation.path, case.method], self.world)
        ground(case, call, set())
        case.headers = headers_for(self.world, call)
        if step.transition is None or self.would_end_itself(case):
            case.path_parameters = plain(call.path)
        else:
            self.followed[case.operation.label] += 1

    def would_end_itself(self, case: Any) -> bool:
        """A link may lead to the very agents that make the journey; switched off, they could not go on."""
        own = {self.world.agent, self.world.peer.agent}
        return case.method != "GET" and not own.isdisjoint((case.path_parameters or {}).values())


def test_generated_journeys_follow_the_links(ours: World):
    journeys = Journeys(ours)
    batches = count()
    while journeys.followed.total() < FOLLOWED and journeys.taken < AT_MOST:
        journeys.take(next(batches))
    assert journeys.followed.total() >= FOLLOWED, journeys.answers
    assert journeys.answers.good >= SHARE * journeys.answers.cases, journeys.answers
