"""Runs in the admin: what stands in which view, the page of one, and what it gives a reader who follows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from memoryhub.access.templatetags.hub import who
from memoryhub.access.walls import behind_walls
from procedures_app.models import Run, StepRun
from procedures_app.templatetags.runs import inputs_line
from tests.procedures_app.admin.running import EVERYTHING, approval, happened, run

LIST = "/admin/procedures_app/run/"
HOSTILE = "<script>alert(1)</script>\u202egnp\" onload='x'"


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


def page_of(found: Run, name: str = "change") -> str:
    return f"{LIST}{found.pk}/{name}/"


def agents_in(browser: Client, query: str) -> list[str]:
    answer = browser.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return [row.run.agent_id for row in answer.context["rows"]]


def step_of(found: Run, step_id: str = "ship", **fields: Any) -> None:
    with behind_walls(EVERYTHING):
        StepRun.objects.filter(run=found, step_id=step_id).update(**fields)


def test_only_staff_that_may_see_runs_gets_in(db: None, sign_in: Any) -> None:
    one = run()
    run("restore", tenant="globex")
    for address in (LIST, page_of(one), page_of(one, "live")):
        assert Client().get(address).status_code == 302
        assert sign_in("").get(address).status_code == 403
        assert sign_in(tenants=["globex"]).get(address).status_code in (200, 302, 404)
        assert "Deploy" not in sign_in(tenants=["globex"]).get(address).content.decode()
    for role in ("Conflict reviewer", "Procedure editor", "Auditor", "Administrator"):
        assert "Deploy" in page(sign_in(role), page_of(one))


def test_each_view_shows_its_runs_and_counts_them(db: None, sign_in: Any) -> None:
    now = timezone.now()
    run(agent_id="open")
    approval(run(agent_id="waiting"))
    run(agent_id="failed", status="failed", finished_at=now, ago=60)
    run(agent_id="completed", status="completed", finished_at=now, compliant=True, ago=30)
    lapsed = run(agent_id="lapsed")
    step_of(lapsed, lease_expires_at=now - timedelta(minutes=6))
    quiet = run(agent_id="quiet", ago=90)
    step_of(quiet, status="ready", lease_expires_at=None)
    browser = sign_in("Auditor")
    shown = {view: set(agents_in(browser, f"view={view}")) for view in ("open", "waiting", "stuck", "failed", "over")}
    assert shown == {
        "open": {"open", "waiting", "lapsed", "quiet"},
        "waiting": {"waiting"},
        "stuck": {"lapsed", "quiet"},
        "failed": {"failed"},
        "over": {"failed", "completed"},
    }
    assert len(agents_in(browser, "view=all")) == 6
    counts = {tab["title"]: tab["count"] for tab in browser.get(LIST).context["tabs"]}
    assert counts == {
        "Open": 4, "Waits for a person": 1, "Stuck": 2, "Failed": None, "Over": None, "All": None,
    }  # fmt: skip


def test_who_works_and_who_waits_its_turn_is_not_stuck(db: None, sign_in: Any) -> None:
    working, later, above = (
        run(agent_id="working", ago=90),
        run(agent_id="later", ago=90),
        run(agent_id="above", ago=90),
    )
    step_of(later, status="ready", next_attempt_at=timezone.now() + timedelta(minutes=9))
    step_of(above, status="in_progress", lease_expires_at=None)
    with behind_walls(EVERYTHING):
        run("below", agent_id="below", parent=above.steps.get(step_id="ship"))
    assert working.status == "running"
    assert agents_in(sign_in("Auditor"), "view=stuck") == []


def test_filters_narrow_the_list(db: None, sign_in: Any) -> None:
    one, browser = run(agent_id="a"), sign_in("Auditor")
    run("restore", agent_id="b", status="paused"), run(agent_id="c", tenant="globex")
    for query, wanted in (
        ("procedure=restore", ["b"]),
        ("agent=a", ["a"]),
        ("status=paused", ["b"]),
        ("tenant=globex", ["c"]),
        ("q=REST", ["b"]),
        (f"q={one.pk}", ["a"]),
        ("q=nothing", []),
        ("status=nonsense&view=nonsense&page=x&agent=a", ["a"]),
    ):
        assert agents_in(browser, query) == wanted, query
    assert agents_in(sign_in("Auditor", tenants=["globex"]), "") == ["c"]


def test_a_page_says_how_far_it_is_and_who_has_it(db: None, sign_in: Any) -> None:
    one = run()
    happened(one, "step.refused", step_id="tell", detail={"attempted": "tell", "required_step": "ship"})
    shown = page(sign_in("Auditor"), page_of(one))
    for words in (
        "Step 2 of 3, Ship: in progress", "1 of 3 finished", "deploy-bot", "4.2", "still wanted: version", "search",
        "as written so far", "Something out of order was refused", "required step",
    ):  # fmt: skip
        assert words in shown, words


def test_an_open_question_leads_to_its_decision(db: None, sign_in: Any) -> None:
    one = run()
    asked = approval(one)
    shown = page(sign_in("Procedure editor"), page_of(one))
    assert f"/admin/procedures_app/approval/{asked.pk}/change/" in shown
    assert "Decide</a>" in shown
    assert "Decide</a>" not in page(sign_in("Auditor"), page_of(one))


def test_who_follows_gets_what_is_new_and_nothing_otherwise(db: None, sign_in: Any) -> None:
    one, browser = run(), sign_in("Auditor")
    assert browser.get(f"{page_of(one, 'live')}?version=1.1").status_code == 204
    with behind_walls(EVERYTHING):
        Run.objects.filter(pk=one.pk).update(version=2)
    parts = page(browser, f"{page_of(one, 'live')}?version=1.1")
    assert 'data-version="2.1"' in parts
    assert "<html" not in parts
    assert browser.post(page_of(one, "live")).status_code == 405


def test_a_page_costs_as_much_for_many_steps(db: None, sign_in: Any, django_assert_max_num_queries: Any) -> None:
    browser = sign_in("Auditor")
    one = run(steps={f"s{number}": "done" for number in range(30)})
    for _ in range(3):
        run("other")
    with django_assert_max_num_queries(16):
        browser.get(page_of(one, "live"))
    with django_assert_max_num_queries(20):
        assert len(agents_in(browser, "")) == 4


def test_what_agents_wrote_stays_text(db: None, sign_in: Any) -> None:
    one = run(inputs={HOSTILE: HOSTILE}, agent_id=HOSTILE, outcome_reason=HOSTILE)
    step_of(one, error=HOSTILE, evidence={HOSTILE: HOSTILE}, output={HOSTILE: HOSTILE})
    happened(one, "step.failed", detail={"error": HOSTILE})
    approval(one, reason=HOSTILE, asked_by=HOSTILE)
    browser = sign_in("Auditor")
    for address in (LIST, page_of(one), page_of(one, "live")):
        shown = page(browser, address)
        assert "<script>alert" not in shown
        assert "\u202e" not in shown


def test_the_dashboard_tells_of_runs_that_failed_and_are_stuck(db: None, sign_in: Any) -> None:
    now, browser = timezone.now(), sign_in("Auditor")
    assert not waiting(browser)
    failed = run(status="failed", finished_at=now - timedelta(hours=3), ago=300)
    run(status="failed", finished_at=now - timedelta(days=2), ago=3000)
    quiet = run(ago=120)
    step_of(quiet, status="ready", lease_expires_at=None)
    lines = waiting(browser)
    assert [*lines] == ["Failed run", "Stuck run"]
    assert lines["Failed run"].urgent
    assert lines["Failed run"].link == page_of(failed)
    assert lines["Stuck run"].detail == "Nobody goes on with deploy since 2 hours ago."


def waiting(browser: Client) -> dict[str, Any]:
    found = browser.get("/admin/").context["waiting"]
    return {one.title: one for one in found if one.link.startswith("/admin/procedures_app/")}


@pytest.mark.parametrize("model", ["steprun", "runevent"])
def test_steps_and_events_of_all_runs_are_looked_up(model: str, db: None, sign_in: Any) -> None:
    one, browser = run(), sign_in("Auditor")
    assert "deploy-bot" in page(browser, f"/admin/procedures_app/{model}/?q={one.pk}")
    with behind_walls(EVERYTHING):
        row: Any = one.steps.first() if model == "steprun" else one.events.first()
    assert "Run" in page(browser, f"/admin/procedures_app/{model}/{row.pk}/change/")


@pytest.mark.parametrize("model", ["steprun", "runevent"])
def test_lists_of_all_runs_name_the_procedure_and_cost_the_same_however_long(
    model: str, db: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser, address = sign_in("Auditor"), f"/admin/procedures_app/{model}/"
    assert "Agents start runs" in page(browser, address) or model == "runevent"
    for number in range(4):
        run(f"procedure-{number}")
    assert "procedure-3" in page(browser, address)
    with django_assert_max_num_queries(18):
        browser.get(address)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("", "the hub"),
        ("system:jobs.runs_upkeep", "the hub"),
        ("ada", "ada"),
        ("key:01a1fdb6-a372-7e3c-8b6f-32e3c560a330", "a key without a name (…a330)"),
    ],
)
def test_who_did_it_is_said_for_people(name: str, shown: str) -> None:
    assert who(name) == shown


def test_inputs_that_tell_runs_apart_stand_on_one_line() -> None:
    given = {"build": "4.2", "confirm_1": True, "urgent": False, "tries": 3, "confirm_words": "x"}
    assert inputs_line(given) == "4.2, urgent: no, tries: 3, x"
