"""Steps in their order, each with its evidence, each with one agent at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound, ScopeMissing
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import EvidenceMissing, LeaseLost, PreconditionFailed, RunNotOpen, StepRequired
from procedures_app.models import RunEvent
from procedures_app.services import runs
from sessions_app.models import Session
from tests.procedures_app.following import (
    ADA,
    BEN,
    BOSS,
    HUB,
    acting_as,
    do,
    events_of,
    flag,
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
TEST = {"id": "test", "evidence": [flag()]}
DEPLOY = {"id": "deploy"}
SHIP = {"id": "deploy", "instruction": "Ship {{inputs.service}} ({{inputs.note}})."}
INPUTS = [
    {"name": "service", "type": "text", "required": True},
    {"name": "note", "type": "text", "required": False},
]


def test_steps_come_in_their_order_with_their_evidence_asked_for():
    version = publish(TEST, SHIP, inputs=INPUTS)
    run = runs.start("ship-it", principal=ADA, inputs={"service": "api"})
    assert (run.procedure_version_id, run.status, run.agent_id, run.version) == (version.pk, "running", "ada", 1)
    first = take(run.pk)
    assert first.step is not None
    assert first.todo is not None
    assert (first.step.step_id, first.todo.fields, first.lease_token) == ("test", [flag()], 1)
    runs.complete(run.pk, "test", principal=ADA, lease=1, evidence={"passed": True}, output={"count": 7})
    second = take(run.pk)
    assert second.instruction == "Ship api ((not given))."
    ended = runs.complete(run.pk, "deploy", principal=ADA, lease=1)
    assert (ended.status, ended.compliant, ended.deviations) == ("completed", True, 0)
    assert runs.next_step(run.pk, principal=ADA).state == "over"
    done = steps_of(run.pk)["test"]
    assert (done.evidence, done.output, done.done_by, done.attempts) == ({"passed": True}, {"count": 7}, "ada", 1)
    assert events_of(run.pk) == [
        "run.started",
        "step.taken",
        "step.done",
        "step.taken",
        "step.done",
        "run.completed",
    ]


def test_inputs_and_preconditions_are_checked_before_a_run():
    confirmed = {"text": "The backup is fresh."}
    checked = {"text": "Not the router.", "check": {"path": "inputs.service", "op": "not_equals", "value": "router"}}
    publish(TEST, inputs=INPUTS, preconditions=[confirmed, checked])
    with pytest.raises(Invalid) as refused:
        runs.start("ship-it", principal=ADA, inputs={"colour": 1})
    assert {error["field"] for error in refused.value.extra["errors"]} == {
        "inputs.service",
        "inputs.confirm_1",
        "inputs.colour",
    }
    with pytest.raises(PreconditionFailed, match="Not the router"):
        runs.start("ship-it", principal=ADA, inputs={"service": "router", "confirm_1": True})
    assert runs.start("ship-it", principal=ADA, inputs={"service": "api", "confirm_1": True}).status == "running"


def test_another_step_than_the_current_is_refused_and_stays_on_record():
    run_id = started(TEST, DEPLOY)
    found = take(run_id)
    for attempt in (
        lambda: runs.complete(run_id, "deploy", principal=ADA, lease=1),
        lambda: runs.fail(run_id, "deploy", principal=ADA, lease=1, error="x"),
        lambda: runs.ask_skip(run_id, "deploy", principal=ADA, reason="Hurry."),
        lambda: runs.ask_deviation(run_id, "deploy", principal=ADA, reason="Hurry.", proposal="Ask Ben."),
        lambda: runs.complete(run_id, "deploy", principal=ADA, lease=1),
    ):
        with pytest.raises(StepRequired) as refused:
            attempt()
        assert refused.value.extra["required_step"] == "test"
    with behind_walls(HUB):
        noted = list(RunEvent.objects.filter(event="step.refused").order_by("number").values_list("detail", "actor"))
    assert noted == [
        ({"attempted": name, "required_step": "test"}, "ada") for name in ("complete", "fail", "skip", "deviate")
    ]
    assert run_of(run_id).version == found.run.version  # nothing moved
    assert events_of(run_id)[-1] == "step.refused"


def test_evidence_that_lacks_or_does_not_fit_is_refused():
    run_id = started(TEST)
    lease = take(run_id).lease_token
    assert lease
    for evidence in ({}, {"passed": False}, {"passed": "yes"}, {"passed": True, "more": 1}):
        with pytest.raises(EvidenceMissing) as refused:
            runs.complete(run_id, "test", principal=ADA, lease=lease, evidence=evidence)
        assert refused.value.extra["required_step"] == "test"
        assert all(error["field"].startswith("evidence.") for error in refused.value.extra["errors"])
    assert statuses(run_id) == ["in_progress"]


def test_a_step_has_one_holder_and_a_dead_ones_step_is_taken_over():
    run_id = started(TEST, DEPLOY)
    first = take(run_id, lease_seconds=60)
    assert take(run_id, lease_seconds=60).lease_token == first.lease_token  # asking again keeps it
    waiting = runs.next_step(run_id, principal=BEN)
    assert (waiting.state, waiting.lease_token) == ("busy", None)
    assert waiting.retry_after
    pass_time(61)
    with pytest.raises(LeaseLost):
        runs.complete(run_id, "test", principal=ADA, lease=1, evidence={"passed": True})
    second = take(run_id, BEN)
    assert (second.lease_token, steps_of(run_id)["test"].attempts) == (2, 2)
    for principal, lease in ((ADA, 1), (ADA, 2), (BEN, 1)):
        with pytest.raises(LeaseLost):
            runs.complete(run_id, "test", principal=principal, lease=lease, evidence={"passed": True})
    runs.complete(run_id, "test", principal=BEN, lease=2, evidence={"passed": True})
    assert events_of(run_id) == ["run.started", "step.taken", "step.lapsed", "step.taken", "step.done"]


def test_a_completion_may_be_repeated_by_the_lease_that_made_it():
    run_id = started(TEST, DEPLOY)
    take(run_id)
    done = runs.complete(run_id, "test", principal=ADA, lease=1, evidence={"passed": True})
    again = runs.complete(run_id, "test", principal=ADA, lease=1, evidence={"passed": True})
    assert (again.version, again.status) == (done.version, "running")
    with pytest.raises(LeaseLost):
        runs.complete(run_id, "test", principal=BEN, lease=1, evidence={"passed": True})
    with pytest.raises(StepRequired):
        runs.complete(run_id, "test", principal=ADA, lease=9, evidence={"passed": True})
    do(run_id)
    assert runs.complete(run_id, "deploy", principal=ADA, lease=1, evidence={}).status == "completed"
    with pytest.raises(RunNotOpen):
        runs.complete(run_id, "deploy", principal=ADA, lease=2, evidence={})


def test_a_lease_is_renewed_and_given_back():
    run_id = started(TEST)
    take(run_id, lease_seconds=60)
    pass_time(50)
    runs.renew(run_id, "test", principal=ADA, lease=1, lease_seconds=60)
    pass_time(50)
    with pytest.raises(LeaseLost):
        runs.release(run_id, "test", principal=BEN, lease=1)
    runs.release(run_id, "test", principal=ADA, lease=1)
    assert steps_of(run_id)["test"].attempts == 0
    assert take(run_id, BEN).lease_token == 2
    for seconds in (0, 10**6):
        with pytest.raises(Invalid):
            runs.renew(run_id, "test", principal=BEN, lease=2, lease_seconds=seconds)


def test_the_job_notices_that_a_lease_ended():
    run_id = started(TEST)
    take(run_id, lease_seconds=60)
    assert upkeep_now()["settled"] == 0
    pass_time(61)
    assert upkeep_now()["settled"] == 1
    assert statuses(run_id) == ["ready"]
    assert upkeep_now()["settled"] == 0


def test_a_step_may_be_for_some_agents_alone():
    run_id = started({"id": "test", "agents": ["ben"]}, DEPLOY)
    assert runs.next_step(run_id, principal=ADA).state == "busy"
    take(run_id, BEN)
    with pytest.raises(Forbidden, match="ben"):
        runs.complete(run_id, "test", principal=ADA, lease=1)
    with pytest.raises(Forbidden):
        runs.ask_skip(run_id, "test", principal=ADA, reason="Hurry.")
    runs.complete(run_id, "test", principal=BEN, lease=1)
    assert do(run_id).status == "completed"


def test_preconditions_of_steps_leave_out_or_confirm():
    only_api = {"path": "inputs.service", "op": "equals", "value": "api"}
    publish(
        {"id": "smoke", "preconditions": [{"text": "Only for the API.", "check": only_api, "otherwise": "skip"}]},
        {"id": "deploy", "preconditions": [{"text": "Nobody else deploys."}]},
        inputs=INPUTS,
    )
    run_id = runs.start("ship-it", principal=ADA, inputs={"service": "web"}).pk
    assert statuses(run_id) == ["not_applicable", "ready"]
    take(run_id)
    with pytest.raises(EvidenceMissing, match="confirm_1"):
        runs.complete(run_id, "deploy", principal=ADA, lease=1)
    ended = runs.complete(run_id, "deploy", principal=ADA, lease=1, evidence={"confirm_1": True})
    assert (ended.status, ended.compliant) == ("completed", True)


def test_a_run_about_a_user_is_for_those_who_name_the_user():
    publish(TEST)
    run = runs.start("ship-it", principal=ADA.naming(user_id="pat"))
    assert runs.next_step(run.pk, principal=BEN.naming(user_id="pat")).state == "step"
    for stranger in (BEN, BEN.naming(user_id="quinn"), acting_as("ben", tenant_id="other")):
        with pytest.raises(NotFound):
            runs.next_step(run.pk, principal=stranger)
    with pytest.raises(NotFound):
        runs.next_step(uuid4(), principal=ADA)
    with pytest.raises(NotFound, match="Its steps are: test"):
        runs.complete(run.pk, "nothing", principal=BEN.naming(user_id="pat"), lease=1)


def test_only_who_may_write_takes_part():
    run_id = started(TEST)
    reader = acting_as("rea", permissions=frozenset({"read"}))
    with pytest.raises(ScopeMissing):
        runs.next_step(run_id, principal=reader)
    with pytest.raises(ScopeMissing):
        runs.start("ship-it", principal=reader)


def test_a_run_stays_on_its_version():
    run_id = started(TEST)
    publish(TEST, DEPLOY)
    assert do(run_id).status == "completed"
    assert runs.start("ship-it", principal=BOSS, version=1).procedure_version.number == 1
    with pytest.raises(Forbidden) as refused:
        runs.start("ship-it", principal=ADA, version=1)
    assert refused.value.code == "version_not_current"
    assert runs.start("ship-it", principal=ADA).procedure_version.number == 2
    with pytest.raises(NotFound):
        runs.start("ship-it", principal=ADA, version=3)


def test_a_run_in_a_users_session_is_that_users():
    with behind_walls(HUB):
        Session.objects.create(tenant_id="acme", session_id="s1", user_id="uma")
    run_id = started(TEST, principal=acting_as("ada", named_session="s1"))
    assert (run_of(run_id).user_id, run_of(run_id).session_id) == ("uma", "s1")
    with pytest.raises(NotFound):
        runs.next_step(run_id, principal=BEN)


@pytest.mark.parametrize("other", [{"name": "ada"}, {"name": "ci"}, {"name": "ci", "kind": "staff", "key_id": None}])
def test_a_step_is_its_holders_and_not_of_whoever_has_the_name(other: dict[str, Any]):
    ci = replace(acting_as(None), name="ci", key_id=uuid4())
    mine = ADA if other["name"] == "ada" else ci
    run_id = started({"id": "test"})
    lease = take(run_id, mine).lease_token or 0
    namesake = replace(acting_as(None), **{"key_id": uuid4()} | other)
    assert runs.next_step(run_id, principal=namesake).state == "busy"
    with pytest.raises(LeaseLost):
        runs.complete(run_id, "test", principal=namesake, lease=lease)
    with pytest.raises(LeaseLost):
        runs.ask_skip(run_id, "test", principal=namesake, reason="So.")
    assert runs.complete(run_id, "test", principal=mine, lease=lease).status == "completed"
