"""The pages of the outbox and of the jobs: who gets in, whose rows, and the two actions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from django_q.models import Failure, OrmQ, Schedule, Success

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from memoryhub.sync import jobs
from memoryhub.sync.models import Delivery, JobRun, SyncEvent
from memoryhub.sync.services import heartbeats, job_runs, schedules
from tests.sync.mirror import announce

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mirror")]

SYSTEM = system_principal("test")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
PAGES = ["syncevent", "delivery", "jobrun", "heartbeat"]
ROLES = ["Administrator", "Auditor", "Conflict reviewer", "Procedure editor"]


def page(model: str, name: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:sync_{model}_{name}", args=args)


@pytest.fixture
def rows() -> dict[str, Any]:
    """An event with a delivery in each of two tenants, a run and a heartbeat."""
    for tenant in ("acme", "globex"):
        tenants.ensure(principal=SYSTEM, tenant_id=tenant)
        announce(by=Principal(kind="key", name="k", tenant_id=tenant))
    heartbeats.beat("relay", {"pid": 1})
    run = JobRun.objects.create(job="heartbeat", did={"settled": 2, "parked": 0})
    with behind_walls(READER):
        return {
            "syncevent": SyncEvent.objects.get(tenant_id="acme").pk,
            "delivery": Delivery.objects.get(tenant_id="acme").pk,
            "jobrun": run.pk,
            "heartbeat": "relay",
            "foreign": Delivery.objects.get(tenant_id="globex").pk,
        }


def status_of(pk: int) -> str:
    with behind_walls(READER):
        return str(Delivery.objects.get(pk=pk).status)


def select(*ids: int, action: str = "park_selected", **more: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(pk) for pk in ids], **more}


@pytest.mark.parametrize("model", PAGES)
def test_strangers_do_not_get_in(model, rows):
    for address in (page(model), page(model, "change", rows[model])):
        assert Client().get(address).status_code == 302


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("model", PAGES)
def test_staff_looks_and_nobody_edits(model, role, rows, sign_in):
    browser = sign_in(role)
    assert browser.get(page(model)).status_code == 200
    change = page(model, "change", rows[model])
    assert browser.get(change).status_code == 200
    assert browser.post(change, {"error": "x"}).status_code == 403
    assert browser.get(page(model, "add")).status_code == 403
    assert browser.post(page(model, "delete", rows[model]), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", ["syncevent", "delivery"])
def test_a_limited_user_sees_its_tenants_only(model, rows, sign_in):
    browser = sign_in("Administrator", tenants=["globex"])
    assert b"acme" not in browser.get(page(model)).content
    assert b"globex" in browser.get(page(model)).content
    # Django's admin sends who asks for what is not there back to the start
    assert browser.get(page(model, "change", rows[model])).status_code == 302


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?status__exact=pending", True),
        ("?status__exact=parked", False),
        ("?store=mirror", True),
        ("?tenant=acme", True),
        ("?tenant=-", False),
        ("?q=thing-", True),
        ("?q=nothing", False),
    ],
)
def test_deliveries_are_found_by_state_store_tenant_and_key(query, found, rows, sign_in):
    content = sign_in("Administrator").get(page("delivery") + query).content.decode()
    assert (page("delivery", "change", rows["delivery"]) in content) == found


def test_events_are_found_by_the_id_of_their_object(rows, sign_in):
    with behind_walls(READER):
        thing = SyncEvent.objects.get(pk=rows["syncevent"]).object_id
    content = sign_in("Administrator").get(page("syncevent"), {"q": str(thing)}).content.decode()
    assert page("syncevent", "change", rows["syncevent"]) in content
    assert content.count("thing.stored") == 1


# -- actions -------------------------------------------------------------------------------------------


def test_an_action_asks_first_and_then_does_it(rows, sign_in):
    browser = sign_in("Administrator")
    question = browser.post(page("delivery"), select(rows["delivery"]))
    assert question.status_code == 200
    assert b"1 delivery." in question.content
    assert status_of(rows["delivery"]) == "pending"
    done = browser.post(page("delivery"), select(rows["delivery"], confirmed="yes", reason="not today"), follow=True)
    assert b"1 deliveries are parked." in done.content
    assert status_of(rows["delivery"]) == "parked"
    with behind_walls(READER):
        audit = AuditEvent.objects.get(action="sync.delivery.parked")
    assert (audit.tenant_id, audit.reason, audit.actor_kind) == ("acme", "not today", "staff")
    browser.post(page("delivery"), select(rows["delivery"], action="retry_selected", confirmed="yes"))
    assert status_of(rows["delivery"]) == "pending"


def test_all_of_a_filtered_list_can_be_chosen(rows, sign_in):
    browser = sign_in("Administrator")
    chosen = select(rows["delivery"], select_across="1", confirmed="yes")
    browser.post(page("delivery") + "?tenant=globex", chosen)
    assert (status_of(rows["delivery"]), status_of(rows["foreign"])) == ("pending", "parked")


@pytest.mark.parametrize(("name", "result"), [("park_one", "parked"), ("retry_one", "pending")])
def test_one_delivery_from_its_own_page(name, result, rows, sign_in):
    browser = sign_in("Administrator")
    address = reverse(f"admin:sync_delivery_{name}", args=[rows["delivery"]])
    assert browser.get(address).status_code == 200
    assert browser.get(address, {"confirmed": "yes"}).status_code == 200
    assert status_of(rows["delivery"]) == "pending"
    assert browser.post(address, {"confirmed": "yes"}).status_code == 302
    assert status_of(rows["delivery"]) == result


@pytest.mark.parametrize("role", ["Auditor", "Conflict reviewer", "Procedure editor"])
def test_roles_that_do_not_govern_cannot_act(role, rows, sign_in):
    browser = sign_in(role)
    assert b"park_selected" not in browser.get(page("delivery")).content
    browser.post(page("delivery"), select(rows["delivery"], confirmed="yes"))
    address = reverse("admin:sync_delivery_park_one", args=[rows["delivery"]])
    assert browser.post(address, {"confirmed": "yes"}).status_code == 403
    assert status_of(rows["delivery"]) == "pending"


def test_strangers_cannot_act(rows):
    Client().post(page("delivery"), select(rows["delivery"], confirmed="yes"))
    Client().post(reverse("admin:sync_delivery_park_one", args=[rows["delivery"]]), {"confirmed": "yes"})
    assert status_of(rows["delivery"]) == "pending"


def test_a_limited_user_cannot_act_on_other_tenants(rows, sign_in):
    browser = sign_in("Administrator", tenants=["acme"])
    browser.post(page("delivery"), select(rows["foreign"], confirmed="yes"))
    address = reverse("admin:sync_delivery_park_one", args=[rows["foreign"]])
    assert browser.post(address, {"confirmed": "yes"}).status_code == 404
    assert status_of(rows["foreign"]) == "pending"


# -- jobs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_the_jobs_page_tells_of_every_job(role, rows, sign_in):
    schedules.declare()
    job_runs.run("sync_sweep", now=True)
    content = sign_in(role).get(reverse("admin:sync_jobs")).content.decode()
    for job in jobs.every():
        assert f"?job={job.name}" in content
        assert job.description.replace("'", "&#x27;") in content
    assert "It has not run yet." in content
    assert "nothing to do" in content
    assert "2 settled" in content


def test_the_jobs_page_is_for_staff():
    assert Client().get(reverse("admin:sync_jobs")).status_code == 302


def test_the_list_of_runs_leads_to_it(rows, sign_in):
    content = sign_in("Auditor").get(page("jobrun")).content.decode()
    assert "All jobs" in content
    assert "2 settled" in content


def test_a_number_of_rows_costs_no_further_queries(rows, sign_in, django_assert_max_num_queries):
    browser = sign_in("Administrator")
    for _ in range(20):
        announce()
    with django_assert_max_num_queries(20):
        browser.get(page("delivery"))


@pytest.mark.parametrize("model", [Schedule, Success, Failure, OrmQ])
def test_the_pages_where_functions_can_be_named_are_gone(model):
    assert not admin.site.is_registered(model)
