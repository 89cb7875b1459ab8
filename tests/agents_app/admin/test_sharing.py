"""The sharing matrix in the admin: who gets in, what it shows, preview before save, stale saves; rules and aliases."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from agents_app.admin import sharing_grid
from agents_app.admin.sharing_matrix import PAGE, PREVIEW, PROGRESS
from agents_app.models import CategoryAlias, Regrant, SharingRule
from agents_app.services import matrix, sharing, sharing_defaults
from agents_app.services.matrix_cells import CellChange
from agents_app.services.sharing import RuleChange
from memoryhub.access.exceptions import Invalid
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft

TEAM = ("alden", "alice", "mimic", "sentry")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def team(job: Principal, as_agent: Any) -> None:
    for name in TEAM:
        as_agent(name)
    sharing_defaults.install(principal=job, tenant_id="acme")
    for number in range(3):
        draft = Draft(key=f"p{number}", value=number, scope="agent", category="preference")
        entries.store(draft, principal=as_agent("alden"))


def page_of(browser: Client, **query: str) -> Any:
    return browser.get(reverse(PAGE), {"tenant": "acme", **query})


def form(browser: Client, *changes: tuple[str, str, str], **more: str) -> dict[str, str]:
    """What the page sends of these changes, after a preview of them."""
    rows = [dict(zip(("category", "agent_id", "letters"), change, strict=True)) for change in changes]
    asked = sharing_grid.asked_of({"changes": json.dumps(rows)})
    versions = json.dumps(page_of(browser).context["versions"])
    return {"changes": json.dumps(rows), "versions": versions, "previewed": asked.digest, "reason": "asked for", **more}


def save(browser: Client, data: dict[str, str]) -> Any:
    return browser.post(f"{reverse(PAGE)}?tenant=acme", data)


def letters(category: str, agent: str) -> str:
    found = matrix.effective(principal=system_principal("test", "acme"))
    return found.cells[category, agent].letters


@pytest.mark.parametrize("name", [PAGE, PROGRESS])
def test_who_may_look(name: str, team: None, sign_in: Any) -> None:
    assert Client().get(reverse(name)).status_code == 302
    assert sign_in("").get(reverse(name)).status_code == 403
    for role in ("Administrator", "Conflict reviewer", "Auditor"):
        assert sign_in(role).get(reverse(name)).status_code == 200


def test_cells_say_access_rule_and_numbers(team: None, sign_in: Any) -> None:
    page = page_of(sign_in("Administrator"))
    boxes = {(box.cell.category, box.cell.agent_id): box for line in page.context["grid"].lines for box in line.boxes}
    alice, alden = boxes["user_preferences", "alice"], boxes["user_preferences", "alden"]
    assert (alice.short, alice.cell.memories, alden.cell.own) == ("reads", 3, 3)
    told = page.context["data"]["rules"][alice.rules]["text"]
    assert told == "Shares what any agent stores with alden, alice, mimic, to read."
    assert 'role="grid"' in page.content.decode()


def test_the_preview_counts_exactly_and_changes_nothing(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    asked = form(browser, ("user_preferences", "alice", "–"), ("user_preferences", "sentry", "R"))
    answer = browser.post(f"{reverse(PREVIEW)}?tenant=acme", asked)
    impact = answer.context["impact"]
    assert (impact.appear, impact.vanish) == (3, 3)
    assert asked["previewed"] in answer.content.decode()
    assert letters("user_preferences", "alice") == "R"


def test_saving_changes_rules_says_why_and_queues_the_regranting(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    assert save(browser, form(browser, ("user_preferences", "alice", "RW"))).status_code == 302
    assert letters("user_preferences", "alice") == "RW"
    with behind_walls(READER):
        assert AuditEvent.objects.filter(action__startswith="agents.rule.", reason="asked for").exists()
        assert Regrant.objects.filter(tenant_id="acme", categories__contains=["user_preferences"]).exists()
    shown = browser.get(reverse(PROGRESS), {"tenant": "acme"}).content.decode()
    assert "hx-get" in shown
    with behind_walls(system_principal("test", "acme")):
        Regrant.objects.update(status="done")
    shown = browser.get(reverse(PROGRESS), {"tenant": "acme"}).content.decode()
    assert "hx-get" not in shown
    assert "Show the new numbers" in shown


@pytest.mark.parametrize("fields", [{"previewed": ""}, {"previewed": "x" * 32}, {"reason": " "}, {"reason": "x" * 501}])
def test_nothing_is_saved_without_preview_and_reason_and_nothing_is_lost(
    fields: dict[str, str], team: None, sign_in: Any
) -> None:
    browser = sign_in("Administrator")
    answer = save(browser, form(browser, ("user_preferences", "alice", "RW"), **fields))
    assert answer.status_code == 400
    assert answer.context["data"]["pending"] == [{"category": "user_preferences", "agent_id": "alice", "letters": "RW"}]
    assert letters("user_preferences", "alice") == "R"


def test_a_stale_save_names_the_cells_that_others_changed_and_keeps_what_is_pending(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    mine = form(browser, ("user_preferences", "sentry", "R"))
    other = Principal(kind="staff", name="ben", permissions=frozenset({"read", "write", "admin"}), tenant_id="acme")
    seen = matrix.effective(principal=other).versions
    matrix.save([CellChange("user_preferences", "alice", "RW")], seen, principal=other, reason="hers")
    answer = save(browser, mine)
    assert answer.status_code == 409
    moved = {(cell["agent_id"], cell["letters"], cell["changed_by"]) for cell in answer.context["moved"]}
    assert ("alice", "RW", "ben") in moved
    assert answer.context["data"]["pending"] == [{"category": "user_preferences", "agent_id": "sentry", "letters": "R"}]
    assert answer.context["asked"].reason == "asked for"
    again = form(browser, ("user_preferences", "sentry", "R"))
    assert save(browser, again).status_code == 302
    assert (letters("user_preferences", "alice"), letters("user_preferences", "sentry")) == ("RW", "R")


def test_only_who_may_change_rules_previews_and_saves(team: None, sign_in: Any) -> None:
    asked = form(sign_in("Administrator"), ("user_preferences", "alice", "RW"))
    for role in ("Conflict reviewer", "Auditor"):
        browser = sign_in(role)
        assert "data-editable" not in page_of(browser).content.decode()
        assert save(browser, asked).status_code == 403
        assert browser.post(f"{reverse(PREVIEW)}?tenant=acme", asked).status_code == 403
    assert letters("user_preferences", "alice") == "R"


def test_staff_limited_to_another_tenant_sees_and_changes_its_own_only(team: None, sign_in: Any) -> None:
    asked = form(sign_in("Administrator"), ("user_preferences", "alice", "RW"))
    tenants.ensure(principal=system_principal("test"), tenant_id="globex")
    browser = sign_in("Administrator", tenants=["globex"])
    page = page_of(browser)
    assert page.context["tenants"] == ["globex"]
    assert "user_preferences" not in page.content.decode()
    save(browser, asked)
    assert letters("user_preferences", "alice") == "R"


@pytest.mark.parametrize(
    "changes",
    ["[", "{}", "[1]", '[{"category": "a"}]', '[{"category": "a", "agent_id": "alice", "letters": "Z"}]', "[" * 9999],
)
def test_what_the_page_cannot_have_sent_is_refused(changes: str, team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    with pytest.raises(Invalid):
        sharing_grid.asked_of({"changes": changes})
    assert save(browser, {"changes": changes, "versions": "{}"}).status_code == 400
    answer = browser.post(f"{reverse(PREVIEW)}?tenant=acme", {"changes": changes})
    assert "alert" in answer.content.decode()


def test_a_new_category_gets_a_row_by_its_canonical_name(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    page = page_of(browser, add="Release Notes")
    assert page.context["grid"].lines[0].head == "release_notes"
    assert page_of(browser, add=" ").context["mistake"]
    assert save(browser, form(browser, ("release_notes", "alice", "R"))).status_code == 302
    assert letters("release_notes", "alice") == "R"


def test_more_than_eight_agents_are_rows(team: None, sign_in: Any, as_agent: Any) -> None:
    for number in range(5):
        as_agent(f"a{number}")
    grid = page_of(sign_in("Administrator")).context["grid"]
    assert grid.transposed
    assert len(grid.lines) == 9
    assert grid.corner == "Agent"


def test_a_tenant_without_agents_and_one_without_rules_say_so(tenant: str, sign_in: Any, as_agent: Any) -> None:
    browser = sign_in("Administrator")
    assert "There are no agents in this tenant yet." in page_of(browser).content.decode()
    as_agent("alden")
    assert "Nothing is shared yet." in page_of(browser).content.decode()


def test_hostile_names_are_escaped(tenant: str, sign_in: Any, admin: Principal) -> None:
    agents.ensure(principal=system_principal("test"), tenant_id="acme", agent_id="alice")
    note = RuleChange(category=HOSTILE, action="share", to_agents=["alice"], note=HOSTILE)
    sharing.save_rules([note], principal=admin)
    browser = sign_in("Administrator")
    for address in (f"{reverse(PAGE)}?tenant=acme", reverse("admin:agents_app_sharingrule_changelist")):
        assert HOSTILE not in browser.get(address).content.decode()


# -- rules, aliases, re-granting -----------------------------------------------------------------------


def test_a_rule_is_made_changed_and_removed_through_the_service(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    said = {
        "tenant_id": "acme",
        "category": "notes",
        "action": "share",
        "from_agent": "alden",
        "to_agents": "alice, mimic",
    }
    assert browser.post(reverse("admin:agents_app_sharingrule_add"), said | {"active": "on"}).status_code == 302
    with behind_walls(READER):
        rule = SharingRule.objects.get(category="notes")
    assert (rule.from_agent, rule.to_agents, rule.can_write) == ("alden", ["alice", "mimic"], False)
    change = reverse("admin:agents_app_sharingrule_change", args=[rule.pk])
    browser.post(change, said | {"active": "on", "can_write": "on"})
    with behind_walls(READER):
        rule.refresh_from_db()
    assert (rule.can_write, rule.version) == (True, 2)
    browser.post(change, said | {"to_agents": "nobody"}, follow=True)
    browser.post(reverse("admin:agents_app_sharingrule_verb", args=[rule.pk, "remove"]), {"reason": "done"})
    with behind_walls(READER):
        assert not SharingRule.objects.filter(category="notes").exists()


def test_a_rule_for_an_unknown_agent_is_refused_in_words(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    said = {"tenant_id": "acme", "category": "notes", "action": "share", "to_agents": "nobody", "active": "on"}
    answer = browser.post(reverse("admin:agents_app_sharingrule_add"), said, follow=True)
    assert "nobody" in answer.content.decode()
    with behind_walls(READER):
        assert not SharingRule.objects.filter(category="notes").exists()


def test_an_alias_is_made_and_removed(team: None, sign_in: Any) -> None:
    browser = sign_in("Administrator")
    said = {"tenant_id": "acme", "alias": "Likes", "category": "user_preferences"}
    assert browser.post(reverse("admin:agents_app_categoryalias_add"), said).status_code == 302
    with behind_walls(READER):
        alias = CategoryAlias.objects.get(alias="likes")
    browser.post(reverse("admin:agents_app_categoryalias_verb", args=[alias.pk, "remove"]))
    with behind_walls(READER):
        assert not CategoryAlias.objects.filter(alias="likes").exists()


def test_a_regranting_that_was_given_up_goes_on(team: None, sign_in: Any) -> None:
    job = system_principal("test", "acme")
    with behind_walls(job):
        Regrant.objects.update(status="failed", error="disk full")
        regrant = Regrant.objects.earliest("created_at")
    browser = sign_in("Administrator")
    assert "Re-granting failed" in page_of(browser).content.decode()
    assert b"disk full" in browser.get(reverse("admin:agents_app_regrant_change", args=[regrant.pk])).content
    browser.post(reverse("admin:agents_app_regrant_verb", args=[regrant.pk, "retry"]))
    with behind_walls(job):
        regrant.refresh_from_db()
    assert regrant.status == "waiting"


@pytest.mark.parametrize("model", ["sharingrule", "categoryalias", "regrant"])
def test_lists_for_every_role_and_changes_for_administrators(model: str, team: None, sign_in: Any) -> None:
    address = reverse(f"admin:agents_app_{model}_changelist")
    assert Client().get(address).status_code == 302
    assert sign_in("").get(address).status_code == 403
    for role in ("Administrator", "Auditor"):
        assert sign_in(role).get(address).status_code == 200
    if model != "regrant":
        assert sign_in("Auditor").get(reverse(f"admin:agents_app_{model}_add")).status_code == 403
