"""The review page: what it shows, and what becomes of what a reviewer sends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents_app.models import Conflict
from agents_app.services import conflicts
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from tests.agents_app.admin.reviewing import (
    BASE,
    CURRENT,
    EVERYTHING,
    OFFERED,
    change,
    conflict_of,
    entry_of,
    form,
    offer,
    open_conflict,
    resolve,
    url,
)
from tests.registry.admin.test_entries import stored, writer

HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202egnp\u200b\" onload='x'"
POSTS = ["preview", "resolve", "reapply", "present"]


def page_of(browser: Client, pk: UUID, query: str = "") -> str:
    answer = browser.get(url(pk) + query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def boss(tenant: str = "acme") -> Principal:
    return Principal(kind="staff", name="boss", permissions=frozenset({"read", "write"})).within(tenant)


# -- what is shown ------------------------------------------------------------------------------------------------


def test_columns_carry_the_names_of_agents_and_clashes_come_first(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    answer = sign_in().get(url(pk))
    page = answer.context["page"]
    assert [(side.choice, side.agent, side.version) for side in page.sides] == [
        ("base", "writer", 1),
        ("current", "crm-bot", 2),
        ("candidate:1", "writer-bot", None),
    ]
    assert [(row.place, row.kind) for row in page.rows] == [
        ("/tier", "clash"),
        ("/tags", "auto"),
        ("/seats", "one_sided"),
    ]
    assert [row.place for row in page.same] == ["/city"]
    assert not page.valid
    assert "1 clash to decide" in answer.content.decode()


def test_without_a_common_ancestor_both_stand_side_by_side(db: None, sign_in: Any) -> None:
    entry = stored({"name": "Priya", "week": 47}, key="on-call")
    done = conflicts.submit(entry, principal=writer_named("planner"), base_version=None,
                            value={"name": "Tomás", "week": 47}, strategy="manual_review")  # fmt: skip
    assert done.conflict_id is not None
    answer = sign_in().get(url(done.conflict_id))
    assert [side.choice for side in answer.context["page"].sides] == ["current", "candidate:1"]
    assert [row.place for row in answer.context["page"].rows] == ["/name"]
    assert "No common ancestor" in answer.content.decode()


def writer_named(name: str) -> Principal:
    return Principal(kind="key", name="k", tenant_id="acme", agent_id=name, permissions=frozenset({"read", "write"}))


def test_null_is_not_missing(db: None, sign_in: Any) -> None:
    pk = open_conflict(base={"a": 1, "b": 1}, current={"a": None, "b": 1}, offered={"b": 1})
    [row] = sign_in().get(url(pk)).context["page"].rows
    assert (row.cells[1].html, row.cells[2].gone) == ('<span class="hub-literal">null</span>', "not there")
    assert "type: number / null" in row.says


def test_a_changed_text_is_marked_word_by_word(db: None, sign_in: Any) -> None:
    pk = open_conflict(base="Paid in 30 days.", current="Paid in 45 days.", offered="Paid in 14 days.")
    page = page_of(sign_in(), pk)
    assert '<del><span class="hub-sr">removed: </span>30</del>' in page
    assert '<ins><span class="hub-sr">added: </span>14</ins>' in page


def test_every_strategy_says_who_wins_and_why_or_why_it_cannot(db: None, sign_in: Any) -> None:
    shown = {choice.name: choice for choice in sign_in().get(url(open_conflict())).context["page"].strategies}
    assert shown["latest_wins"].winner == "writer-bot"
    assert shown["latest_wins"].why.startswith("written last")
    assert "the latest wins" in shown["highest_importance"].tie_break
    assert not shown["merge_content"].available
    assert "1 clash" in shown["merge_content"].why
    assert shown["manual_review"].checked


def test_what_agents_wrote_stays_text(db: None, sign_in: Any) -> None:
    pk = open_conflict(key=HOSTILE, base={HOSTILE: 1}, current={HOSTILE: HOSTILE}, offered={HOSTILE: [HOSTILE]})
    browser = sign_in()
    for page in (page_of(browser, pk), browser.post(url(pk, "preview"), form(pk)).content.decode()):
        assert "<script>alert" not in page
        assert "U+202E" in page
        # what stands in form fields travels as it is, the rest is written out
        assert "\u202e" not in page.split("<textarea")[0]


def test_the_walk_follows_the_view_and_its_filters(db: None, sign_in: Any) -> None:
    first, second, third = (open_conflict(key=f"k{number}") for number in range(3))
    browser = sign_in()
    context = browser.get(url(second) + "?q=k").context
    assert (context["walk"].place, context["walk"].length) == (2, 3)
    assert (context["walk"].before, context["walk"].after) == (first, third)
    assert url(third) + "?q=k" in context["onward"]
    assert browser.get(url(second) + "?q=k1").context["walk"].after is None


def test_the_number_of_queries_does_not_grow_with_paths_and_candidates(
    db: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    many = {f"p{number}": number for number in range(60)}
    pk = open_conflict(base=many, current=many | {"p1": 9}, offered={name: value + 1 for name, value in many.items()})
    for number in range(4):
        offer(conflict_of(pk).entry_id, many | {"p1": number}, agent=f"a{number}")
    browser = sign_in()
    with django_assert_max_num_queries(45):
        browser.get(url(pk))
    with django_assert_max_num_queries(38):
        browser.post(url(pk, "preview"), form(pk))


# -- preview --------------------------------------------------------------------------------------------------------


def test_the_preview_recomputes_the_result_from_choice_ids(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    answer = sign_in().post(url(pk, "preview"), form(pk, picks={"/tier": "candidate:1"}))
    page = answer.context["page"]
    row = next(row for row in page.rows if row.place == "/tier")
    assert (row.path.result, row.state, page.valid) == ("platinum", "picked", True)
    assert page.suggestion == "writer-bot for /tier"
    assert 'id="result-0" hx-swap-oob="true"' in answer.content.decode()
    assert entry_of(pk).value == CURRENT


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"strategy": "latest_wins"}, OFFERED),
        ({"strategy": "latest_wins", "picks": {"/tier": "current"}}, OFFERED | {"tier": "gold"}),
        ({"strategy": "side:candidate:1"}, OFFERED),
        ({"strategy": "side:current", "picks": {"/seats": "candidate:1"}}, CURRENT | {"seats": 55}),
        ({"picks": {"/tier": "base"}}, OFFERED | {"tier": "silver", "tags": ["a", "b", "c"]}),
        ({"picks": {"/tier": "value"}, "edits": {"/tier": '"bronze"'}},
         OFFERED | {"tier": "bronze", "tags": ["a", "b", "c"]}),
        ({"as": "json", "whole": '{"own": [1]}'}, {"own": [1]}),
    ],
)  # fmt: skip
def test_what_is_previewed_is_what_is_written(fields: dict[str, Any], result: Any, db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    shown = browser.post(url(pk, "preview"), form(pk, **dict(fields))).context["page"]
    assert shown.valid
    assert resolve(browser, pk, **dict(fields)).status_code == 302
    entry = entry_of(pk)
    assert entry.value == result
    assert (entry.sync_version, entry.disputed) == (3, False)
    assert conflict_of(pk).status == "resolved"


def test_a_mistake_in_typed_json_says_where_and_loses_nothing(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in()
    fields: dict[str, Any] = {"picks": {"/tier": "value", "/seats": "current"}, "edits": {"/tier": "{bad"}}
    shown = browser.post(url(pk, "preview"), form(pk, **fields)).context["page"]
    assert "Line 1, column 2" in shown.rows[0].mistake
    answer = resolve(browser, pk, **fields)
    assert answer.status_code == 422
    [tier, seats] = [row for row in answer.context["page"].rows if row.place in ("/tier", "/seats")]
    assert (tier.edit_text, tier.checked, seats.checked) == ("{bad", "value", "current")
    assert entry_of(pk).sync_version == 2
    answer = resolve(browser, pk, **{"as": "json", "whole": "{}}"})
    assert answer.context["page"].whole_text == "{}}"


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "NaN", "[" * 100_000, '"\\u0000"'], ids=["twins", "constant", "depth", "zero"]
)
def test_what_is_no_json_value_of_ours_is_refused(text: str, db: None, sign_in: Any) -> None:
    pk = open_conflict()
    answer = resolve(sign_in(), pk, **{"as": "json", "whole": text})
    assert answer.status_code == 422
    assert entry_of(pk).sync_version == 2


# -- deciding -------------------------------------------------------------------------------------------------------


def test_deciding_goes_on_to_the_next_conflict_and_is_told(db: None, sign_in: Any) -> None:
    first, second = open_conflict(key="k1"), open_conflict(key="k2")
    browser = sign_in("Conflict reviewer")
    answer = browser.post(url(first, "resolve") + "?q=k", form(first, strategy="latest_wins"))
    assert answer.url == url(second) + "?q=k"
    assert "k1: decided. The entry is at version 3." in page_of(browser, second)
    answer = browser.post(url(second, "resolve") + "?q=k", form(second, strategy="latest_wins"))
    assert answer.url == "/admin/agents_app/conflict/?q=k"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"reason": " ", "strategy": "latest_wins"}, "a reason is required"),
        ({"reason": "x" * 501, "strategy": "latest_wins"}, "longer than 500"),
        ({}, "/tier"),
        ({"picks": {"/tier": "candidate:7"}}, "cannot be picked"),
    ],
)
def test_what_is_not_ready_changes_nothing_and_keeps_the_form(
    fields: dict[str, Any], says: str, db: None, sign_in: Any
) -> None:
    pk = open_conflict()
    answer = resolve(sign_in(), pk, **fields)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert answer.context["page"].reason == fields.get("reason", "because").strip()
    assert (entry_of(pk).sync_version, conflict_of(pk).status) == (2, "open")


def test_when_the_entry_moved_the_picks_stay_and_can_be_sent_again(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in()
    sent = form(pk, picks={"/tier": "candidate:1"}, reason="my reason")
    change(entry_of(pk).pk, CURRENT | {"city": "Ulm"}, "desk-bot", 2)
    answer = browser.post(url(pk, "resolve"), sent)
    assert answer.status_code == 409
    page = answer.context["page"]
    assert "desk-bot wrote version 3" in answer.content.decode()
    assert (page.rows[0].checked, page.reason, page.entry_version) == ("candidate:1", "my reason", 3)
    again = sent | {"entry_version": page.entry_version, "conflict_version": page.conflict_version}
    assert browser.post(url(pk, "resolve"), again).status_code == 302
    assert entry_of(pk).value == {"tier": "platinum", "seats": 55, "tags": ["a", "b", "c"], "city": "Ulm"}


def test_when_somebody_decided_first_the_page_says_so_and_the_picks_can_be_saved_over_it(
    db: None, sign_in: Any
) -> None:
    pk, browser = open_conflict(), sign_in()
    sent = form(pk, picks={"/tier": "candidate:1"}, reason="my reason")
    seen = conflicts.preview(pk, principal=boss())
    conflicts.resolve(pk, principal=boss(), conflict_version=seen.conflict_version, entry_version=2,
                      choices={"/tier": "current"}, reason="the boss said so")  # fmt: skip
    answer = browser.post(url(pk, "resolve"), sent)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "boss resolved this conflict: the boss said so" in page
    assert "Your decision was not saved" in page
    mine = answer.context["mine"]
    assert [line.place for line in mine.lines] == ["/tier"]
    saved = browser.post(url(pk, "reapply"), dict(mine.fields) | {"over": mine.over})
    assert saved.status_code == 302
    entry = entry_of(pk)
    assert (entry.value["tier"], entry.sync_version) == ("platinum", 4)
    with behind_walls(EVERYTHING):
        assert AuditEvent.objects.filter(action="agents.conflict.reapplied", reason="my reason").count() == 1


def test_nothing_is_saved_over_a_version_that_was_not_shown(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in()
    sent = form(pk, picks={"/tier": "candidate:1"})
    resolve(browser, pk, strategy="side:current")
    change(entry_of(pk).pk, {"quite": "another"}, "desk-bot", entry_of(pk).sync_version)
    answer = browser.post(url(pk, "reapply"), sent | {"over": 2})
    assert answer.status_code == 409
    assert entry_of(pk).value == {"quite": "another"}
    assert answer.context["mine"].over == entry_of(pk).sync_version


# -- beside deciding ------------------------------------------------------------------------------------------------


def press(browser: Client, pk: UUID, verb: str, **fields: Any) -> Any:
    return browser.post(f"/admin/agents_app/conflict/{pk}/do/{verb}/", fields)


def test_a_conflict_is_taken_assigned_and_given_back(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    me = User.objects.get(pk=browser.session["_auth_user_id"])
    press(browser, pk, "take")
    assert conflict_of(pk).assignee_id == me.pk
    press(browser, pk, "assign", assignee="")
    assert conflict_of(pk).assignee_id is None
    press(browser, pk, "assign", assignee=me.username)
    assert conflict_of(pk).assignee_id == me.pk
    press(browser, pk, "assign", assignee="nobody-of-that-name")
    assert conflict_of(pk).assignee_id == me.pk


def test_only_reviewers_of_the_tenant_are_offered(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    stored(key="other", tenant="globex")
    sign_in("Auditor"), sign_in("Conflict reviewer", tenants=["globex"])
    browser = sign_in("Conflict reviewer", tenants=["acme"])
    dialogs = {dialog.verb.name: dialog for dialog in browser.get(url(pk)).context["dialogs"]}
    me = User.objects.get(pk=browser.session["_auth_user_id"])
    assert [value for value, _ in dialogs["assign"].options] == ["", me.username]


def test_a_snoozed_conflict_leaves_the_queue_until_it_is_woken(db: None, sign_in: Any) -> None:
    pk, other = open_conflict(key="k1"), open_conflict(key="k2")
    browser = sign_in("Conflict reviewer")
    assert press(browser, pk, "snooze", until="4h", back="q=k").url == url(other) + "?q=k"
    assert conflict_of(pk).snoozed_until is not None
    assert "Wake up" in page_of(browser, pk)
    press(browser, pk, "wake")
    assert conflict_of(pk).snoozed_until is None
    press(browser, pk, "snooze", until="forever")
    assert conflict_of(pk).snoozed_until is None


def test_a_held_entry_is_let_go(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    press(browser, pk, "hold")
    assert conflict_of(pk).held_until is not None
    assert "Let go" in page_of(browser, pk)
    press(browser, pk, "unhold")
    assert conflict_of(pk).held_until is None


def test_dismissing_needs_a_reason_and_leaves_everything(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    assert press(browser, pk, "dismiss").url == url(pk)
    assert conflict_of(pk).status == "open"
    assert press(browser, pk, "dismiss", reason="fine as it is").url == "/admin/agents_app/conflict/"
    assert (conflict_of(pk).status, entry_of(pk).value) == ("dismissed", CURRENT)


def test_the_last_decision_is_undone_and_its_question_is_open_again(db: None, sign_in: Any) -> None:
    pk, other = open_conflict(key="k1"), open_conflict(key="k2")
    browser = sign_in("Conflict reviewer")
    resolve(browser, pk, strategy="latest_wins")
    assert browser.get(url(other)).context["last"].pk == pk
    answer = press(browser, pk, "undo", reason="too fast", back="q=k")
    again = UUID(answer.url.split("/")[4])
    assert again != pk
    assert (conflict_of(again).status, conflict_of(pk).status) == ("open", "undone")
    assert entry_of(pk).value == CURRENT
    assert browser.get(url(other)).context["last"] is None


def test_an_overtaken_decision_offers_to_restore_as_new(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    resolve(browser, pk, strategy="latest_wins")
    change(entry_of(pk).pk, {"later": True}, "desk-bot", 3)
    page = page_of(browser, pk)
    assert "Restore what was before" in page
    assert "the entry is at 4 now" in page
    press(browser, pk, "undo", reason="no")
    assert entry_of(pk).value == {"later": True}
    press(browser, pk, "restore", reason="yes")
    assert (entry_of(pk).value, entry_of(pk).sync_version) == (CURRENT, 5)


def test_a_decision_says_what_it_changed_and_what_was_offered(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in()
    resolve(browser, pk, strategy="side:current", reason="kept")
    context = browser.get(url(pk)).context
    assert context["decided"].lines == []
    assert [offer.agent for offer in context["decided"].offers] == ["writer-bot"]
    other = open_conflict(key="k2")
    resolve(browser, other, strategy="latest_wins")
    assert {line.place for line in browser.get(url(other)).context["decided"].lines} == {"/tier", "/seats", "/tags/1"}


def test_two_entries_that_say_the_same_become_one(db: None, sign_in: Any) -> None:
    one, two = stored(BASE, key="one"), stored(BASE | {"tier": "gold"}, key="two")
    job = Principal(kind="system", name="system:detection", tenant_id="acme", permissions=frozenset({"read", "write"}))
    found = conflicts.create_found("duplicate", one, two, confidence=0.9, evidence={"similarity": 0.97}, principal=job)
    assert found is not None
    browser = sign_in("Conflict reviewer")
    page = page_of(browser, found.pk)
    assert "Same meaning twice, 90% sure" in page
    assert "Keep both" in page
    assert resolve(browser, found.pk, strategy="side:candidate:1").status_code == 302
    assert entry_of(found.pk).value == BASE | {"tier": "gold"}
    with behind_walls(EVERYTHING):
        assert ContextEntry.objects.get(pk=two).deleted_at is not None


def test_a_reviewer_of_duplicates_is_told_whom_merging_lets_read(db: None, sign_in: Any) -> None:
    job = system_principal("detection", "acme")
    tenants.ensure(principal=job, tenant_id="acme")
    agents.ensure(principal=job, tenant_id="acme", agent_id="mallory")
    one, two = (
        entries.store(Draft(key="day", value="Tuesday", scope="agent"), principal=writer(agent=agent)).entry_id
        for agent in ("crm-bot", "mallory")
    )
    found = conflicts.create_found("duplicate", one, two, confidence=0.9, evidence={}, principal=job)
    assert found is not None
    assert "merging lets mallory read this memory" in page_of(sign_in("Conflict reviewer"), found.pk)


def test_take_next_gives_the_most_pressing_one_that_nobody_has(db: None, sign_in: Any) -> None:
    open_conflict(key="k1")
    pk = open_conflict(key="k2")
    with behind_walls(EVERYTHING):
        Conflict.objects.filter(pk=pk).update(severity="critical")
    browser = sign_in("Conflict reviewer")
    answer = browser.post("/admin/agents_app/conflict/next/")
    assert answer.url == url(pk) + "?view=mine"
    assert conflict_of(pk).assignee_id == int(browser.session["_auth_user_id"])
    browser.post("/admin/agents_app/conflict/next/")
    assert browser.post("/admin/agents_app/conflict/next/").url == "/admin/agents_app/conflict/"


# -- presence -------------------------------------------------------------------------------------------------------


def ping(browser: Client, pk: UUID, **fields: Any) -> str:
    answer = browser.post(url(pk, "present"), form(pk) | fields)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_who_else_is_here_and_with_unsaved_changes(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    mine, theirs = sign_in("Conflict reviewer"), sign_in("Conflict reviewer")
    name = User.objects.get(pk=theirs.session["_auth_user_id"]).username
    assert "is viewing" not in ping(theirs, pk)
    assert f"{name} is viewing" in ping(mine, pk)
    ping(theirs, pk, editing="yes")
    assert f"{name} has unsaved changes" in ping(mine, pk)
    assert f"{name} has unsaved changes" in page_of(mine, pk)
    theirs.post(url(pk, "present"), {"leaving": "yes"})
    assert name not in ping(mine, pk)


def test_a_page_hears_that_somebody_saved(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    shown = form(pk)
    assert "data-moved" not in ping(browser, pk)
    change(entry_of(pk).pk, {"newer": 1}, "desk-bot", 2)
    assert "desk-bot wrote version 3" in browser.post(url(pk, "present"), shown).content.decode()
    resolve(browser, pk, strategy="side:current")
    assert "resolved this conflict" in browser.post(url(pk, "present"), shown).content.decode()


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", POSTS)
def test_nobody_decides_without_signing_in_by_get_or_from_another_site(name: str, db: None, sign_in: Any) -> None:
    pk = open_conflict()
    assert Client().post(url(pk, name), form(pk)).status_code == 302
    browser = sign_in()
    assert browser.get(url(pk, name)).status_code == 405
    browser.handler.enforce_csrf_checks = True
    assert browser.post(url(pk, name), form(pk)).status_code == 403
    assert conflict_of(pk).status == "open"


@pytest.mark.parametrize("role", ["Auditor", "Procedure editor"])
def test_who_may_only_look_sees_and_does_not_decide(role: str, db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in(role)
    page = page_of(browser, pk)
    assert "look at conflicts, not decide them" in page
    assert 'id="resolve"' not in page
    for name in ("resolve", "reapply", "present"):
        assert browser.post(url(pk, name), form(pk, strategy="latest_wins")).status_code == 403
    for verb in ("take", "assign", "snooze", "hold", "dismiss"):
        assert press(browser, pk, verb, reason="r", until="1h").status_code == 403
    assert browser.post("/admin/agents_app/conflict/next/").status_code == 403
    assert browser.post("/admin/agents_app/conflict/bulk/", {"chosen": str(pk)}).status_code == 403
    assert (conflict_of(pk).status, conflict_of(pk).assignee_id) == ("open", None)


def test_without_any_right_to_conflicts_the_page_is_forbidden(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    assert sign_in("").get(url(pk)).status_code == 403
    assert sign_in("").get(url(UUID(int=7))).status_code == 403


def test_a_limited_reviewer_cannot_tell_what_exists_elsewhere(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    stored(key="other", tenant="globex")
    browser = sign_in("Conflict reviewer", tenants=["globex"])
    for known in (pk, UUID(int=7)):
        assert browser.get(url(known)).status_code == 404
        for name in POSTS:
            assert browser.post(url(known, name), {"reason": "r"}).status_code == 404
        assert press(browser, known, "take").status_code == 404
    assert conflict_of(pk).assignee_id is None


# -- the page of the entry --------------------------------------------------------------------------------------------


def test_the_page_of_an_entry_says_that_it_is_disputed_and_leads_to_the_review(db: None, sign_in: Any) -> None:
    pk, browser = open_conflict(), sign_in("Conflict reviewer")
    entry = f"/admin/registry/contextentry/{entry_of(pk).pk}/change/"
    page = browser.get(entry).content.decode()
    assert "writer-bot offers another value" in " ".join(page.split())
    assert url(pk) in page
    resolve(browser, pk, strategy="side:current")
    assert url(pk) not in browser.get(entry).content.decode()


def test_both_entries_of_a_finding_lead_to_it(db: None, sign_in: Any) -> None:
    one, two = stored(BASE, key="one"), stored(BASE, key="two")
    job = Principal(kind="system", name="system:detection", tenant_id="acme", permissions=frozenset({"read", "write"}))
    found = conflicts.create_found("contradiction", one, two, confidence=0.9, evidence={}, principal=job)
    assert found is not None
    browser = sign_in()
    for entry in (one, two):
        assert url(found.pk) in browser.get(f"/admin/registry/contextentry/{entry}/change/").content.decode()
