"""Pausing, resuming, cancelling: by who started the run, or who governs."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from memoryhub.access.exceptions import Forbidden, Invalid
from procedures_app.exceptions import LeaseLost, ProcedureRetired, RunNotOpen
from procedures_app.services import procedures, runs
from procedures_app.services.runs import approvals
from tests.procedures_app.following import (
    ADA,
    BEN,
    BOSS,
    acting_as,
    decide,
    do,
    events_of,
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
UNDO = {"title": "Undo it", "instruction": "Put it back."}
WHY = "A freeze."


def test_a_paused_run_gives_no_step_and_leases_end():
    run_id = started({"id": "test"}, {"id": "ship"})
    take(run_id)
    run = runs.pause(run_id, principal=ADA, reason=WHY)
    assert (run.status, run.resumes_as, run.outcome_reason) == ("paused", "running", WHY)
    assert runs.pause(run_id, principal=BOSS, reason="Again.").version == run.version
    assert runs.next_step(run_id, principal=ADA).state == "paused"
    with pytest.raises(RunNotOpen, match="paused"):
        runs.complete(run_id, "test", principal=ADA, lease=1)
    with pytest.raises(RunNotOpen):
        runs.ask_skip(run_id, "test", principal=ADA, reason=WHY)
    assert runs.resume(run_id, principal=ADA).status == "running"
    with pytest.raises(LeaseLost):
        runs.complete(run_id, "test", principal=ADA, lease=1)
    do(run_id)
    assert do(run_id).compliant is True
    assert "run.paused" in events_of(run_id)


def test_limits_and_questions_are_longer_by_the_pause():
    run_id = started({"id": "test", "time_limit_seconds": 60, "on_failure": "fail"})
    take(run_id, lease_seconds=600)
    pass_time(50)
    runs.pause(run_id, principal=ADA, reason=WHY)
    pass_time(1000)
    assert upkeep_now()["settled"] == 0
    runs.resume(run_id, principal=ADA)
    take(run_id, lease_seconds=600)
    assert steps_of(run_id)["test"].late is False
    pass_time(11)
    assert runs.next_step(run_id, principal=ADA).state == "over"


def test_a_question_waits_while_the_run_is_paused():
    run_id = started({"id": "test"})
    approval = runs.ask_skip(run_id, "test", principal=ADA, reason=WHY)
    runs.pause(run_id, principal=ADA, reason=WHY)
    with pytest.raises(RunNotOpen, match="paused"):
        decide(run_id)
    pass_time(4 * 86_400)
    assert upkeep_now()["settled"] == 0
    assert runs.resume(run_id, principal=ADA).status == "waiting"
    reread(approval)
    assert approval.status == "pending"
    decide(run_id)
    assert run_of(run_id).status == "completed"


def test_a_question_may_be_withdrawn_during_a_pause():
    run_id = started({"id": "test"})
    approval = runs.ask_skip(run_id, "test", principal=ADA, reason=WHY)
    runs.pause(run_id, principal=ADA, reason=WHY)
    approvals.withdraw(approval.pk, principal=ADA)
    assert (run_of(run_id).status, run_of(run_id).resumes_as) == ("paused", "running")
    assert runs.resume(run_id, principal=ADA).status == "running"


def test_a_retired_procedure_is_not_resumed():
    run_id = started({"id": "test"})
    runs.pause(run_id, principal=ADA, reason=WHY)
    procedures.retire("ship-it", principal=BOSS)
    with pytest.raises(ProcedureRetired):
        runs.resume(run_id, principal=ADA)
    procedures.activate("ship-it", principal=BOSS)
    assert runs.resume(run_id, principal=ADA).status == "running"


def test_a_cancelled_run_stays_so():
    run_id = started({"id": "test"}, {"id": "ship"})
    approval = runs.ask_skip(run_id, "test", principal=ADA, reason=WHY)
    run = runs.cancel(run_id, principal=ADA, reason=WHY)
    assert (run.status, run.compliant, run.outcome_reason) == ("cancelled", False, WHY)
    reread(approval)
    assert (approval.status, statuses(run_id)) == ("withdrawn", ["failed", "pending"])
    assert runs.cancel(run_id, principal=ADA, reason="Again.").version == run.version
    assert runs.next_step(run_id, principal=ADA).state == "over"
    for verb in (runs.pause, runs.resume):
        with pytest.raises(RunNotOpen):
            verb(run_id, principal=ADA, reason=WHY)
    paused = runs.start("ship-it", principal=ADA).pk
    runs.pause(paused, principal=ADA, reason=WHY)
    assert runs.cancel(paused, principal=ADA, reason=WHY).status == "cancelled"


def test_who_may_steer():
    run_id = started({"id": "test"})
    admin = acting_as("boss", permissions=frozenset({"read", "write", "admin"}))
    for verb in (runs.pause, runs.resume, runs.cancel):
        with pytest.raises(Forbidden):
            verb(run_id, principal=BEN, reason=WHY)
    for principal in (ADA, BOSS, admin):
        runs.pause(run_id, principal=principal, reason=WHY)
        runs.resume(run_id, principal=principal)
    for verb in (runs.pause, runs.cancel):
        with pytest.raises(Invalid):
            verb(run_id, principal=ADA, reason=" ")


def test_a_pause_while_rolling_back():
    publish({"id": "a", "rollback": UNDO}, {"id": "b", "on_failure": "roll_back"})
    run_id = runs.start("ship-it", principal=ADA).pk
    do(run_id)
    take(run_id)
    runs.fail(run_id, "b", principal=ADA, lease=1, error="x")
    take(run_id)
    runs.pause(run_id, principal=ADA, reason=WHY)
    assert runs.resume(run_id, principal=ADA).status == "rolling_back"
    assert do(run_id).status == "rolled_back"


def test_a_run_that_no_agent_started_is_steered_by_its_key():
    one, other = (replace(acting_as(None), name="ci", key_id=uuid4()) for _ in range(2))
    run_id = started({"id": "test"}, principal=one)
    for principal in (other, ADA):
        with pytest.raises(Forbidden):
            runs.cancel(run_id, principal=principal, reason=WHY)
    with pytest.raises(Forbidden):
        runs.pause(started({"id": "test"}, name="of-ada"), principal=one, reason=WHY)
    assert runs.cancel(run_id, principal=one, reason=WHY).status == "cancelled"
