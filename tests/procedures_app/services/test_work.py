"""The history of work: recorded, and asked before doing something again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import Invalid, ScopeMissing, TooLarge
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow
from procedures_app.exceptions import ConsultationRequired
from procedures_app.models import WorkRecord
from procedures_app.services import enforcement, work
from sessions_app.services import sessions
from tests.conftest import MakeKey
from tests.procedures_app.conftest import begun, principal_of

pytestmark = pytest.mark.django_db
INVOICE = {"invoice": 17}


def send(principal: Principal, **fields: Any) -> WorkRecord:
    said: dict[str, Any] = {
        "action": "Send the invoice mail",
        "kind": "mail",
        "input": INVOICE,
        "success": True,
        "output": "sent",
    }
    return work.record(principal=principal, **said | fields)


def aged(record: WorkRecord, principal: Principal, **ago: float) -> None:
    with behind_walls(principal):
        WorkRecord.objects.filter(pk=record.pk).update(created_at=timezone.now() - timedelta(**ago))


def test_what_was_done_is_known_and_can_be_searched(agent: Principal):
    record = send(agent, task_id="invoice-17", duration_ms=12)
    assert (record.kind, record.agent_id, record.operation_id) == ("mail", "alden", None)
    with behind_walls(agent):
        row = IndexRow.objects.get(pk=record.pk)
    assert (row.kind, row.category, row.scope) == ("work", "mail", "tenant")
    assert "invoice: 17" in row.content


def test_done_is_told_by_the_name_of_the_task(agent: Principal):
    aged(send(agent, task_id="invoice-17"), agent, days=1)
    found = work.check(principal=agent, task_id="invoice-17")
    assert (found.done, found.by) == (True, "task_id")
    assert found.says.startswith("Done yesterday (")
    assert found.says.endswith("UTC) by alden, with success: sent.")


def test_or_by_the_same_action_with_the_same_input(agent: Principal):
    send(agent)
    found = work.check(principal=agent, action="send the  Invoice mail", input={"invoice": 17.0})
    assert (found.done, found.by) == (True, "input")
    other = work.check(principal=agent, action="Paint the fence", input={"color": "green"})
    assert (other.done, other.by, other.records) == (False, None, [])


def test_or_by_likeness(agent: Principal):
    send(agent, action="Send the invoice mail to Pat", input=None)
    found = work.check(principal=agent, action="Send the invoice mail to Pat.", kind="mail")
    assert (found.done, found.by) == (True, "similarity")
    assert found.likeness is not None
    assert "“Send the invoice mail to Pat”" in found.says


def test_what_failed_was_tried_not_done(agent: Principal):
    send(agent, task_id="t", success=False, output=None, error_message="no such address")
    found = work.check(principal=agent, task_id="t", action="Paint the fence")
    assert (found.done, found.by) == (False, "task_id")
    assert found.says.startswith("Tried just now (")
    assert found.says.endswith("by alden, without success: no such address.")
    send(agent, task_id="t")
    send(agent, task_id="t", success=False)
    assert work.check(principal=agent, task_id="t").done


def test_an_outcome_that_was_not_said_counts_as_done(agent: Principal):
    send(agent, task_id="t", success=None, output=None)
    found = work.check(principal=agent, task_id="t")
    assert found.done
    assert found.says.endswith("by alden, its outcome was not said.")


def test_work_about_a_user_is_for_those_who_name_that_user(agent: Principal, make_key: MakeKey):
    send(agent.naming(user_id="pat"), task_id="t")
    assert not work.check(principal=agent, task_id="t").by
    assert work.check(principal=agent.naming(user_id="pat"), task_id="t").done
    assert not work.check(principal=agent.naming(user_id="ada"), task_id="t", action="Send the invoice mail").by
    boss = principal_of(make_key(agent="boss", scopes=("read", "write", "admin")))
    assert not work.check(principal=boss, task_id="t").by
    other = principal_of(make_key(tenant="globex", agent="alden"))
    assert not work.check(principal=other.naming(user_id="pat"), task_id="t").by


def test_work_in_a_users_session_is_about_that_user(agent: Principal):
    sessions.start(session_id="s", principal=agent.naming(user_id="pat"))
    record = send(agent.naming(session_id="s"), task_id="t")
    assert (record.user_id, record.session_id) == ("pat", "s")
    assert not work.check(principal=agent, task_id="t").by


def test_it_belongs_to_the_operation_that_was_begun_for_it(agent: Principal, governor: Principal):
    consulted = begun(agent, "mail")
    record = send(consulted)
    assert record.operation is not None
    assert send(consulted, kind=None).kind == "mail"
    assert send(agent, kind=None).kind == "general"
    assert send(consulted, kind="other").operation is None


def test_strict_work_is_not_recorded_without(agent: Principal, governor: Principal):
    enforcement.set_rule("mail", principal=governor, mode="strict")
    for attempt in ({}, {"kind": "MAIL"}, {"kind": " mail!"}):
        with pytest.raises(ConsultationRequired):
            send(agent, **attempt)
    with pytest.raises(ConsultationRequired):
        send(begun(agent, "other"))
    with behind_walls(agent):
        assert not WorkRecord.objects.exists()
    assert send(begun(agent, "mail")).operation is not None


def test_what_cannot_be_meant_is_refused(agent: Principal):
    with pytest.raises(Invalid):
        work.check(principal=agent)
    with pytest.raises(TooLarge):
        send(agent, output="x" * 300_000)
    with pytest.raises(ScopeMissing):
        send(replace(agent, permissions=frozenset({"read"})))
    with pytest.raises(ScopeMissing):
        work.check(principal=replace(agent, permissions=frozenset({"write"})), task_id="t")
