"""Approvals in the admin: the queue, what is said about each, deciding, and what happens to an answer that is late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents_app.models import Notice
from memoryhub.access.models import AuditEvent
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import Approval
from procedures_app.services import runs
from tests.procedures_app.admin.running import EVERYTHING, approval, run
from tests.procedures_app.following import ADA, BEN, HUB, flag, run_of, started, statuses, take

QUEUE = "/admin/procedures_app/approval/"
HOSTILE = "<script>alert(1)</script>\u202egnp\" onload='x'"
STEPS: tuple[dict[str, Any], ...] = (
    {"id": "test", "evidence": [flag()]},
    {"id": "ship", "instruction": "Ship it when {{steps.test.evidence.passed}}."},
)


@pytest.fixture(autouse=True)
def known(db: None) -> None:
    cache.clear()
    tenants.ensure(principal=HUB, tenant_id="acme")
    for name in ("ada", "ben"):
        agents.ensure(principal=HUB, tenant_id="acme", agent_id=name)


@pytest.fixture
def editor(sign_in: Any) -> Client:
    browser: Client = sign_in("Procedure editor")
    return browser


def asked(reason: str = "The test rig is down.", *steps: dict[str, Any], **fields: Any) -> Approval:
    """Ada asks to skip the first step."""
    run_id = started(*(steps or STEPS), **fields)
    return runs.ask_skip(run_id, "test", principal=ADA, reason=reason)


def failed(run_id: UUID | None = None) -> Approval:
    """Ada could not do the first step, and a person is asked at once."""
    found = run_id or started(*STEPS)
    token = take(found).lease_token
    assert token is not None
    runs.fail(found, "test", principal=ADA, lease=token, error="The rig burned down.")
    with behind_walls(EVERYTHING):
        escalation: Approval = Approval.objects.get(run=found, status="pending")
    return escalation


def page(browser: Client, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, address
    return str(answer.content.decode())


def page_of(found: Approval, name: str = "change") -> str:
    return f"{QUEUE}{found.pk}/{name}/"


def decided(browser: Client, found: Approval, choice: str, reason: str = "because", **fields: Any) -> Any:
    form = {"choice": choice, "reason": reason, "run_version": run_of(found.run_id).version}
    return browser.post(page_of(found, "decide"), form | fields)


def fresh(found: Approval) -> Approval:
    with behind_walls(EVERYTHING):
        again: Approval = Approval.objects.get(pk=found.pk)
    return again


def reasons_in(browser: Client, query: str = "") -> list[str]:
    answer = browser.get(f"{QUEUE}?{query}")
    assert answer.status_code == 200
    return [row.reason for row in answer.context["rows"]]


# -- the queue -----------------------------------------------------------------------------------------


def test_the_oldest_comes_first_and_each_view_shows_its_own(sign_in: Any) -> None:
    now, browser = timezone.now(), sign_in("Procedure editor")
    me = User.objects.get(pk=browser.session["_auth_user_id"])
    approval(run(), reason="young")
    approval(run(), reason="old", created_at=now - timedelta(hours=9), assignee=me)
    approval(run(), reason="late", created_at=now - timedelta(hours=1), expires_at=now - timedelta(minutes=1))
    approval(run(), reason="done", status="approved", decided_at=now, decided_by="ben")
    assert reasons_in(browser) == ["old", "late", "young"]
    shown = {view: reasons_in(browser, f"view={view}") for view in ("mine", "unassigned", "overdue", "decided")}
    assert shown == {"mine": ["old"], "unassigned": ["late", "young"], "overdue": ["late"], "decided": ["done"]}
    counts = {tab["title"]: tab["count"] for tab in browser.get(QUEUE).context["tabs"]}
    assert counts == {"Waiting": 3, "Mine": 1, "Unassigned": 2, "Overdue": 1, "Decided": None}


def test_filters_and_tenants_narrow_the_queue(sign_in: Any) -> None:
    one = approval(run("restore"), reason="a", kind="escalation")
    approval(run(tenant="globex"), reason="b", asked_by="hub")
    browser = sign_in("Auditor")
    for query, wanted in (
        ("procedure=restore", ["a"]), ("kind=escalation", ["a"]), ("agent=hub", ["b"]), ("tenant=globex", ["b"]),
        ("q=rest", ["a"]), (f"q={one.pk}", ["a"]), (f"q={one.run_id}", ["a"]), ("q=plums", []),
        ("kind=nonsense&page=x&procedure=restore", ["a"]),
    ):  # fmt: skip
        assert reasons_in(browser, query) == wanted, query
    assert reasons_in(sign_in("Auditor", tenants=["globex"])) == ["b"]
    assert "No approval matches these filters." in page(browser, f"{QUEUE}?q=plums")


def test_an_empty_queue_shows_what_was_decided(editor: Client) -> None:
    assert "Nothing waits for a decision." in page(editor, QUEUE)
    approval(run(), status="refused", decided_at=timezone.now(), decided_by="ben", decision_reason="never again")
    assert "never again" in page(editor, QUEUE)


def test_the_sidebar_and_the_dashboard_say_how_many_wait(editor: Client) -> None:
    def badge() -> Any:
        cache.clear()
        groups = editor.get("/admin/procedures_app/runevent/").context["sidebar_navigation"]
        return next(item for group in groups for item in group["items"] if item["title"] == "Approvals").get("badge")

    assert badge() is None
    approval(run())
    approval(run(), expires_at=timezone.now() - timedelta(hours=1))
    assert badge() == "2"
    lines = {line.title: line for line in editor.get("/admin/").context["waiting"]}
    assert lines["Overdue approval"].urgent
    assert lines["Approvals that runs wait for"].count == 2


def test_a_queue_costs_as_much_for_many(editor: Client, django_assert_max_num_queries: Any) -> None:
    for _ in range(6):
        approval(run())
    with django_assert_max_num_queries(18):
        assert len(reasons_in(editor)) == 6


# -- who may -------------------------------------------------------------------------------------------


def test_only_staff_with_the_permission_decides(sign_in: Any) -> None:
    found = asked()
    for name in ("change", "live"):
        assert Client().get(page_of(found, name)).status_code == 302
        assert sign_in("").get(page_of(found, name)).status_code == 403
    for role in ("Auditor", "Conflict reviewer"):
        browser = sign_in(role)
        assert "not decide them" in page(browser, page_of(found))
        assert decided(browser, found, "approve").status_code == 403
        assert browser.post(reverse("admin:procedures_app_approval_verb", args=[found.pk, "take"])).status_code == 403
    assert sign_in("Procedure editor").get(page_of(found, "decide")).status_code == 405
    tenants.ensure(principal=HUB, tenant_id="globex")
    other = sign_in("Administrator", tenants=["globex"])
    assert decided(other, found, "approve").status_code in (302, 404)
    assert fresh(found).status == "pending"


# -- deciding ------------------------------------------------------------------------------------------


def test_the_page_says_who_why_and_what_skipping_breaks(editor: Client) -> None:
    shown = page(editor, page_of(asked()))
    for words in (
        "Skip a step", "asked by ada", "The test rig is down.", "What skipping it breaks", "passed", "Whether it did.",
        "a later step needs it", "2. Ship", "lapses in 3 days", "The run so far", "Let it be skipped",
    ):  # fmt: skip
        assert words in shown, words


def test_approving_a_skip_lets_the_run_go_on(editor: Client) -> None:
    found = asked()
    answer = decided(editor, found, "approve", "Tested by hand.")
    assert (answer.status_code, answer.headers["Location"]) == (302, QUEUE)
    again = fresh(found)
    assert (again.status, again.decision_reason) == ("approved", "Tested by hand.")
    assert again.decided_by.startswith("staff")
    assert statuses(found.run_id) == ["skipped", "ready"]
    with behind_walls(EVERYTHING):
        assert AuditEvent.objects.filter(action="procedures.approval.approved", object_id=str(found.pk)).exists()


def test_refusing_gives_the_step_back(editor: Client) -> None:
    found = asked()
    assert decided(editor, found, "refuse", "Repair the rig.").status_code == 302
    assert fresh(found).status == "refused"
    assert statuses(found.run_id) == ["ready", "pending"]


@pytest.mark.parametrize(
    ("choice", "after"), [("retry", "running"), ("skip", "running"), ("roll_back", "rolled_back"), ("fail", "failed")]
)
def test_a_failed_step_has_four_ways_on(editor: Client, choice: str, after: str) -> None:
    found = failed()
    shown = page(editor, page_of(found))
    assert "The rig burned down." in shown
    assert all(words in shown for words in ("Try again", "Skip the step", "Roll back", "End as failed"))
    assert decided(editor, found, choice).status_code == 302
    assert (fresh(found).decision, run_of(found.run_id).status) == (choice, after)


def test_a_confirmation_needs_no_reason_and_a_refusal_does(editor: Client) -> None:
    def waiting() -> Approval:
        run_id = started({"id": "sign", "kind": "confirmation"}, {"id": "then"})
        runs.next_step(run_id, principal=ADA)
        with behind_walls(EVERYTHING):
            made: Approval = Approval.objects.get(run=run_id)
        return made

    one = waiting()
    assert "What is to be confirmed" in page(editor, page_of(one))
    assert decided(editor, one, "refuse", "").status_code == 422
    assert decided(editor, one, "approve", "").status_code == 302
    assert fresh(one).status == "approved"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": " "}, "a reason is required"),
        ({"reason": "x" * 501}, "longer than 500"),
        ({"choice": "retry"}, "Choose what to do"),
        ({"choice": ""}, "Choose what to do"),
    ],
)
def test_what_cannot_be_decided_is_said_and_the_reason_stays(editor: Client, fields: Any, says: str) -> None:
    found = asked()
    answer = decided(editor, found, **{"choice": "approve", "reason": "mine", **fields})
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert fresh(found).status == "pending"


def test_after_deciding_the_next_one_is_opened(editor: Client) -> None:
    first, second = asked(), asked(name="other")
    assert decided(editor, first, "approve").headers["Location"] == page_of(second)
    assert "1 of 1" in page(editor, page_of(second))


# -- two at once ---------------------------------------------------------------------------------------


def test_the_second_of_two_is_told_who_was_first_and_keeps_the_reason(editor: Client, sign_in: Any) -> None:
    found = asked()
    version = run_of(found.run_id).version
    ben = sign_in("Procedure editor")
    assert decided(ben, found, "approve", "calm it is").status_code == 302
    answer = decided(editor, found, "refuse", "my own reason", run_version=version)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "approved it at" in shown
    assert "calm it is" in shown
    assert "Your decision was not saved" in shown
    assert "my own reason" in shown
    assert fresh(found).status == "approved"


def test_a_run_that_moved_is_looked_at_again(editor: Client) -> None:
    found = asked()
    runs.pause(found.run_id, principal=ADA, reason="wait")
    runs.resume(found.run_id, principal=ADA)
    answer = decided(editor, found, "approve", "seen before", run_version=found.run_version)
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "The run went on since you looked." in shown
    assert 'value="seen before"' in shown
    assert f'name="run_version" value="{run_of(found.run_id).version}"' in shown
    assert decided(editor, found, "approve", "seen before").status_code == 302


def test_a_paused_run_is_not_decided_about(editor: Client) -> None:
    found = asked()
    runs.pause(found.run_id, principal=ADA, reason="wait")
    answer = decided(editor, found, "approve", "mine")
    assert answer.status_code == 422
    assert "paused" in answer.content.decode()
    assert 'value="mine"' in answer.content.decode()


def test_an_open_page_hears_what_became_of_it(editor: Client, sign_in: Any) -> None:
    found = asked()
    version = run_of(found.run_id).version
    assert editor.get(f"{page_of(found, 'live')}?version={version}").status_code == 204
    decided(sign_in("Procedure editor"), found, "approve", "go")
    assert "approved it at" in page(editor, f"{page_of(found, 'live')}?version={version}")


def test_people_at_the_same_approval_see_each_other(editor: Client, sign_in: Any) -> None:
    found, ben = asked(), sign_in("Procedure editor")

    def says(browser: Client, **fields: str) -> str:
        answer = browser.post(page_of(found, "present"), fields)
        return str(answer.content.decode())

    assert "is viewing" not in says(editor)
    assert "is viewing" in says(ben, editing="yes")
    assert "has unsaved changes" in says(editor)
    assert "has unsaved changes" in page(editor, page_of(found))
    assert "deploy" not in page(editor, "/admin/agents_app/presence/")
    assert "ship-it, step test" in page(editor, "/admin/agents_app/presence/")
    assert says(ben, leaving="yes") == ""
    assert "has unsaved changes" not in says(editor)
    assert sign_in("Auditor").post(page_of(found, "present")).status_code == 403


# -- taking and giving ---------------------------------------------------------------------------------


def test_it_is_taken_and_given_and_who_gets_it_is_told(editor: Client, sign_in: Any) -> None:
    found, ben = asked(), sign_in("Procedure editor")
    name = User.objects.get(pk=ben.session["_auth_user_id"]).username

    def press(verb: str, **fields: Any) -> str:
        address = reverse("admin:procedures_app_approval_verb", args=[found.pk, verb])
        return str(editor.post(address, fields, follow=True).content.decode())

    assert "It is yours now." in press("take")
    assert f"{name} has it now." in press("assign", assignee=name)
    assert "Nobody of that name" in press("assign", assignee="eve")
    with behind_walls(EVERYTHING):
        told = {(one.reason, one.recipient_id) for one in Notice.objects.filter(subject_id=found.pk)}
    assert told == {("asked", None), ("assigned", fresh(found).assignee_id)}
    assert reasons_in(ben, "view=mine") == ["The test rig is down."]
    decided(editor, found, "approve")
    assert "decided this already" in press("assign", assignee="").lower()


# -- steering a run --------------------------------------------------------------------------------------


def test_people_pause_resume_and_cancel_with_a_reason(editor: Client, sign_in: Any) -> None:
    run_id = started(*STEPS, principal=BEN)

    def press(verb: str, browser: Client = editor, reason: str = "the rig is checked") -> Any:
        address = reverse("admin:procedures_app_run_verb", args=[run_id, verb])
        return browser.post(address, {"reason": reason}, follow=True)

    assert press("pause", sign_in("Auditor")).status_code == 403
    assert "say why" in press("pause", reason="").content.decode()
    assert "Paused" in press("pause").content.decode()
    assert run_of(run_id).status == "paused"
    assert "goes on" in press("resume").content.decode()
    assert "Cancelled" in press("cancel").content.decode()
    ended = run_of(run_id)
    assert (ended.status, ended.outcome_reason) == ("cancelled", "the rig is checked")
    assert editor.get(reverse("admin:procedures_app_run_verb", args=[run_id, "pause"])).status_code == 405
    assert 'data-dialog="verb-cancel"' not in page(editor, f"/admin/procedures_app/run/{run_id}/change/")


def test_what_agents_wrote_stays_text(editor: Client) -> None:
    found = asked(HOSTILE, {"id": "test", "title": HOSTILE[:60], "instruction": HOSTILE}, {"id": "ship"})
    for address in (QUEUE, page_of(found), page_of(found, "live")):
        shown = page(editor, address)
        assert "<script>alert" not in shown
        assert "\u202e" not in shown
