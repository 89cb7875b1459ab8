"""Knowledge under several callers at once: one problem, each occurrence and each try counted once, no rate astray."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from memoryhub.access.exceptions import HubError
from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import CapturedError, Feedback, Knowledge, KnowledgeVersion, Solution
from procedures_app.services import curation, errors, knowledge, solutions
from procedures_app.services.rates import rate

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE = 8
JOB = system_principal("test", "acme")
GOVERNOR = Principal(kind="key", name="g", tenant_id="acme", permissions=ALL_PERMISSIONS)
MESSAGE = "ConnectionRefusedError: [Errno 111] Connection refused: postgres at 10.0.3.{}:5432"


def agent(number: int = 0) -> Principal:
    permissions = frozenset({"read", "write"})
    return Principal(kind="key", name="k", tenant_id="acme", agent_id=f"a{number}", permissions=permissions)


@pytest.fixture(autouse=True)
def acme() -> None:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")


def together(*work: Callable[[], Any]) -> list[Any]:
    """Starts all of it in the same moment; a refusal is a result."""
    start = Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return one()
        except HubError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def capturing(number: int) -> Callable[[], Any]:
    return lambda: errors.capture(principal=agent(number), message=MESSAGE.format(number))


def met(message: str) -> UUID:
    """The problem that an error makes."""
    found = errors.capture(principal=agent(), message=message).error.knowledge_id
    assert found
    return found


@pytest.fixture
def solution() -> Solution:
    known = knowledge.capture(
        principal=agent(), title="Pool is dry", content={"error": "pool timeout"}, solution="Raise the limit"
    ).knowledge
    with behind_walls(JOB):
        return Solution.objects.get(knowledge=known)


def counted() -> tuple[int, int, int, float]:
    with behind_walls(JOB):
        row = Solution.objects.get()
    return row.successes, row.failures, row.usage_count, row.success_rate


@pytest.mark.parametrize("attempt", range(3))
def test_the_same_new_error_at_once_makes_one_problem(attempt: int):
    answers = together(*map(capturing, range(AT_ONCE)))
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    with behind_walls(JOB):
        row = Knowledge.objects.get()
        assert (row.occurrences, CapturedError.objects.filter(knowledge=row).count()) == (AT_ONCE, AT_ONCE)
        assert KnowledgeVersion.objects.count() == row.version
        assert sorted(CapturedError.objects.values_list("matched_by", flat=True)).count("new") == 1


def test_the_same_knowledge_at_once_is_kept_once():
    def work() -> knowledge.Captured:
        return knowledge.capture(principal=agent(), title="Deploys", content="Never on Fridays.")

    answers = together(*[work] * AT_ONCE)
    assert sorted(answer.created for answer in answers) == [False] * (AT_ONCE - 1) + [True]


def test_solutions_added_at_once_are_versions_in_a_row(solution: Solution):
    texts = [f"Way {number // 2}" for number in range(AT_ONCE)]
    together(*[lambda text=text: solutions.add(solution.knowledge_id, principal=agent(), text=text) for text in texts])
    with behind_walls(JOB):
        assert Solution.objects.count() == 1 + AT_ONCE // 2
        numbers = list(KnowledgeVersion.objects.order_by("version").values_list("version", flat=True))
        assert numbers == list(range(1, 2 + AT_ONCE // 2))


def test_feedback_about_one_error_counts_once(solution: Solution):
    error = errors.capture(principal=agent(), message="pool timeout").error
    tries = [
        lambda worked=number % 2 == 0: solutions.feedback(
            solution.pk, principal=agent(), worked=worked, error_id=error.pk
        )
        for number in range(AT_ONCE)
    ]
    assert not [answer for answer in together(*tries) if isinstance(answer, Exception)]
    successes, failures, tried, share = counted()
    assert (successes + failures, tried) == (1, 1)
    assert share == pytest.approx(rate(successes, failures))
    with behind_walls(JOB):
        assert Feedback.objects.get().worked == bool(successes)


def test_no_try_is_lost(solution: Solution):
    tries = [
        lambda number=number, worked=number % 4 != 0: solutions.feedback(
            solution.pk, principal=agent(number), worked=worked
        )
        for number in range(2 * AT_ONCE)
    ]
    together(*tries)
    *tried, share = counted()
    assert tried == [12, 4, 16]
    assert share == pytest.approx(rate(12, 4))
    with behind_walls(JOB):
        assert Knowledge.objects.get().usage_count == 16


def test_feedback_and_errors_follow_a_merge_in_the_same_moment(solution: Solution):
    other = met(MESSAGE.format(1))
    merge = [lambda: curation.merge(other, solution.knowledge_id, principal=GOVERNOR)]
    tries = [lambda n=n: solutions.feedback(solution.pk, principal=agent(n), worked=True) for n in range(4)]
    captures = [lambda: errors.capture(principal=agent(), message="pool timeout")] * 4
    answers = together(*merge, *tries, *captures)
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert counted()[:3] == (4, 0, 4)
    with behind_walls(JOB):
        kept = Knowledge.objects.get(pk=other)
        assert Knowledge.objects.filter(status="active").count() == 1
        # one of its own, one that the other was captured with, four in this moment, whichever it counted for then
        assert kept.occurrences == 6
        assert CapturedError.objects.filter(knowledge=kept).count() == 5


def test_opposite_merges_at_once_leave_one():
    first, second = met("a is away"), met("b is broken")
    answers = together(
        lambda: curation.merge(first, second, principal=GOVERNOR),
        lambda: curation.merge(second, first, principal=GOVERNOR),
    )
    assert [isinstance(answer, HubError) for answer in answers].count(True) == 1
    with behind_walls(JOB):
        assert Knowledge.objects.filter(status="active").count() == 1
