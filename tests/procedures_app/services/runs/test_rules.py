"""What a tenant enforces holds for runs: no older version, no other kind and no step of another procedure avoids it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memoryhub.access.exceptions import Forbidden
from procedures_app.exceptions import ConsultationRequired, ProcedureRequired
from procedures_app.services import enforcement, operations, runs
from tests.procedures_app.conftest import begun
from tests.procedures_app.following import ADA, BOSS, acting_as, do, publish, run_of, started, take

pytestmark = pytest.mark.usefixtures("tenant")
GOVERNOR = acting_as("gov", permissions=frozenset({"read", "write", "admin"}))


def test_a_version_from_before_the_operation_does_not_count():
    publish({"id": "x"}, kind="deploy")
    publish({"id": "x"}, {"id": "y"}, kind="deploy")
    enforcement.set_rule("deploy", principal=BOSS, mode="strict", procedure="ship-it")
    at_work = begun(GOVERNOR, "deploy")
    publish({"id": "x"}, {"id": "z"}, kind="deploy")
    do(runs.start("ship-it", principal=at_work, version=1).pk, at_work)
    with pytest.raises(ProcedureRequired):
        operations.finish(at_work.consultation, principal=at_work, success=True)
    run_id = runs.start("ship-it", principal=at_work, version=2).pk
    do(run_id, at_work)
    do(run_id, at_work)
    assert operations.finish(at_work.consultation, principal=at_work, success=True).operation.status == "succeeded"


def test_an_older_kind_is_no_way_around():
    publish({"id": "x"})
    publish({"id": "x"}, kind="deploy")
    enforcement.set_rule("deploy", principal=BOSS, mode="strict")
    with pytest.raises(Forbidden):
        runs.start("ship-it", principal=ADA, version=1)
    with pytest.raises(ConsultationRequired):
        runs.start("ship-it", principal=GOVERNOR, version=1)


def test_nor_is_a_procedure_around_it():
    publish({"id": "x"}, name="inner", kind="deploy")
    enforcement.set_rule("deploy", principal=BOSS, mode="strict")
    run_id = started({"id": "w", "kind": "procedure", "procedure": "inner"})
    with pytest.raises(ConsultationRequired):
        runs.next_step(run_id, principal=ADA)
    at_work = begun(ADA, "deploy")
    take(run_id, at_work)
    assert do(run_id, at_work).status == "completed"


def test_the_run_above_may_stand_for_the_operation():
    publish({"id": "x"}, name="inner", kind="deploy")
    publish({"id": "w", "kind": "procedure", "procedure": "inner"}, kind="deploy")
    enforcement.set_rule("deploy", principal=BOSS, mode="strict")
    at_work = begun(ADA, "deploy")
    run_id = runs.start("ship-it", principal=at_work).pk
    do(run_id, replace(at_work, consultation=""))
    assert run_of(run_id).status == "completed"


def test_a_rule_may_demand_a_procedure_of_another_kind():
    publish({"id": "x"})
    enforcement.set_rule("deploy", principal=BOSS, mode="strict", procedure="ship-it")
    at_work = begun(ADA, "deploy")
    do(runs.start("ship-it", principal=at_work).pk, at_work)
    assert operations.finish(at_work.consultation, principal=at_work, success=True).operation.status == "succeeded"
