"""Consultations with real transactions: ended while work rests on them, and ended many times at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.exceptions import ConsultationRequired, OperationEnded
from procedures_app.models import Operation, WorkRecord
from procedures_app.services import enforcement, operations, work
from procedures_app.services.consultations import operation_id_of
from tests.concurrency.superuser import superuser
from tests.concurrency.test_entries import in_threads
from tests.procedures_app.conftest import begun
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> Principal:
    tenants.ensure(principal=system_principal("test"), tenant_id="acme")
    permissions = frozenset({"read", "write"})
    enforcement.set_rule("deployment", principal=system_principal("test", "acme"), mode="strict")
    caller = Principal(
        kind="key", name="alden", tenant_id="acme", agent_id="alden", permissions=permissions, key_id=new_id()
    )
    return begun(caller, "deployment")


def finish(agent: Principal) -> operations.Finished:
    try:
        return operations.finish(agent.consultation, principal=agent, success=True, result="live")
    finally:
        connection.close()


def waits_for_a_lock() -> bool:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with superuser() as watcher:
        return bool(watcher.execute(asked).fetchone()[0])  # type: ignore[index]


def test_an_operation_does_not_end_under_the_work_that_rests_on_it(agent: Principal):
    with ThreadPoolExecutor(1) as pool:
        with behind_walls(agent):
            record = work.record(principal=agent, action="Build", kind="deployment")
            ended = pool.submit(finish, agent)
            assert until(waits_for_a_lock, 20, "the other transaction")
            assert not ended.done()
        assert ended.result(20).operation.status == "succeeded"
    with behind_walls(agent):
        assert WorkRecord.objects.get(pk=record.pk).operation_id
    with pytest.raises(ConsultationRequired):
        work.record(principal=agent, action="Build", kind="deployment")


def test_work_that_comes_after_the_end_is_refused_though_it_asked_before(agent: Principal):
    with ThreadPoolExecutor(1) as pool:
        with behind_walls(agent):
            operations.finish(agent.consultation, principal=agent, success=False)
            late = pool.submit(record_late, agent)
            assert until(waits_for_a_lock, 20, "the other transaction")
        assert late.result(20) == "consultation_required"


def record_late(agent: Principal) -> str:
    try:
        work.record(principal=agent, action="Build", kind="deployment")
    except ConsultationRequired as refused:
        return refused.code
    finally:
        connection.close()
    return "recorded"


def test_finishing_many_times_at_once_is_finishing_once(agent: Principal):
    answers: list[Any] = in_threads(
        lambda number: operations.finish(agent.consultation, principal=agent, success=True).work.pk, 6
    )
    assert len(set(answers)) == 1
    with behind_walls(agent):
        assert WorkRecord.objects.count() == 1
        assert Operation.objects.get().status == "succeeded"


def test_one_that_is_abandoned_while_it_is_finished_has_one_end(agent: Principal):
    operation_id = operation_id_of(agent.consultation)

    def end(number: int) -> str:
        try:
            if number % 2:
                operations.abandon(operation_id, principal=replace(agent, consultation=""))
            else:
                operations.finish(agent.consultation, principal=agent, success=True)
        except OperationEnded:
            return "refused"
        return "abandoned" if number % 2 else "succeeded"

    ends = set(in_threads(end, 6)) - {"refused"}
    with behind_walls(agent):
        assert ends == {Operation.objects.get().status}
