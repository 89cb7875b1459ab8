"""The compliance page: who gets in, what it counts, the period, what cannot be asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from procedures_app.admin.compliance import PAGE
from tests.procedures_app import rows
from tests.procedures_app.admin.running import STEPS, approval, happened, run

pytestmark = pytest.mark.usefixtures("tenant")


def shown(browser: Client, **query: str) -> Any:
    return browser.get(reverse(PAGE), query)


def text_of(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def ended(**fields: Any) -> Any:
    said: dict[str, Any] = {"status": "completed", "compliant": True, "finished_at": timezone.now()}
    return run(fields.pop("name", "deploy"), steps=dict.fromkeys(STEPS, "done"), **said | fields)


def test_who_gets_in(sign_in: Any) -> None:
    assert shown(Client()).status_code == 302
    assert shown(sign_in("")).status_code == 403
    half = sign_in("")
    user = User.objects.get(pk=half.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="view_operation"))
    assert shown(half).status_code == 403
    for role in ("Administrator", "Procedure editor", "Conflict reviewer", "Auditor"):
        browser = sign_in(role)
        assert shown(browser).status_code == 200
        assert reverse(PAGE) in browser.get("/admin/").content.decode()


def test_nothing_says_so_and_how_it_begins(sign_in: Any) -> None:
    browser = sign_in("Auditor")
    assert "No run was started and no work recorded" in text_of(shown(browser))
    assert "Nothing in this period matches" in text_of(shown(browser, agent="nobody"))


def test_figures_per_procedure_agent_and_kind(sign_in: Any) -> None:
    first = ended()
    ended(compliant=False, agent_id="rush-bot", status="failed")
    happened(first, "step.refused")
    approval(run("restore"))
    rows.work("acme", operation=rows.operation("acme"))
    rows.work("acme", kind="migration", success=False, agent_id="rush-bot")
    page = text_of(shown(sign_in("Auditor")))
    for words in ("50%", "1 completed, 1 failed", "1 asked", "rush-bot", "migration", "1 of 2 that are over"):
        assert words in page


def test_a_procedure_leads_to_its_runs(sign_in: Any) -> None:
    ended()
    run("restore")
    browser = sign_in("Auditor")
    [first, _] = shown(browser, tenant="acme").context["procedures"]
    listed = text_of(browser.get(first.link))
    assert first.below in listed
    assert first.link.endswith(f"procedure={first.below}&tenant=acme")


def test_it_is_narrowed_by_period_procedure_agent_and_tenant(sign_in: Any) -> None:
    ended(ago=60 * 24 * 40)
    ended(name="restore", agent_id="rush-bot")
    ended(name="foreign", tenant="globex")
    browser = sign_in("Administrator")

    def names(**query: str) -> set[str]:
        return set(shown(browser, **query).context["found"].procedures)

    assert names() == {"restore", "foreign"}
    assert names(days="90") == {"deploy", "restore", "foreign"}
    assert names(tenant="acme") == {"restore"}
    assert names(procedure="foreign") == {"foreign"}
    assert names(agent="rush-bot") == {"restore"}
    day = str((timezone.now() - timedelta(days=40)).date())
    assert names(since=day, until=day) == {"deploy"}
    limited = sign_in("Auditor", tenants=["acme"])
    assert set(shown(limited, tenant="globex").context["found"].procedures) == {"restore"}


@pytest.mark.parametrize(
    "query", [{"since": "soon"}, {"since": "2030-01-01", "until": "2029-01-01"}, {"since": "1999-01-01"}]
)
def test_a_period_that_cannot_be_is_said_and_the_usual_one_shown(query: dict[str, str], sign_in: Any) -> None:
    ended()
    answer = shown(sign_in("Auditor"), **query)
    assert answer.status_code == 200
    assert "The last 30 days are shown instead." in text_of(answer)
    assert list(answer.context["found"].procedures) == ["deploy"]


def test_names_are_written_out(sign_in: Any) -> None:
    rows.work("acme", kind="x", agent_id="<script>alert(1)</script>")
    page = shown(sign_in("Auditor"), procedure="", agent="").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_it_costs_the_same_however_much_there_is(sign_in: Any, django_assert_max_num_queries: Any) -> None:
    for number in range(3):
        ended(name=f"p{number}", agent_id=f"a{number}")
        rows.work("acme", kind=f"k{number}")
    browser = sign_in("Auditor")
    shown(browser)
    with django_assert_max_num_queries(24):
        shown(browser)
