"""Procedures as steps of others: a run of their own, taken through the parent's next."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from memoryhub.access.exceptions import Forbidden
from memoryhub.access.principals import Principal
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


def test_who_came_to_the_step_does_not_steer_its_run():
    run_id = nested()
    take(run_id, BEN)
    child = child_of(run_id)
    assert child.agent_id == "ben"
    for steer in (runs.pause, runs.cancel):
        with pytest.raises(Forbidden, match="Only ada or an administrator"):
            steer(child.pk, principal=BEN, reason="Mine.")
    runs.pause(child.pk, principal=ADA, reason="Lunch.")
    assert runs.next_step(run_id, principal=BEN).state == "paused"
    runs.resume(child.pk, principal=ADA)
    assert take(run_id, BEN).step


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


# -- rolling back -------------------------------------------------------------------------------------


def undo(name: str, **fields: Any) -> dict[str, Any]:
    return {"title": f"Undo {name}", "instruction": f"Undo {name}."} | fields


INNER = ({"id": "compile", "rollback": undo("compile")}, {"id": "look"}, {"id": "sign", "rollback": undo("sign")})


def rolling_back(build: dict[str, Any] = BUILD, *, inner: tuple[dict[str, Any], ...] = INNER) -> UUID:
    """A run that is rolled back after its second step, a procedure, was done."""
    publish(*inner, name="inner")
    plan = {"id": "plan", "rollback": undo("plan")}
    run_id = started(plan, build, {"id": "ship", "on_failure": "roll_back"})
    for _ in range(1 + len(inner)):
        do(run_id)
    taken = take(run_id)
    assert taken.step
    assert taken.lease_token
    runs.fail(run_id, taken.step.step_id, principal=ADA, lease=taken.lease_token, error="It broke.")
    return run_id


def undone_by(run_id: UUID, agent: Principal = ADA) -> list[str]:
    """Takes and completes what there is; the instructions."""
    done = []
    while (found := runs.next_step(run_id, principal=agent)).state == "step":
        done.append(found.instruction)
        do(run_id, agent)
    return done


def test_a_completed_child_is_undone_in_reverse():
    run_id = rolling_back()
    child = child_of(run_id)
    assert (run_of(run_id).status, statuses(run_id)) == ("rolling_back", ["done", "rolling_back", "failed"])
    assert (child.status, child.finished_at, child.compliant) == ("rolling_back", None, None)
    first = take(run_id)
    assert (first.run.pk, first.todo and first.todo.undoing) == (child.pk, True)
    assert runs.next_step(run_id, principal=BEN).state == "busy"
    pass_time(301)  # whoever had it died
    assert undone_by(run_id, BEN) == ["Undo sign.", "Undo compile.", "Undo plan."]
    assert (run_of(run_id).status, statuses(run_id)) == ("rolled_back", ["rolled_back", "rolled_back", "failed"])
    assert (run_of(child.pk).status, statuses(child.pk)) == ("rolled_back", ["rolled_back", "done", "rolled_back"])
    assert run_of(child.pk).compliant is False
    undoing = ["step.taken", "step.lapsed", *["step.taken", "step.rolled_back"] * 2, "run.rolled_back"]
    assert events_of(child.pk)[-8:] == ["run.rolling_back", *undoing]


def test_a_step_that_says_how_to_undo_its_procedure_is_undone_so():
    run_id = rolling_back(BUILD | {"rollback": undo("all of it")})
    assert undone_by(run_id) == ["Undo all of it.", "Undo plan."]
    assert (run_of(run_id).status, child_of(run_id).status) == ("rolled_back", "completed")


def test_a_child_with_nothing_to_undo_stays_as_it_is():
    run_id = rolling_back(inner=({"id": "look"},))
    assert undone_by(run_id) == ["Undo plan."]
    assert statuses(run_id) == ["rolled_back", "done", "failed"]
    assert (run_of(run_id).status, child_of(run_id).status) == ("rolled_back", "completed")


def test_a_child_of_a_child_is_undone_too():
    publish({"id": "deep", "rollback": undo("deep")}, name="innermost")
    run_id = rolling_back(inner=({"id": "sub", "kind": "procedure", "procedure": "innermost"},))
    assert undone_by(run_id) == ["Undo deep.", "Undo plan."]
    with behind_walls(HUB):
        assert set(Run.objects.values_list("status", flat=True)) == {"rolled_back"}


def test_what_a_child_cannot_undo_stays_and_the_rest_is_undone():
    run_id = rolling_back()
    child = child_of(run_id)
    lease = take(run_id).lease_token or 0
    runs.fail(child.pk, "sign", principal=ADA, lease=lease, error="Cannot.")
    assert run_of(run_id).status == "rolling_back"
    assert runs.next_step(run_id, principal=ADA).state == "waiting"
    decide(child.pk, decision="fail")
    assert (run_of(child.pk).status, statuses(run_id)) == ("failed", ["rolling_back", "done", "failed"])
    assert undone_by(run_id) == ["Undo plan."]
    assert (run_of(run_id).status, statuses(run_id)) == ("failed", ["rolled_back", "done", "failed"])
    assert steps_of(run_id)["build"].error.startswith("Not rolled back: inner failed")


@pytest.mark.parametrize("refused_before", [False, True])
def test_a_child_need_not_be_undone_where_a_person_says_so(refused_before: bool):
    run_id = rolling_back()
    child = child_of(run_id)
    runs.ask_skip(run_id, "build", principal=ADA, reason="It may stay.")
    if refused_before:
        decide(run_id, approve=False)
        assert statuses(run_id)[1] == "rolling_back"
        assert take(run_id).instruction == "Undo sign."
        runs.ask_skip(run_id, "build", principal=ADA, reason="It may stay.")
    decide(run_id)
    assert (run_of(child.pk).status, statuses(run_id)[1]) == ("cancelled", "done")
    assert undone_by(run_id) == ["Undo plan."]
    assert run_of(run_id).status == "failed"


def test_a_child_that_is_undone_while_a_question_about_that_is_open_counts():
    run_id = rolling_back(inner=INNER[:1])
    taken = take(run_id)
    approval = runs.ask_skip(run_id, "build", principal=ADA, reason="It may stay.")
    said = {"principal": ADA, "lease": taken.lease_token or 0, "evidence": {}}
    runs.complete(taken.run.pk, "compile", **said)  # type: ignore[arg-type]
    assert reread(approval).status == "withdrawn"
    assert statuses(run_id)[:2] == ["rolling_back", "rolled_back"]


def test_a_child_that_is_cancelled_while_it_is_undone_stays():
    run_id = rolling_back()
    runs.cancel(child_of(run_id).pk, principal=BOSS, reason="It may stay.")
    assert undone_by(run_id) == ["Undo plan."]
    assert run_of(run_id).status == "failed"


def test_pausing_and_cancelling_reach_a_child_that_is_undone():
    run_id = rolling_back()
    child = child_of(run_id)
    take(run_id)
    runs.pause(run_id, principal=ADA, reason="Lunch.")
    assert (run_of(child.pk).status, runs.next_step(run_id, principal=ADA).state) == ("paused", "paused")
    runs.resume(run_id, principal=ADA)
    assert (run_of(child.pk).status, run_of(run_id).status) == ("rolling_back", "rolling_back")
    assert take(run_id).instruction == "Undo sign."
    runs.cancel(run_id, principal=ADA, reason="Enough.")
    assert (run_of(child.pk).status, run_of(run_id).status) == ("cancelled", "cancelled")


def test_memory_actions_undo_a_child():
    forget = {"do": "store", "with": {"key": "release", "value": "none"}}
    run_id = rolling_back(inner=({"id": "note", "rollback": undo("note", kind="memory", action=forget)},))
    assert undone_by(run_id) == ["Undo plan."]
    assert (run_of(run_id).status, child_of(run_id).status) == ("rolled_back", "rolled_back")
