"""Steps that fail: tried again, put before a person, rolled back, or the end."""

from __future__ import annotations

from uuid import UUID

import pytest

from memoryhub.access.exceptions import Invalid
from memoryhub.access.walls import behind_walls
from procedures_app.models import CapturedError, Run
from procedures_app.services import runs
from tests.procedures_app.following import (
    ADA,
    BEN,
    HUB,
    acting_as,
    decide,
    do,
    events_of,
    pass_time,
    publish,
    run_of,
    started,
    statuses,
    steps_of,
    take,
    upkeep_now,
)

pytestmark = pytest.mark.usefixtures("tenant")
UNDO = {"kind": "instruction", "title": "Put it back", "instruction": "Undo {{steps.build.evidence.tag}}."}
TAG = {"name": "tag", "type": "text", "required": False}


def fail(run_id: UUID, error: str = "It broke.") -> Run:
    found = take(run_id)
    assert found.step is not None
    assert found.lease_token
    return runs.fail(run_id, found.step.step_id, principal=ADA, lease=found.lease_token, error=error)


def test_a_failed_step_is_tried_again_after_growing_pauses_then_a_person_is_asked():
    run_id = started({"id": "build", "on_failure": "retry", "max_attempts": 3})
    fail(run_id)
    waiting = runs.next_step(run_id, principal=BEN)
    assert (waiting.state, waiting.retry_after) == ("busy", 5)
    pass_time(6)
    fail(run_id)
    pass_time(6)
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    pass_time(6)
    run = fail(run_id, "Still broken.")
    assert (run.status, run.deviations) == ("waiting", 1)
    found = runs.next_step(run_id, principal=ADA)
    assert found.approval is not None
    assert (found.state, found.approval.kind, found.approval.reason) == ("waiting", "escalation", "Still broken.")
    assert found.approval.impact["decisions"] == ["retry", "skip", "roll_back", "fail"]
    with pytest.raises(Invalid, match="retry, skip"):
        decide(run_id)
    decide(run_id, decision="retry")
    ended = do(run_id)
    assert (ended.status, ended.compliant) == ("completed", False)
    assert steps_of(run_id)["build"].attempts == 4


def test_who_escalates_asks_at_once():
    run_id = started({"id": "build", "max_attempts": 3})
    assert fail(run_id).status == "waiting"
    assert decide(run_id, decision="fail").status == "approved"
    assert (run_of(run_id).status, statuses(run_id), run_of(run_id).compliant) == ("failed", ["failed"], False)


def test_a_person_may_let_a_failed_step_be_left_out():
    run_id = started({"id": "build"}, {"id": "ship"})
    fail(run_id)
    decide(run_id, decision="skip")
    assert statuses(run_id) == ["skipped", "ready"]
    ended = do(run_id)
    assert (ended.status, ended.compliant, ended.deviations) == ("completed", False, 2)


def test_a_policy_may_end_the_run():
    run_id = started({"id": "build", "on_failure": "fail"}, {"id": "ship"})
    run = fail(run_id)
    assert (run.status, run.outcome_reason, run.compliant) == ("failed", "It broke.", False)
    assert statuses(run_id) == ["failed", "pending"]
    assert events_of(run_id)[-2:] == ["step.failed", "run.failed"]


def roll_back_started(**build: object) -> UUID:
    run_id = started(
        {"id": "plan"},
        {"id": "build", "rollback": UNDO, "evidence": [TAG]} | build,
        {"id": "stage", "rollback": {"title": "Take it down", "instruction": "Take it down."}},
        {"id": "ship", "on_failure": "roll_back"},
    )
    do(run_id)
    do(run_id, evidence={"tag": "v7"})
    do(run_id)
    assert fail(run_id).status == "rolling_back"
    return run_id


def test_what_was_done_is_undone_in_reverse_order():
    run_id = roll_back_started()
    assert statuses(run_id) == ["done", "done", "rolling_back", "failed"]
    first = take(run_id)
    assert first.todo is not None
    assert (first.instruction, first.todo.undoing, first.todo.title) == ("Take it down.", True, "Take it down")
    do(run_id)
    assert take(run_id).instruction == "Undo v7."
    pass_time(301)  # whoever had it died
    run = do(run_id, BEN)
    assert (run.status, run.compliant, run.outcome_reason) == ("rolled_back", False, "It broke.")
    assert statuses(run_id) == ["done", "rolled_back", "rolled_back", "failed"]
    assert steps_of(run_id)["build"].evidence == {"tag": "v7"}


def test_a_roll_back_that_fails_is_a_persons():
    run_id = roll_back_started()
    run = fail(run_id, "Cannot.")
    assert run.status == "waiting"
    found = runs.next_step(run_id, principal=ADA)
    assert found.approval is not None
    assert found.approval.impact["decisions"] == ["retry", "skip", "fail"]
    decide(run_id, decision="retry")
    fail(run_id, "Cannot.")
    decide(run_id, decision="skip")
    assert statuses(run_id) == ["done", "rolling_back", "done", "failed"]
    run = do(run_id)
    assert run.status == "failed"  # what was skipped is still there
    assert statuses(run_id) == ["done", "rolled_back", "done", "failed"]


def test_a_roll_back_may_be_given_up_and_asked_to_be_skipped():
    run_id = roll_back_started()
    runs.ask_skip(run_id, "stage", principal=ADA, reason="There is no stage.")
    decide(run_id, approve=False)
    assert statuses(run_id)[2] == "rolling_back"
    runs.ask_skip(run_id, "stage", principal=ADA, reason="There is no stage.")
    decide(run_id)
    fail(run_id)
    decide(run_id, decision="fail")
    assert run_of(run_id).status == "failed"


def test_a_person_may_have_it_rolled_back():
    run_id = started({"id": "build", "rollback": UNDO, "evidence": [TAG]}, {"id": "ship"})
    do(run_id, evidence={})
    fail(run_id)
    decide(run_id, decision="roll_back")
    assert take(run_id).instruction == "Undo (not given)."
    assert do(run_id).status == "rolled_back"


@pytest.mark.parametrize(
    ("policy", "status", "step"),
    [
        ("retry", "running", "in_progress"),
        ("escalate", "waiting", "waiting"),
        ("fail", "failed", "failed"),
        ("roll_back", "rolled_back", "failed"),
    ],
)
def test_a_late_step_is_marked_and_its_policy_decides(policy: str, status: str, step: str):
    run_id = started({"id": "build", "time_limit_seconds": 60, "on_failure": policy, "max_attempts": 5})
    pass_time(100)
    take(run_id, lease_seconds=600)  # the limit begins with the first attempt
    assert upkeep_now()["settled"] == 0
    pass_time(61)
    assert upkeep_now()["settled"] == 1
    assert upkeep_now()["settled"] == 0
    run, late = run_of(run_id), steps_of(run_id)["build"]
    assert (run.status, late.status, late.late) == (status, step, True)
    if policy == "retry":
        ended = do(run_id)
        assert (ended.status, ended.compliant, ended.deviations) == ("completed", False, 1)


def test_a_blocking_precondition_fails_the_step_by_its_policy():
    tagged = {"path": "steps.build.evidence.tag", "op": "matches", "value": "v[0-9]+"}
    publish(
        {"id": "build", "evidence": [TAG]},
        {"id": "ship", "preconditions": [{"text": "It is tagged.", "check": tagged}], "on_failure": "retry"},
    )
    run_id = runs.start("ship-it", principal=ADA).pk
    assert do(run_id, evidence={"tag": "new"}).status == "waiting"
    decide(run_id, decision="retry")  # what does not hold is not got round by trying again
    assert run_of(run_id).status == "waiting"
    decide(run_id, decision="fail")
    assert run_of(run_id).status == "failed"
    good = runs.start("ship-it", principal=ADA).pk
    do(good, evidence={"tag": "v7"})
    assert do(good).compliant is True


def test_a_step_that_kills_whoever_takes_it_goes_to_a_person(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("procedures_app.services.runs.moving.MOST_TAKEN", 3)
    run_id = started({"id": "build"})
    for _ in range(3):
        take(run_id)
        pass_time(301)
    found = runs.next_step(run_id, principal=ADA)
    assert found.approval is not None
    assert "taken 3 times" in found.approval.reason


def test_the_error_of_a_run_about_a_user_is_that_users():
    run_id = started({"id": "test"}, principal=ADA.naming(user_id="uma"))
    admin = acting_as("boss", permissions=frozenset({"read", "write", "admin"}))
    lease = take(run_id, admin).lease_token or 0
    runs.fail(run_id, "test", principal=admin, lease=lease, error="uma has illness 42")
    with behind_walls(HUB):
        met = CapturedError.objects.get()
    assert (met.user_id, met.agent_id) == ("uma", "boss")
    with behind_walls(BEN):
        assert not CapturedError.objects.visible_to(BEN).exists()
