"""Procedures as steps of others: a run of their own, taken through the parent's next."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memoryhub.access.exceptions import Forbidden
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import RunNotOpen, StepRequired
from procedures_app.models import Run
from procedures_app.services import runs
from tests.procedures_app.following import (
    ADA,
    BEN,
    BOSS,
    HUB,
    decide,
    do,
    events_of,
    flag,
    pass_time,
    publish,
    reread,
    run_of,
    started,
    statuses,
    steps_of,
    take,
    upkeep_now,
)

pytestmark = pytest.mark.usefixtures("tenant")
BUILD = {"id": "build", "kind": "procedure", "procedure": "inner"}
SHIP = {"id": "ship", "instruction": "Ship {{steps.build.output.evidence.compile.passed}}."}


def nested(*steps: dict[str, Any], inner: tuple[dict[str, Any], ...] = (), **fields: Any) -> UUID:
    """A run whose first step is a procedure of two steps."""
    publish(*(inner or ({"id": "compile", "evidence": [flag()]}, {"id": "sign"})), name="inner", **fields)
    return started(*(steps or (BUILD, SHIP)), {"id": "tell"})


def child_of(run_id: UUID) -> Run:
    with behind_walls(HUB):
        return Run.objects.get(parent__run_id=run_id)


def test_a_child_is_taken_through_its_parent():
    run_id = nested()
    first = take(run_id)
    child = child_of(run_id)
    assert (first.run.pk, first.step and first.step.step_id) == (child.pk, "compile")
    assert (child.agent_id, child.operation_id, statuses(run_id)) == (
        "ada",
        None,
        ["in_progress", "pending", "pending"],
    )
    assert runs.next_step(run_id, principal=BEN).state == "busy"
    with pytest.raises(StepRequired):
        runs.complete(run_id, "ship", principal=ADA, lease=1)
    do(run_id)
    do(run_id, BEN)
    assert run_of(child.pk).status == "completed"
    assert statuses(run_id) == ["done", "ready", "pending"]
    assert take(run_id).instruction == "Ship true."
    do(run_id)
    assert do(run_id).compliant is True
    assert events_of(child.pk)[-1] == "run.completed"


def test_deviations_of_a_child_are_its_parents():
    run_id = nested()
    take(run_id)
    child = child_of(run_id)
    runs.ask_skip(child.pk, "compile", principal=ADA, reason="So.")
    assert runs.next_step(run_id, principal=BEN).state == "waiting"
    decide(child.pk)
    do(run_id)
    do(run_id)
    run = do(run_id)
    assert (run.status, run.deviations, run.compliant) == ("completed", 1, False)


def test_a_child_that_fails_fails_the_step():
    run_id = nested(
        BUILD | {"on_failure": "retry", "max_attempts": 2}, inner=({"id": "compile", "on_failure": "fail"},)
    )
    for _ in range(2):
        found = take(run_id)
        runs.fail(found.run.pk, "compile", principal=ADA, lease=found.lease_token or 0, error="No compiler.")
        pass_time(6)
    assert run_of(run_id).status == "waiting"
    assert "No compiler." in steps_of(run_id)["build"].error
    with behind_walls(HUB):
        assert Run.objects.filter(parent__run_id=run_id, status="failed").count() == 2
    decide(run_id, decision="skip")
    assert take(run_id).step


def test_cancelling_and_pausing_reach_the_child():
    run_id = nested()
    take(run_id)
    child = child_of(run_id)
    runs.pause(run_id, principal=ADA, reason="So.")
    assert run_of(child.pk).status == "paused"
    for one in (run_id, child.pk):
        assert runs.next_step(one, principal=ADA).state == "paused"
    with pytest.raises(RunNotOpen):
        runs.resume(child.pk, principal=ADA)
    runs.resume(run_id, principal=ADA)
    assert take(run_id).step
    runs.cancel(run_id, principal=ADA, reason="So.")
    assert (run_of(child.pk).status, statuses(run_id)[0]) == ("cancelled", "failed")


def test_a_cancelled_child_fails_its_step():
    run_id = nested()
    take(run_id)
    runs.cancel(child_of(run_id).pk, principal=BOSS, reason="So.")
    assert run_of(run_id).status == "waiting"


def test_skipping_the_step_cancels_the_child():
    run_id = nested()
    take(run_id)
    child = child_of(run_id)
    runs.ask_skip(run_id, "build", principal=ADA, reason="So.")
    assert runs.next_step(child.pk, principal=ADA).state == "waiting"
    decide(run_id, approve=False)
    assert take(run_id).run.pk == child.pk
    runs.ask_skip(run_id, "build", principal=ADA, reason="So.")
    decide(run_id)
    assert run_of(child.pk).status == "cancelled"
    assert statuses(run_id) == ["skipped", "ready", "pending"]


@pytest.mark.parametrize("otherwise", [False, True])
@pytest.mark.parametrize("refused_before", [False, True])
def test_a_child_that_ends_during_a_question_about_its_step_counts(otherwise: bool, refused_before: bool):
    run_id = nested(inner=({"id": "compile", "evidence": [flag()]},))
    found = take(run_id)
    if otherwise:
        asked = runs.ask_deviation(run_id, "build", principal=BEN, reason="So.", proposal="Take the old one.")
    else:
        asked = runs.ask_skip(run_id, "build", principal=BEN, reason="So.")
    if refused_before:
        decide(run_id, approve=False)
    runs.complete(found.run.pk, "compile", principal=ADA, lease=found.lease_token or 0, evidence={"passed": True})
    assert statuses(run_id) == ["done", "ready", "pending"]
    assert reread(asked).status == ("refused" if refused_before else "withdrawn")
    assert take(run_id).instruction == "Ship true."
    with behind_walls(HUB):
        assert Run.objects.filter(parent__run_id=run_id).count() == 1


def test_a_child_that_fails_during_a_question_fails_its_step():
    run_id = nested(
        BUILD | {"on_failure": "retry", "max_attempts": 2}, inner=({"id": "compile", "on_failure": "fail"},)
    )
    found = take(run_id)
    runs.ask_skip(run_id, "build", principal=BEN, reason="So.")
    runs.fail(found.run.pk, "compile", principal=ADA, lease=found.lease_token or 0, error="No compiler.")
    step = steps_of(run_id)["build"]
    assert (step.status, "No compiler." in step.error, run_of(run_id).status) == ("ready", True, "running")


def test_a_limit_of_the_step_ends_the_child():
    run_id = nested(BUILD | {"time_limit_seconds": 60, "on_failure": "fail"})
    take(run_id)
    child = child_of(run_id)
    pass_time(61)
    assert runs.next_step(child.pk, principal=ADA).state == "over"
    assert (run_of(child.pk).status, run_of(run_id).status) == ("cancelled", "failed")


def test_the_job_settles_a_child_by_itself():
    run_id = nested()
    take(run_id)
    pass_time(301)
    assert upkeep_now() == {"settled": 1, "failed": 0, "called": 0}
    assert statuses(child_of(run_id).pk) == ["ready", "pending"]


def test_inputs_are_handed_down():
    wanted = [{"name": "service", "type": "text", "required": True}, {"name": "ref", "type": "text", "required": True}]
    publish({"id": "compile", "instruction": "{{inputs.service}} {{inputs.ref}}"}, name="inner", inputs=wanted)
    publish(BUILD | {"inputs": {"ref": "v{{inputs.number}}"}}, inputs=[wanted[0], wanted[0] | {"name": "number"}])
    run_id = runs.start("ship-it", principal=ADA, inputs={"service": "api", "number": "7"}).pk
    assert take(run_id).instruction == "api v7"


def test_a_child_that_cannot_start_is_a_failure():
    publish({"id": "compile"}, name="inner", preconditions=[{"text": "The moon is full."}])
    run_id = started(BUILD)
    assert runs.next_step(run_id, principal=ADA).state == "waiting"
    assert "confirm_1" in steps_of(run_id)["build"].error


def test_agents_of_a_step_are_those_of_the_procedure_that_carries_it_out():
    run_id = nested(BUILD | {"agents": ["ben"]}, SHIP)
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    assert statuses(run_id)[0] == "ready"  # nothing was begun either
    found = take(run_id, BEN)
    assert runs.next_step(found.run.pk, principal=ADA).state == "busy"
    with pytest.raises(Forbidden, match="ben"):
        runs.complete(found.run.pk, "compile", principal=ADA, lease=1)
    with pytest.raises(Forbidden, match="ben"):
        runs.ask_skip(found.run.pk, "compile", principal=ADA, reason="So.")
    do(run_id, BEN)
    do(run_id, BEN)
    assert statuses(run_id) == ["done", "ready", "pending"]
