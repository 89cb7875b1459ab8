"""Curating knowledge in the admin: verify, edit, solutions, merge, supersede, archive, restore; by whom."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import Knowledge, Solution
from procedures_app.services import knowledge as service
from procedures_app.services import solutions

pytestmark = pytest.mark.usefixtures("tenant")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"read", "write", "admin"}))
AGENT = Principal(
    kind="key", name="k", tenant_id="acme", agent_id="deploy-bot", permissions=frozenset({"read", "write"})
)
POOL = "PoolError: no connection after 31 s"
BUSY = "PoolError: all 20 connections to db-7 are busy"
CURATORS = ["Administrator", "Procedure editor"]


def problem(error: str = POOL, solution: str = "Raise the pool.", **fields: Any) -> Knowledge:
    """As an agent captures it."""
    said = {"title": error[:30], "content": {"error": error}, "knowledge_type": "error_pattern", "solution": solution}
    return service.capture(principal=AGENT, **said | fields).knowledge


def address(knowledge: Knowledge, page: str = "change", *more: str) -> str:
    return reverse(f"admin:procedures_app_knowledge_{page}", args=[knowledge.pk, *more])


def press(browser: Client, knowledge: Knowledge, verb: str, **fields: Any) -> Any:
    return browser.post(address(knowledge, "verb", verb), {"reason": "because"} | fields, follow=True)


def now(knowledge: Knowledge) -> Knowledge:
    with behind_walls(READER):
        return Knowledge.objects.get(pk=knowledge.pk)


def solution_rows(knowledge: Knowledge) -> dict[str, str]:
    with behind_walls(READER):
        return dict(Solution.objects.filter(knowledge=knowledge).values_list("text", "status"))


def first_solution(knowledge: Knowledge) -> Solution:
    with behind_walls(READER):
        return knowledge.solutions.earliest("created_at")


def edited(knowledge: Knowledge, **fields: Any) -> dict[str, Any]:
    """What the form sends of it as it is."""
    said = {name: getattr(knowledge, name) for name in ("title", "problem_description", "knowledge_type", "importance")}
    with behind_walls(READER):
        texts = {f"solution-{each.pk}": each.text for each in knowledge.solutions.filter(status="active")}
    return said | texts | {"tags": ",".join(knowledge.tags), "version": knowledge.version, "reason": ""} | fields


PAGES = ["edit", "add-solution", "merge"]


@pytest.mark.parametrize("page", PAGES)
def test_only_curators_open_the_forms(page: str, sign_in: Any) -> None:
    known = problem()
    assert Client().get(address(known, page)).status_code == 302
    for role in ("Auditor", "Conflict reviewer"):
        browser = sign_in(role)
        assert browser.get(address(known, page)).status_code == 403
        assert browser.post(address(known, page), {"title": "x", "text": "x"}).status_code == 403
        assert "Retire" not in browser.get(address(known)).content.decode()
    for role in CURATORS:
        assert sign_in(role).get(address(known, page)).status_code == 200
    assert now(known).version == known.version


def test_only_curators_press_the_buttons(sign_in: Any) -> None:
    known = problem()
    for verb in ("verify", "archive", "restore-version", "retire-solution"):
        assert Client().post(address(known, "verb", verb)).status_code == 302
        assert sign_in("Auditor").post(address(known, "verb", verb)).status_code == 403
        assert sign_in("Procedure editor").get(address(known, "verb", verb)).status_code == 405
    tenants.ensure(principal=system_principal("test"), tenant_id="globex")
    foreign = sign_in("Administrator", tenants=["globex"])
    assert foreign.post(address(known, "verb", "verify")).status_code == 404
    assert foreign.get(address(known, "edit")).status_code == 404
    assert now(known).status == "active"


@pytest.mark.parametrize("role", CURATORS)
def test_it_is_verified_and_that_is_taken_back(role: str, sign_in: Any) -> None:
    known = problem()
    browser = sign_in(role)
    press(browser, known, "verify")
    assert now(known).verified_by.startswith("staff")
    press(browser, known, "unverify")
    assert now(known).verified_by == ""
    with behind_walls(READER):
        actions = AuditEvent.objects.filter(actor_kind="staff", action__startswith="knowledge.")
        assert set(actions.values_list("action", flat=True)) == {"knowledge.verified", "knowledge.unverified"}


def test_archiving_needs_a_reason_and_a_version_brings_it_back(sign_in: Any) -> None:
    known, browser = problem(), sign_in("Procedure editor")
    assert "say why" in press(browser, known, "archive", reason=" ").content.decode()
    press(browser, known, "archive")
    gone = now(known)
    assert gone.status == "archived"
    assert browser.get(address(known)).context["may_edit"] is False
    wrong = press(browser, known, "restore-version", version="1", shown="1").content.decode()
    assert "changed since the version" in wrong
    press(browser, known, "restore-version", version="1", shown=str(gone.version))
    assert now(known).status == "active"
    assert "Open the page again" in press(browser, known, "restore-version", version="one").content.decode()


def test_solutions_are_added_verified_retired_and_used_again(sign_in: Any) -> None:
    procedure_free = {"text": "Restart the pooler.", "procedure": ""}
    known, browser = problem(), sign_in("Procedure editor")
    assert browser.post(address(known, "add-solution"), procedure_free).status_code == 302
    assert solution_rows(known) == {"Raise the pool.": "active", "Restart the pooler.": "active"}
    assert browser.post(address(known, "add-solution"), {"text": "", "procedure": ""}).status_code == 422
    assert browser.post(address(known, "add-solution"), procedure_free | {"procedure": "unknown"}).status_code == 422
    first = str(first_solution(known).pk)
    press(browser, known, "verify-solution", solution=first)
    assert first_solution(known).verified_by
    press(browser, known, "retire-solution", solution=first)
    assert solution_rows(known)["Raise the pool."] == "retired"
    press(browser, known, "reactivate-solution", solution=first)
    assert solution_rows(known)["Raise the pool."] == "active"
    other = problem(BUSY, "Wait.")
    for wrong in ("nonsense", str(first_solution(other).pk)):
        assert "Open the page again" in press(browser, known, "retire-solution", solution=wrong).content.decode()
    assert set(solution_rows(other).values()) == {"active"}


def test_words_tags_and_solutions_are_edited_in_one_form(sign_in: Any) -> None:
    known, browser = problem(), sign_in("Procedure editor")
    solutions.feedback(first_solution(known).pk, principal=AGENT, worked=True)
    field = f"solution-{first_solution(known).pk}"
    said = edited(
        now(known), title="Too few connections", tags="db, pool", **{field: "Raise it to 50."}, reason="said so"
    )
    assert browser.post(address(known, "edit"), said).status_code == 302
    after = now(known)
    assert (after.title, after.tags, after.solution) == ("Too few connections", ["db", "pool"], "Raise it to 50.")
    assert first_solution(known).successes == 1
    page = browser.get(address(known) + f"?compare=1&with={after.version}").content.decode()
    assert "Raise it to 50." in page
    assert "said so" in page


def test_a_text_is_edited_too_and_line_ends_of_browsers_change_nothing(sign_in: Any) -> None:
    browser = sign_in("Procedure editor")
    known = service.capture(principal=AGENT, title="Exports", content="At night.\nNever by day.").knowledge
    assert browser.get(address(known, "edit")).context["form"].content_field is not None
    unchanged = edited(known, content="At night.\r\nNever by day.")
    assert browser.post(address(known, "edit"), unchanged).status_code == 302
    assert now(known).version == known.version
    assert browser.post(address(known, "edit"), edited(known, content="At any time.")).status_code == 302
    assert now(known).content == "At any time."
    members = service.capture(principal=AGENT, title="Limits", content={"pool": 40}).knowledge
    assert browser.get(address(members, "edit")).context["form"].content_field is None


@pytest.mark.parametrize("wrong", [{"title": ""}, {"importance": "7"}, {"knowledge_type": "x"}, {"title": "x" * 501}])
def test_what_cannot_be_is_refused_and_what_was_typed_stays(wrong: dict[str, str], sign_in: Any) -> None:
    known = problem()
    answer = sign_in("Administrator").post(
        address(known, "edit"), edited(known, problem_description="half a page typed", **wrong)
    )
    assert answer.status_code == 422
    assert "half a page typed" in answer.content.decode()
    assert now(known).version == known.version


def test_a_stale_edit_keeps_what_was_typed_and_tells_of_the_other(sign_in: Any) -> None:
    known, browser = problem(), sign_in("Administrator")
    said = edited(known, title="Mine")
    service.change(known.pk, principal=AGENT, title="Theirs")
    answer = browser.post(address(known, "edit"), said)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "somebody changed it meanwhile" in page
    assert 'value="Mine"' in page
    assert now(known).title == "Theirs"
    again = said | {"version": answer.context["version"]}
    assert browser.post(address(known, "edit"), again).status_code == 302
    assert now(known).title == "Mine"


def choice(plan_of: Any, **fields: Any) -> dict[str, Any]:
    """What the preview's form sends."""
    plan = plan_of.context["plan"]
    said = {"other": str(plan.other.pk), "how": plan.how, "keep": "other" if plan.kept is plan.other else "this"}
    return said | {"kept_version": plan.kept.version, "gone_version": plan.gone.version, "reason": "same"} | fields


def test_two_are_merged_after_a_preview_and_taken_apart_again(sign_in: Any) -> None:
    kept, gone, browser = problem(), problem(BUSY, "Wait and try again."), sign_in("Procedure editor")
    page = browser.get(address(kept, "merge"))
    assert [each.pk for each in page.context["found"]] == [gone.pk]
    assert [each.pk for each in browser.get(address(kept, "merge") + "?q=busy").context["found"]] == [gone.pk]
    preview = browser.get(address(kept, "merge") + f"?other={gone.pk}")
    text = " ".join(preview.content.decode().split())
    assert "Wait and try again." in text
    assert "met 2 times in all" in text
    assert now(gone).status == "active"
    assert browser.post(address(kept, "merge"), choice(preview, reason="")).status_code == 409
    assert browser.post(address(kept, "merge"), choice(preview)).url == address(kept)
    assert (now(gone).status, now(gone).replaced_by_id, now(kept).occurrences) == ("merged", kept.pk, 2)
    assert set(solution_rows(kept)) == {"Raise the pool.", "Wait and try again."}
    press(browser, gone, "restore-version", version="1", shown=str(now(gone).version))
    assert now(gone).status == "active"
    assert set(solution_rows(kept)) == {"Raise the pool."}


def test_the_other_way_round_and_superseding(sign_in: Any) -> None:
    old, new, browser = problem(), problem(BUSY), sign_in("Administrator")
    preview = browser.get(address(old, "merge") + f"?other={new.pk}&how=supersede&keep=other")
    assert "those of the other are not taken over" in preview.content.decode()
    assert browser.post(address(old, "merge"), choice(preview)).url == address(new)
    assert (now(old).status, now(old).replaced_by_id) == ("superseded", new.pk)


def test_a_merge_of_what_moved_since_is_refused(sign_in: Any) -> None:
    kept, gone, browser = problem(), problem(BUSY), sign_in("Administrator")
    preview = browser.get(address(kept, "merge") + f"?other={gone.pk}")
    service.change(gone.pk, principal=AGENT, title="Changed meanwhile")
    answer = browser.post(address(kept, "merge"), choice(preview))
    assert answer.status_code == 409
    assert "since you looked" in answer.content.decode()
    assert now(gone).status == "active"


def test_nothing_foreign_unknown_or_itself_can_be_chosen(sign_in: Any) -> None:
    known, browser = problem(), sign_in("Administrator")
    other = Principal(kind="key", name="k", tenant_id="globex", agent_id="a", permissions=frozenset({"write"}))
    foreign = service.capture(principal=other, title="t", content="c").knowledge
    for key in (foreign.pk, known.pk, "nonsense"):
        assert browser.get(address(known, "merge") + f"?other={key}").context["plan"] is None
        answer = browser.post(address(known, "merge"), {"other": key, "reason": "r"})
        assert answer.status_code == 409
    assert now(known).status == "active"
