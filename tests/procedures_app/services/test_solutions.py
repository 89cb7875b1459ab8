"""Solutions: added once, ranked by what is sure of them, rates that move with each try and count it once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now
from hypothesis import given
from hypothesis import strategies as st

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound, ScopeMissing
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app import briefing
from procedures_app.models import CapturedError, Feedback, Knowledge, Operation, Solution
from procedures_app.services import errors, knowledge, outcomes, rates, solutions
from procedures_app.services.rates import best_first, lower_bound

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]
counts = st.integers(0, 10_000)


@pytest.fixture
def known(caller: Caller) -> Knowledge:
    return knowledge.capture(
        principal=caller(), title="Pool is dry", content={"error": "pool timeout"}, solution="Raise the limit"
    ).knowledge


@pytest.fixture
def solution(known: Knowledge, caller: Caller) -> Solution:
    with behind_walls(caller()):
        return Solution.objects.get(knowledge=known)


def met(caller: Principal) -> CapturedError:
    return errors.capture(principal=caller, message="pool timeout").error


def operation(caller: Principal, tenant: str) -> UUID:
    with behind_walls(caller):
        made = Operation.objects.create(
            tenant_id=tenant, kind="deployment", task="Deploy", mode="advise", token_digest=str(new_id()),
            expires_at=now() + timedelta(hours=1),
        )  # fmt: skip
        return made.pk


def again(solution: Solution, caller: Principal) -> tuple[int, int, int, float]:
    with behind_walls(caller):
        row = Solution.objects.get(pk=solution.pk)
    return row.successes, row.failures, row.usage_count, round(row.success_rate, 3)


def test_added_once_whatever_the_spaces(known: Knowledge, caller: Caller):
    first = solutions.add(known.pk, principal=caller(), text="Kill idle clients")
    same = solutions.add(known.pk, principal=caller("other"), text=" kill  IDLE clients ")
    assert first.pk == same.pk
    assert knowledge.get(known.pk, principal=caller()).version == 2


def test_a_procedure_has_to_be_there(known: Knowledge, caller: Caller):
    with pytest.raises(NotFound):
        solutions.add(known.pk, principal=caller(), text="Follow it", procedure="none-such")
    with pytest.raises(Invalid):
        solutions.add(known.pk, principal=caller(), text=" ")


def test_one_success_is_no_certainty(known: Knowledge, solution: Solution, caller: Caller):
    moved = solutions.feedback(solution.pk, principal=caller(), worked=True)
    assert (moved.successes, round(moved.success_rate, 3), moved.usage_count) == (1, 0.667, 1)
    row = knowledge.get(known.pk, principal=caller())
    assert (round(row.success_rate, 3), row.usage_count, row.version) == (0.667, 1, 1)
    assert row.last_used is not None


def test_about_one_error_it_counts_once(solution: Solution, caller: Caller):
    error = met(caller())
    for worked, expected in ((True, (1, 0, 1, 0.667)), (True, (1, 0, 1, 0.667)), (False, (0, 1, 1, 0.333))):
        solutions.feedback(solution.pk, principal=caller(), worked=worked, error_id=error.pk)
        assert again(solution, caller()) == expected
    assert errors.get(error.pk, principal=caller()).solved is False
    with behind_walls(caller()):
        assert Feedback.objects.count() == 1


def test_about_nothing_it_counts_once_for_each_who_says_it(solution: Solution, caller: Caller):
    for name, worked in (("ann", True), ("ann", True), ("bob", True), ("ann", False)):
        solutions.feedback(solution.pk, principal=caller(name), worked=worked)
    assert again(solution, caller())[:3] == (1, 1, 2)


def test_about_one_operation_it_counts_once_with_its_error_too(solution: Solution, caller: Caller, tenant: str):
    about = operation(caller(), tenant)
    solutions.feedback(solution.pk, principal=caller(), worked=True, operation_id=about)
    solutions.feedback(solution.pk, principal=caller(), worked=False, operation_id=about)
    error = met(caller())
    solutions.feedback(solution.pk, principal=caller(), worked=True, operation_id=about, error_id=error.pk)
    assert again(solution, caller()) == (1, 0, 1, 0.667)
    solutions.feedback(solution.pk, principal=caller(), worked=True, operation_id=about)
    assert again(solution, caller()) == (1, 0, 1, 0.667)
    with behind_walls(caller()):
        assert Feedback.objects.get().error_id == error.pk


def test_what_solves_it_for_a_user_is_shown_to_nobody_else(caller: Caller):
    uma = caller(user="uma")
    hers = knowledge.capture(
        principal=uma, title="Private", content={"error": "her thing broke"}, solution="Secret way", private=True
    ).knowledge
    with behind_walls(caller()):
        secret = Solution.objects.get(knowledge=hers)
    error = met(caller())
    solutions.feedback(secret.pk, principal=uma, worked=True, error_id=error.pk)
    assert errors.get(error.pk, principal=caller()).solution_id is None
    with behind_walls(caller()):  # from before, or by a merge
        CapturedError.objects.filter(pk=error.pk).update(solution=secret, knowledge=hers)
        met_again = CapturedError.objects.get(pk=error.pk)
        [told], [hers_told] = (briefing.recent_errors(None, reader) for reader in (caller(), uma))
        assert [outcomes.known_solution(met_again, principal=who) for who in (caller(), uma)] == ["", "Secret way"]
    assert (told["context_data"]["known_as"], told["context_data"]["solution"]) == (None, None)
    assert (hers_told["context_data"]["known_as"], hers_told["context_data"]["solution"]) == ("Private", "Secret way")


def test_what_is_not_there_is_not_told(solution: Solution, caller: Caller, other_tenant: str):
    stranger = caller(tenant_id=other_tenant)
    with pytest.raises(NotFound):
        solutions.feedback(solution.pk, principal=stranger, worked=True)
    theirs = met(stranger)
    missing: list[dict[str, Any]] = [{"error_id": theirs.pk}, {"operation_id": operation(stranger, other_tenant)}]
    for about in missing:
        with pytest.raises(NotFound):
            solutions.feedback(solution.pk, principal=caller(), worked=True, **about)
    with pytest.raises(ScopeMissing):
        solutions.feedback(solution.pk, principal=caller(permissions=frozenset({"read"})), worked=True)


def test_the_surest_solution_stands_on_the_problem(known: Knowledge, solution: Solution, caller: Caller):
    other = solutions.add(known.pk, principal=caller(), text="Kill idle clients")
    for number in range(5):
        solutions.feedback(other.pk, principal=caller(f"a{number}"), worked=True)
    solutions.feedback(solution.pk, principal=caller(), worked=False)
    assert knowledge.get(known.pk, principal=caller()).solution == "Kill idle clients"


def test_governors_reword_retire_and_confirm(known: Knowledge, solution: Solution, caller: Caller, person: Principal):
    with pytest.raises(Forbidden):
        solutions.change(solution.pk, principal=caller(), retired=True)
    solutions.change(solution.pk, principal=person, text="Raise max_connections", verified=True)
    row = knowledge.get(known.pk, principal=caller())
    assert (row.solution, row.version) == ("Raise max_connections", 2)
    retired = solutions.change(solution.pk, principal=person, retired=True, reason="Never again.")
    assert (retired.status, retired.verified_by) == ("retired", "maria")
    row = knowledge.get(known.pk, principal=caller())
    assert (row.solution, row.success_rate) == ("", 0.5)


@pytest.mark.parametrize(
    ("better", "worse"),
    [((40, 2), (1, 0)), ((1, 0), (0, 0)), ((0, 0), (0, 1)), ((3, 1), (2, 2)), ((90, 10), (8, 1))],
)
def test_the_order_asks_how_sure_it_is(better: tuple[int, int], worse: tuple[int, int]):
    assert lower_bound(*better) > lower_bound(*worse)


def test_a_persons_word_counts_like_a_few_successes():
    assert lower_bound(1, 0) < lower_bound(0, 0, verified=True) < lower_bound(40, 2)


def test_retired_ones_are_not_ranked():
    at = now()
    made = [Solution(status=status, created_at=at, text=status) for status in ("retired", "active")]
    assert [each.text for each in best_first(made)] == ["active"]


@given(counts, counts)
def test_rates_and_bounds_stay_within_0_and_1(successes: int, failures: int):
    assert 0 <= lower_bound(successes, failures) <= rates.rate(successes, failures) <= 1
    assert lower_bound(successes + 1, failures) >= lower_bound(successes, failures)
