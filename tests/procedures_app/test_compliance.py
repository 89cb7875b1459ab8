"""Compliance: what is counted, of which runs, for whom; and its door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.exceptions import Invalid
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app import selectors_compliance as selectors
from procedures_app.models import Run, StepRun
from tests.conftest import MakeClient
from tests.procedures_app import rows
from tests.procedures_app.admin.running import STEPS, approval, happened, run

DOOR = "/memory/procedures/compliance"
JOB = system_principal("test", "acme")
DONE = dict.fromkeys(STEPS, "done")

pytestmark = pytest.mark.usefixtures("tenant")


def ended(minutes: float = 10, took: float = 5, compliant: bool | None = True, **fields: Any) -> Run:
    """A run that began so many minutes ago and is over."""
    at = timezone.now() - timedelta(minutes=minutes - took)
    said: dict[str, Any] = {"status": "completed", "finished_at": at, "compliant": compliant}
    return run(fields.pop("name", "deploy"), ago=minutes, steps=DONE, **said | fields)


def found(principal: Principal = JOB, **asked: Any) -> selectors.Compliance:
    with behind_walls(principal):
        return selectors.compliance(principal=principal, period=selectors.period_of(), **asked)


def test_runs_are_counted_by_outcome_for_procedure_and_agent() -> None:
    for took in (2, 4, 9):
        ended(took=took)
    ended(compliant=False, deviations=2, agent_id="rush-bot")
    ended(status="failed", compliant=False)
    ended(name="restore", status="rolled_back", compliant=False)
    ended(name="restore", status="cancelled", compliant=None)
    run("restore")
    answer = found()
    deploy, restore = answer.procedures["deploy"], answer.procedures["restore"]
    assert list(answer.procedures) == ["deploy", "restore"]
    assert (deploy.counts["started"], deploy.counts["completed"], deploy.counts["failed"]) == (5, 4, 1)
    assert (deploy.counts["over"], deploy.counts["compliant"], deploy.share) == (5, 3, 0.6)
    assert (restore.counts["rolled_back"], restore.counts["cancelled"], restore.counts["under_way"]) == (1, 1, 1)
    assert (restore.share, restore.median_seconds) == (0, None)
    assert deploy.median_seconds == pytest.approx(270, abs=2)
    assert answer.agents["rush-bot"].counts["deviations"] == 2
    assert answer.totals.counts["started"] == 8
    assert answer.titles == {"deploy": "Deploy", "restore": "Restore"}


def test_skips_late_steps_and_refused_shortcuts_are_counted() -> None:
    open_run = run()
    approval(open_run)
    over = ended()
    approval(over, status="approved")
    approval(ended(), status="refused")
    approval(ended(), kind="confirmation", status="approved")
    happened(over, selectors.REFUSED, step_id="ship")
    happened(over, "step.taken", step_id="ship")
    with behind_walls(JOB):
        StepRun.objects.filter(run=over, step_id="ship").update(late=True)
    counts = found().procedures["deploy"].counts
    assert (counts["skips_asked"], counts["skips_approved"], counts["skips_refused"]) == (3, 1, 1)
    assert (counts["late_steps"], counts["refused_shortcuts"]) == (1, 1)


def test_work_is_told_apart_by_whether_memory_was_asked() -> None:
    done = rows.operation("acme")
    rows.operation("acme", status="failed")
    rows.operation("acme", status="begun")
    rows.work("acme", operation=done)
    rows.work("acme", agent_id="rush-bot", success=False)
    rows.work("acme", agent_id="rush-bot", kind="migration")
    answer = found()
    assert (answer.work.recorded, answer.work.unconsulted, answer.work.failed) == (3, 2, 1)
    assert answer.work.share == pytest.approx(1 / 3)
    assert [(name, work.unconsulted) for name, work in answer.work_of_agents.items()] == [
        ("rush-bot", 2),
        ("planner", 0),
    ]
    assert answer.kinds["migration"].unconsulted == 1
    assert answer.operations == {"succeeded": 1, "failed": 1, "begun": 1}
    assert found(procedure="deploy").work.recorded == 0


def test_only_the_period_counts_and_only_what_one_may_see() -> None:
    ended(minutes=60 * 24 * 31)
    ended(user_id="maya")
    rows.work("globex")
    agent = Principal(kind="key", name="k", tenant_id="acme", agent_id="a", permissions=frozenset({"read"}))
    assert found().totals.counts["started"] == 1
    assert found(agent).totals.counts["started"] == 0
    assert found(agent.naming(user_id="maya")).totals.counts["started"] == 1
    assert found().work.recorded == 0
    assert found(agent_id="nobody").empty


def test_a_period_is_bounded() -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    assert selectors.period_of(until=now).since == now - timedelta(days=30)
    for since, until in ((now, now), (now, now - timedelta(days=1)), (now - timedelta(days=400), now)):
        with pytest.raises(Invalid):
            selectors.period_of(since, until)


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries: Any) -> None:
    for number in range(4):
        ended(name=f"p{number}", agent_id=f"a{number}")
        rows.work("acme", kind=f"k{number}", agent_id=f"a{number}")
    with behind_walls(JOB), django_assert_max_num_queries(10):
        selectors.compliance(principal=JOB, period=selectors.period_of())


def test_the_door(api: MakeClient, anonymous: Any) -> None:
    ended()
    rows.work("acme")
    client = api(scopes=["read"])
    body = client.get(DOOR).json()
    assert body["procedures"][0]["procedure"] == "deploy"
    assert body["procedures"][0]["compliant_share"] == 1
    assert body["agents"][0]["agent_id"] == "deploy-bot"
    assert body["work"] == {"recorded": 1, "consulted": 0, "unconsulted": 1, "consulted_share": 0, "failed": 0}
    assert client.get(DOOR, {"procedure": "deploy"}).json()["work"] is None
    assert api(tenant="globex").get(DOOR).json()["procedures"] == []
    assert anonymous.get(DOOR).status_code == 401
    assert client.post(DOOR, {}).status_code == 405
    for wrong in ({"since": "yesterday"}, {"since": "2020-01-01T00:00:00Z"}, {"colour": "red"}):
        assert client.get(DOOR, wrong).status_code == 400
