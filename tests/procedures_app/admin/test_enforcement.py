"""Rules of what is enforced, in the admin: who may, what strict asks for first, what the service refuses."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import EnforcementRule
from procedures_app.services import enforcement
from tests.procedures_app import rows
from tests.procedures_app.admin.running import procedure

pytestmark = pytest.mark.usefixtures("tenant")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
NEW = {"tenant_id": "acme", "kind": "Prod Deploy", "mode": "advise", "procedure": "", "note": "why"}


def address(page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:procedures_app_enforcementrule_{page}", args=args)


def rules() -> dict[str, str]:
    with behind_walls(READER):
        return {rule.kind: rule.mode for rule in EnforcementRule.objects.order_by("kind")}


def form(rule: EnforcementRule, **fields: Any) -> dict[str, Any]:
    return {"mode": rule.mode, "procedure": "", "note": rule.note, "seen": rule.version} | fields


def test_who_may_change_rules(sign_in: Any) -> None:
    made = rows.rule("acme")
    page, verb = address("change", made.pk), address("verb", made.pk, "remove")
    assert Client().post(page, form(made, mode="off")).status_code == 302
    for role in ("Auditor", "Conflict reviewer"):
        browser = sign_in(role)
        assert browser.get(page).status_code == 200
        assert browser.post(page, form(made, mode="off")).status_code == 403
        assert browser.post(address("add"), NEW).status_code == 403
        assert browser.post(verb).status_code == 403
    assert rules() == {"deployment": "advise"}


@pytest.mark.parametrize("role", ["Administrator", "Procedure editor"])
def test_rules_are_made_changed_and_removed_with_a_line_in_the_trail(role: str, sign_in: Any) -> None:
    browser = sign_in(role)
    assert browser.post(address("add"), NEW).status_code == 302
    with behind_walls(READER):
        made = EnforcementRule.objects.get()
    assert (made.kind, made.mode, made.note) == ("prod_deploy", "advise", "why")
    assert browser.post(address("change", made.pk), form(made, mode="off")).status_code == 302
    assert rules() == {"prod_deploy": "off"}
    assert browser.get(address("verb", made.pk, "remove")).status_code == 405
    assert browser.post(address("verb", made.pk, "remove")).status_code == 302
    assert rules() == {}
    with behind_walls(READER):
        assert AuditEvent.objects.filter(action__startswith="procedures.rule.").count() == 3


def test_strict_is_saved_only_after_a_look_at_what_it_refuses(sign_in: Any) -> None:
    made = rows.rule("acme")
    rows.work("acme", kind="deployment", agent_id="rush-bot")
    rows.work("acme", kind="deployment", operation=rows.operation("acme"))
    browser = sign_in("Procedure editor")
    page = browser.post(address("change", made.pk), form(made, mode="strict"))
    assert page.status_code == 200
    text = " ".join(page.content.decode().split())
    assert "This refuses work." in text
    assert "<strong>2</strong> pieces of work of the kind deployment were recorded" in text
    assert "<strong>1</strong> of them was done without consulting, by 1 agent: strict refuses" in text
    assert rules() == {"deployment": "advise"}
    browser.post(address("change", made.pk), form(made, mode="strict", confirmed="on"))
    assert rules() == {"deployment": "strict"}
    assert enforcement.mode_of("deployment", principal=system_principal("t", "acme")) == "strict"


def test_what_cannot_be_said_stands_beside_its_field(sign_in: Any) -> None:
    procedure("deploy")
    rows.rule("acme", "migration")
    browser = sign_in("Administrator")
    for wrong, field in (
        ({"kind": "§§§"}, "kind"),
        ({"kind": "Migration"}, "kind"),
        ({"kind": "memory_write", "procedure": "deploy"}, "procedure"),
        ({"procedure": "unheard-of"}, "procedure"),
        ({"mode": "severe"}, "mode"),
        ({"tenant_id": "nowhere"}, "tenant_id"),
    ):
        page = browser.post(address("add"), NEW | wrong)
        assert page.status_code == 200
        assert field in page.context["adminform"].form.errors
    assert rules() == {"migration": "advise"}
    assert browser.post(address("add"), NEW | {"procedure": "deploy"}).status_code == 302


def test_a_rule_that_somebody_else_changed_is_not_overwritten(sign_in: Any) -> None:
    made = rows.rule("acme")
    enforcement.set_rule("deployment", principal=system_principal("t", "acme"), mode="off")
    page = sign_in("Administrator").post(address("change", made.pk), form(made, note="mine"))
    assert "Somebody changed this rule meanwhile" in page.content.decode()
    assert 'name="seen" value="2"' in page.content.decode()
    assert rules() == {"deployment": "off"}


def test_a_limited_user_rules_only_its_own_tenants(sign_in: Any) -> None:
    tenants.ensure(principal=system_principal("t"), tenant_id="globex")
    foreign = rows.rule("globex")
    browser = sign_in("Administrator", tenants=["acme"])
    assert browser.get(address("change", foreign.pk)).status_code == 302
    assert browser.post(address("verb", foreign.pk, "remove")).status_code == 404
    assert browser.post(address("add"), NEW | {"tenant_id": "globex"}).status_code == 200
    assert rules() == {"deployment": "advise"}


def test_the_form_says_what_memory_write_means_and_what_was_written(sign_in: Any) -> None:
    page = sign_in("Administrator").get(address("add")).content.decode()
    assert "Strict on memory_write stops every writing request" in page
    assert "Agents recorded no work in the last day." in page
    assert "0 versions of memories were written" in " ".join(page.split())
