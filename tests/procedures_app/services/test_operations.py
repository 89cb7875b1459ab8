"""Operations: begun, finished, abandoned, expired."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound, ScopeMissing
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import ConsultationRequired, OperationEnded, ProcedureRequired
from procedures_app.models import Operation, Procedure, ProcedureVersion, Run, WorkRecord
from procedures_app.services import enforcement, operations, work
from tests.conftest import MakeKey, role
from tests.procedures_app.conftest import Begin, begun, principal_of

pytestmark = pytest.mark.django_db


def begin(principal: Principal, **fields) -> operations.Begun:
    return operations.begin(principal=principal, **{"task": "Deploy v3", "kind": "Deployment"} | fields)


def stored(operation_id, principal: Principal) -> Operation:
    with behind_walls(principal):
        found: Operation = Operation.objects.get(pk=operation_id)
        return found


def test_beginning_gives_a_token_and_keeps_its_digest_alone(agent: Principal):
    made = begin(agent, context={"risk": "low"}, task_id="t-1")
    assert made.token.startswith(f"mhc_{made.operation.pk.hex}_")
    kept = stored(made.operation.pk, agent)
    assert made.token.split("_")[2] not in str(vars(kept))
    assert (kept.kind, kept.status, kept.mode, kept.agent_id) == ("deployment", "begun", "advise", "alden")
    assert (kept.key_id, kept.task_id) == (agent.key_id, "t-1")
    assert kept.guidance == made.guidance
    assert kept.expires_at - kept.begun_at == timedelta(minutes=240)


def test_finishing_writes_the_work_down(agent: Principal):
    made = begin(agent, context={"risk": "low"}, task_id="t-1")
    done = operations.finish(made.token, principal=agent, success=True, result={"summary": "v3 is live"})
    assert (done.operation.status, done.captured) == ("succeeded", None)
    assert done.operation.duration_ms is not None
    record = done.work
    assert (record.action, record.kind, record.input) == ("Deploy v3", "deployment", {"risk": "low"})
    assert (record.operation_id, record.task_id, record.success) == (made.operation.pk, "t-1", True)
    again = begin(agent, task_id="t-1")
    assert again.guidance["already_done"]["by"] == "task_id"
    assert "v3 is live" in again.guidance["already_done"]["says"]


def test_the_same_said_again_answers_the_same(agent: Principal):
    made = begin(agent)
    said: dict[str, Any] = {"success": False, "result": {"n": 1}, "error": "boom"}
    first = operations.finish(made.token, principal=agent, **said)
    again = operations.finish(made.token, principal=agent, **said, duration_ms=5)
    assert again.work.pk == first.work.pk
    assert again.operation.duration_ms == first.operation.duration_ms
    others: list[dict[str, Any]] = [{"success": True}, {"result": {"n": 2}}, {"error": "bang"}]
    for other in others:
        with pytest.raises(OperationEnded):
            operations.finish(made.token, principal=agent, **said | other)
    with behind_walls(agent):
        assert WorkRecord.objects.count() == 1


def test_only_its_holder_finishes_it(agent: Principal, make_key: MakeKey):
    made = begin(agent)
    others: list[Principal] = [
        principal_of(make_key(agent="alden")),
        principal_of(make_key(agent="mimic")),
        principal_of(make_key(), "alden"),
        principal_of(make_key(tenant="globex", agent="alden")),
    ]
    for other in others:
        with pytest.raises(NotFound):
            operations.finish(made.token, principal=other, success=True)
    for forged in ("", "mhc_1", f"{made.token[:-1]}{'0' if made.token[-1] != '0' else '1'}"):
        with pytest.raises(NotFound):
            operations.finish(forged, principal=agent, success=True)
    assert stored(made.operation.pk, agent).status == "begun"


def test_an_expired_one_ends_no_more(agent: Principal):
    expired = begun(agent, "deployment", expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(OperationEnded):
        operations.finish(expired.consultation, principal=agent, success=True)


def test_what_the_operation_is_about_stays_with_that_user(agent: Principal):
    made = begin(agent.naming(user_id="pat"))
    done = operations.finish(made.token, principal=agent, success=True)
    assert done.work.user_id == "pat"
    with pytest.raises(NotFound):
        operations.find(made.operation.pk, principal=agent)
    assert operations.find(made.operation.pk, principal=agent.naming(user_id="pat"))


def test_abandoning(agent: Principal, governor: Principal, make_key: MakeKey):
    made = begin(agent)
    mimic = principal_of(make_key(agent="mimic"))
    with pytest.raises(Forbidden):
        operations.abandon(made.operation.pk, principal=mimic)
    ended = operations.abandon(made.operation.pk, principal=principal_of(make_key(agent="alden")), reason="not needed")
    assert (ended.status, ended.error_message) == ("abandoned", "not needed")
    assert operations.abandon(made.operation.pk, principal=governor, reason="late").error_message == "not needed"
    with pytest.raises(OperationEnded):
        operations.finish(made.token, principal=agent, success=True)
    other = begin(agent)
    operations.finish(other.token, principal=agent, success=True)
    with pytest.raises(OperationEnded):
        operations.abandon(other.operation.pk, principal=agent)
    with pytest.raises(NotFound):
        operations.abandon(made.operation.pk, principal=principal_of(make_key(tenant="globex", agent="alden")))


def test_who_abandons_the_work_of_another_goes_on_record(agent: Principal, governor: Principal):
    operations.abandon(begin(agent).operation.pk, principal=agent)
    made = begin(agent)
    operations.abandon(made.operation.pk, principal=governor, reason="It hangs.")
    operations.abandon(made.operation.pk, principal=governor, reason="Again.")
    with behind_walls(governor):
        [row] = AuditEvent.objects.filter(action="procedures.operation.abandoned")
    assert (row.object_id, row.reason, row.old["agent_id"]) == (str(made.operation.pk), "It hangs.", "alden")


def test_what_was_not_finished_in_time_is_abandoned(agent: Principal, make_key: MakeKey):
    other = principal_of(make_key(tenant="globex", agent="alden"))
    late = timezone.now() - timedelta(minutes=1)
    for caller in (agent, agent, other):
        begun(caller, "deployment", expires_at=late)
    begun(agent, "deployment")
    with role("memoryhub_system"):
        slices = [operations.expire(principal=system_principal("jobs"), limit=2)["done"] for _ in range(3)]
    assert slices == [2, 1, 0]
    with behind_walls(agent):
        assert sorted(Operation.objects.values_list("status", flat=True)) == ["abandoned", "abandoned", "begun"]


def followed(name: str, principal: Principal) -> Procedure:
    """A published procedure that a rule can require."""
    with behind_walls(principal):
        procedure = Procedure.objects.create(tenant_id="acme", name=name)
        procedure.current = ProcedureVersion.objects.create(
            tenant_id="acme",
            procedure=procedure,
            number=1,
            status="published",
            published_at=timezone.now(),
            title=name,
            kind="deployment",
        )
        procedure.save(update_fields=["current"])
    return procedure


def ran(procedure: Procedure, operation: Operation, status: str, principal: Principal) -> None:
    with behind_walls(principal):
        Run.objects.create(
            tenant_id="acme",
            procedure=procedure,
            procedure_version_id=str(procedure.current_id),
            operation=operation,
            status=status,
        )


def test_a_required_procedure_is_certain_and_has_to_be_followed(agent: Principal, governor: Principal):
    procedure = followed("roll-out", governor)
    enforcement.set_rule("deployment", principal=governor, mode="strict", procedure="roll-out")
    made = begin(agent)
    best = made.guidance["primary_recommendation"]
    assert (best["name"], best["required"], made.guidance["confidence"]) == ("roll-out", True, 1.0)
    assert (made.operation.procedure, made.operation.procedure_required) == ("roll-out", True)
    consulted = replace(agent, consultation=made.token)
    for status in (None, "running", "failed", "cancelled"):
        if status:
            ran(procedure, made.operation, status, governor)
        with pytest.raises(ProcedureRequired) as refused:
            operations.finish(made.token, principal=agent, success=True)
        with pytest.raises(ProcedureRequired):
            work.record(principal=consulted, action="Deploy v3", kind="deployment", success=True)
    assert refused.value.extra["procedure"] == "roll-out"
    assert refused.value.extra["operation_id"] == str(made.operation.pk)
    elsewhere = begin(agent)
    ran(procedure, elsewhere.operation, "completed", governor)
    with pytest.raises(ProcedureRequired):
        operations.finish(made.token, principal=agent, success=True)
    assert operations.finish(elsewhere.token, principal=agent, success=True).work.success
    assert operations.finish(made.token, principal=agent, success=False).operation.status == "failed"


def test_advice_of_a_rule_wins_but_is_not_certain(agent: Principal, governor: Principal):
    followed("roll-out", governor)
    enforcement.set_rule("deployment", principal=governor, mode="advise", procedure="roll-out")
    made = begin(agent)
    assert made.guidance["primary_recommendation"]["required"] is False
    assert 0.9 < made.guidance["confidence"] < 1
    assert operations.finish(made.token, principal=agent, success=True).work.success


def test_what_may_not_begin(agent: Principal):
    for lacking in ("read", "write"):
        with pytest.raises(ScopeMissing):
            begin(replace(agent, permissions=agent.permissions - {lacking}))
    for wrong in ({"task": " "}, {"task": "x" * 4001}, {"kind": "!"}):
        with pytest.raises(Invalid):
            begin(agent, **wrong)
    with pytest.raises(Invalid):
        operations.finish(begin(agent).token, principal=agent, success=False, error={"type": "E"})


def test_a_finished_one_is_no_consultation(agent: Principal, governor: Principal):
    enforcement.set_rule("deployment", principal=governor, mode="strict")
    made = begin(agent)
    consulted = replace(agent, consultation=made.token)
    assert work.record(principal=consulted, action="Build", kind="deployment").operation == made.operation
    operations.finish(made.token, principal=agent, success=True)
    with pytest.raises(ConsultationRequired):
        work.record(principal=consulted, action="Build", kind="deployment")


def test_what_a_session_alone_leads_to_is_not_kept_for_all(caller: Begin):
    """Nothing says whose the session is, so the operation is everybody's."""
    both = caller(user="uma", named_session="s9")
    work.record(principal=both, action="Explain the zebra diagnosis", output="It is zebraitis.", success=True)
    task = "Explain the zebra diagnosis"
    found = operations.begin(principal=caller(named_session="s9"), task=task).operation
    assert (found.user_id, found.session_id) == (None, "s9")
    assert "zebraitis" not in str(operations.find(found.pk, principal=caller("ben")).guidance)
    assert "zebraitis" in str(operations.begin(principal=both, task=task).guidance)
