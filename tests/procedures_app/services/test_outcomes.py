"""What finished operations teach: errors are captured, solutions get their feedback, and guidance knows both."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import CapturedError, Knowledge, Solution, WorkRecord
from procedures_app.services import errors, guidance, knowledge, operations, solutions

pytestmark = pytest.mark.django_db
ERROR = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout on table 4711"
LIKE = "psycopg.errors.LockNotAvailable: canceling statement due to lock timeout on table 9"
CURE = "Raise lock_timeout for migrations and run them at night."


def begin(principal: Principal, **fields) -> operations.Begun:
    return operations.begin(principal=principal, **{"task": "Deploy v3", "kind": "deployment"} | fields)


def known_solution(principal: Principal) -> Solution:
    captured = errors.capture(principal=principal, message=ERROR)
    assert captured.error.knowledge_id
    return solutions.add(captured.error.knowledge_id, principal=principal, text=CURE)


def test_a_failed_operation_leaves_its_error(agent: Principal):
    made = begin(agent)
    said = {"message": ERROR, "type": "LockNotAvailable", "context": {"step": "migrate"}}
    done = operations.finish(made.token, principal=agent, success=False, error=said)
    assert done.captured is not None
    assert (done.captured.operation_id, done.captured.context) == (made.operation.pk, {"step": "migrate"})
    assert (done.operation.error_message, done.work.error_message) == (ERROR, ERROR)
    again = operations.finish(made.token, principal=agent, success=False, error=said)
    assert again.captured == done.captured
    with behind_walls(agent):
        assert CapturedError.objects.count() == Knowledge.objects.count() == WorkRecord.objects.count() == 1


def test_the_error_that_the_context_tells_of_brings_its_solution(agent: Principal):
    cure = known_solution(agent)
    for context in ({"error": LIKE}, {"error": {"message": LIKE}}, {"traceback": f"Traceback\n{LIKE}"}):
        advice = guidance.contextual("Go on with the release", principal=agent, context=context)
        best = advice["primary_recommendation"]
        assert (best["type"], best["solution"], best["text"]) == ("solution", str(cure.pk), CURE)
        assert 0.2 < advice["confidence"] < 0.8


def test_every_success_makes_it_surer(agent: Principal):
    cure, sure = known_solution(agent), []
    for _ in range(4):
        made = begin(agent, context={"error": LIKE})
        sure.append(made.guidance["confidence"])
        done = operations.finish(made.token, principal=agent, success=True, solution_worked=True)
        assert done.solution == cure
    assert sure == sorted(set(sure))
    assert done.solution is not None
    assert (done.solution.successes, done.solution.failures) == (4, 0)
    made = begin(agent, context={"error": LIKE})
    worse = operations.finish(made.token, principal=agent, success=False, solution_worked=False).solution
    assert worse is not None
    assert (worse.successes, worse.failures) == (4, 1)


def test_feedback_is_on_the_error_that_was_met_on_the_way(agent: Principal):
    cure = known_solution(agent)
    made = begin(agent)
    met = errors.capture(principal=agent, message=LIKE, operation=made.operation).error
    assert met.solution_id == cure.pk
    operations.finish(made.token, principal=agent, success=True, solution_worked=True)
    with behind_walls(agent):
        assert CapturedError.objects.get(pk=met.pk).solved is True


def test_there_is_none_where_nothing_was_recommended(agent: Principal):
    made = begin(agent)
    with pytest.raises(Invalid) as refused:
        operations.finish(made.token, principal=agent, success=True, solution_worked=True)
    assert refused.value.field == "solution_worked"
    assert operations.finish(made.token, principal=agent, success=True).solution is None


def test_a_finish_that_is_refused_leaves_nothing(agent: Principal):
    made = begin(agent)
    with pytest.raises(Invalid):
        operations.finish(made.token, principal=agent, success=False, error=ERROR, solution_worked=True)
    with behind_walls(agent):
        assert not CapturedError.objects.exists()
        assert not WorkRecord.objects.exists()


def test_a_solution_that_is_gone_stops_nobody(agent: Principal):
    cure = known_solution(agent)
    made = begin(agent, context={"error": LIKE})
    with behind_walls(agent):
        Solution.objects.filter(pk=cure.pk).delete()
    done = operations.finish(made.token, principal=agent, success=True, solution_worked=True)
    assert (done.operation.status, done.solution) == ("succeeded", None)


def test_a_persons_word_makes_it_surer(agent: Principal):
    cure = known_solution(agent)
    before = guidance.contextual("Release", principal=agent, context={"error": LIKE})["confidence"]
    with behind_walls(agent):
        Solution.objects.filter(pk=cure.pk).update(verified_by="rita")
    after = guidance.contextual("Release", principal=agent, context={"error": LIKE})
    assert after["confidence"] > before
    assert after["known_solutions"][0]["verified"] is True


def test_what_is_known_about_the_task_itself_is_told(agent: Principal):
    made = knowledge.capture(
        principal=agent,
        title="Memory leak in the image worker",
        content={"error": "MemoryError", "solution": "Recycle the worker after 500 images."},
        knowledge_type="error_pattern",
    )
    advice = guidance.contextual("Fix the memory leak in the image worker", principal=agent)
    assert [one["knowledge"] for one in advice["known_solutions"]] == [str(made.knowledge.pk)]
    assert advice["primary_recommendation"]["text"] == "Recycle the worker after 500 images."
