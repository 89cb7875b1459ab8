"""The first page of the admin: what needs a human, what happened, health, totals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.utils import timezone

from memoryhub import attention, figures
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import keys, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import AccessTotal
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.sync.models import Delivery, JobRun
from memoryhub.sync.services import deliveries, heartbeats
from sessions_app.services import handoffs, messages, sessions

SYSTEM = system_principal("test")
EVERYTHING = Principal(kind="staff", name="boss", permissions=frozenset({"admin"}))


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine every part of the page may take its time."""
    monkeypatch.setattr("memoryhub.dashboard.PATIENCE_MS", 60_000)


@pytest.fixture
def healthy(db: None, as_role: Any) -> None:
    """Relay and jobs are alive."""
    tenants.ensure(principal=SYSTEM, tenant_id="acme")
    heartbeats.beat(heartbeats.RELAY)
    heartbeats.beat(heartbeats.JOBS)


def agent(name: str = "a", tenant: str = "acme") -> Principal:
    return Principal(kind="key", name="k", tenant_id=tenant, agent_id=name, permissions=frozenset({"read", "write"}))


def store(key: str = "k", tenant: str = "acme") -> None:
    tenants.ensure(principal=SYSTEM, tenant_id=tenant)
    entries.store(Draft(key=key, value="v", scope="tenant", layer="long_term"), principal=agent(tenant=tenant))


def shown(browser: Any) -> str:
    answer = browser.get("/admin/")
    assert answer.status_code == 200
    return str(answer.content.decode())


def waiting(browser: Any) -> list[str]:
    return [item.title for item in browser.get("/admin/").context["waiting"]]


def test_all_clear_says_so_and_when(healthy: None, sign_in: Any) -> None:
    page = shown(sign_in())
    assert "All clear." in page
    assert "Checked at" in page


def test_what_needs_a_human_comes_in_order(healthy: None, sign_in: Any) -> None:
    store()
    with behind_walls(EVERYTHING):
        waiting_now = list(Delivery.objects.values_list("pk", flat=True)[:1])
    deliveries.park(waiting_now, principal=EVERYTHING, reason="r")
    sessions.start(principal=agent(), session_id="s")
    back = handoffs.give(session_id="s", to_agent="b", handoff_reason="r", principal=agent())
    handoffs.reject(handoff_id=back.pk, principal=agent("b"), reason="no")
    JobRun.objects.create(job="decay", outcome="failed", finished_at=timezone.now(), error="e")
    heartbeats.beat(heartbeats.RELAY)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE memory_heartbeats SET at = at - interval '1 hour' WHERE name = 'jobs'")
    keys.create(
        principal=SYSTEM, tenant_id="acme", scopes=["read"], name="k", expires_at=timezone.now() + timedelta(days=2)
    )
    assert waiting(sign_in()) == [
        "Parked delivery",
        "Hand-off came back",
        "Failing job",
        "Not well: jobs",
        "Key ends within a week",
    ]


def test_a_hand_off_that_was_given_again_needs_nobody(healthy: None, sign_in: Any) -> None:
    sessions.start(principal=agent(), session_id="s")
    messages.append(session_id="s", messages=[messages.NewMessage("user", "hi")], principal=agent())
    back = handoffs.give(session_id="s", to_agent="b", handoff_reason="r", principal=agent())
    handoffs.reject(handoff_id=back.pk, principal=agent("b"), reason="no")
    browser = sign_in()
    assert waiting(browser) == ["Hand-off came back"]
    handoffs.give(session_id="s", to_agent="c", handoff_reason="r", principal=agent())
    assert waiting(browser) == []


def test_a_job_that_ran_well_again_needs_nobody(healthy: None, sign_in: Any) -> None:
    for outcome in ("failed", "done"):
        JobRun.objects.create(job="decay", outcome=outcome, finished_at=timezone.now())
    assert waiting(sign_in()) == []


def test_a_rotated_or_revoked_key_needs_nobody(healthy: None, sign_in: Any) -> None:
    soon = timezone.now() + timedelta(days=1)
    for name in ("rotated", "revoked"):
        key, _ = keys.create(principal=SYSTEM, tenant_id="acme", scopes=["read"], name=name, expires_at=soon)
        if name == "revoked":
            keys.revoke(principal=EVERYTHING, key_id=key.pk)
        else:
            keys.rotate(principal=EVERYTHING, key_id=key.pk)
    found = sign_in().get("/admin/").context["waiting"]
    # the successor lives as long as its parent was made for, so it is the one that ends soon
    assert [(item.title, item.count) for item in found] == [("Key ends within a week", 1)]


def test_a_count_that_fails_is_unavailable_and_not_zero(healthy: None, sign_in: Any, monkeypatch: Any) -> None:
    def broken(*_: Any) -> Any:
        raise DatabaseError("too slow")

    check = attention.Check("Parked deliveries", "sync.delivery", broken)
    monkeypatch.setattr(attention, "CHECKS", (check,))
    monkeypatch.setattr(figures, "totals", broken)
    monkeypatch.setattr(figures, "CHARTS", {"Reads per day": broken})
    page = shown(sign_in())
    assert "Parked deliveries: unavailable" in page
    assert "All clear" not in page
    assert page.count("unavailable") >= 3


def test_a_statement_that_takes_too_long_leaves_the_rest_of_the_page(
    healthy: None, sign_in: Any, monkeypatch: Any
) -> None:
    def slow(*_: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr("memoryhub.dashboard.PATIENCE_MS", 50)
    monkeypatch.setattr(attention, "CHECKS", (attention.Check("Slow", "sync.delivery", slow),))
    page = shown(sign_in())
    assert "Slow: unavailable" in page
    assert "Memories" in page


def test_totals_come_from_the_count_tables(healthy: None, sign_in: Any) -> None:
    for key in "abc":
        store(key)
    with behind_walls(EVERYTHING):
        AccessTotal.objects.create(tenant_id="acme", day=timezone.now().date(), accesses=1234)
    context = sign_in().get("/admin/").context
    totals = {total["title"]: total["count"] for total in context["totals"]}
    assert (totals["Memories"], totals["Reads in 7 days"], totals["Tenants"]) == (3, 1234, 1)
    charts = {each["title"]: each["chart"] for each in context["charts"]}
    assert dict(charts["Memories by layer"].rows)["Long term"] == 3
    assert charts["Written per day"].rows[-1][1] == 3
    assert charts["Reads per day"].rows[-1][1] == 1234


def test_staff_limited_to_a_tenant_counts_that_tenant_alone(healthy: None, sign_in: Any) -> None:
    store("a")
    store("b", tenant="globex")
    context = sign_in("Administrator", tenants=["globex"]).get("/admin/").context
    assert context["totals"][0]["count"] == 1
    assert {each["title"]: each["chart"].rows[-1][1] for each in context["charts"]}["Written per day"] == 1


def test_a_role_sees_the_parts_that_it_may_open(healthy: None, sign_in: Any) -> None:
    JobRun.objects.create(job="decay", outcome="failed", finished_at=timezone.now())
    context = sign_in("Conflict reviewer").get("/admin/").context
    assert not context["done_by_people"]["shown"]
    assert "requests refused" not in [row["title"] for row in context["happened"]]


def test_since_you_left_begins_where_the_last_visit_ended(healthy: None, sign_in: Any) -> None:
    browser = sign_in()
    first = browser.get("/admin/").context["since"]
    assert browser.get("/admin/").context["since"] == first
    left = timezone.now() - timedelta(hours=5)
    session = browser.session
    session["seen"] = left.isoformat()
    session.save()
    store()
    context = browser.get("/admin/").context
    assert context["since"] == left
    assert {row["title"]: row["count"] for row in context["happened"]}["memories written"] == 1


def test_the_page_asks_a_bounded_number_of_queries(
    healthy: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    for n in range(20):
        store(f"k{n}")
        sessions.start(principal=agent(), session_id=f"s{n}")
    browser = sign_in()
    with django_assert_max_num_queries(155):
        browser.get("/admin/")


def test_the_sidebar_shows_what_the_role_may_see(healthy: None, sign_in: Any) -> None:
    assert "/admin/access/apikey/" in shown(sign_in())
    reviewer = shown(sign_in("Conflict reviewer"))
    assert "/admin/registry/contextentry/" in reviewer
    assert "/admin/access/apikey/" not in reviewer


def test_links_lead_to_what_they_say(healthy: None, sign_in: Any) -> None:
    for key in "abc":
        store(key)
    with behind_walls(EVERYTHING):
        first = list(Delivery.objects.values_list("pk", flat=True)[:1])
    deliveries.park(first, principal=EVERYTHING, reason="r")
    for days in (1, 2):
        ends = timezone.now() + timedelta(days=days)
        keys.create(principal=SYSTEM, tenant_id="acme", scopes=["read"], name="k", expires_at=ends)
    for session in ("s", "t"):
        sessions.start(principal=agent(), session_id=session)
        back = handoffs.give(session_id=session, to_agent="b", handoff_reason="r", principal=agent())
        handoffs.reject(handoff_id=back.pk, principal=agent("b"), reason="no")
    JobRun.objects.create(job="decay", outcome="lost", finished_at=timezone.now())
    browser = sign_in()
    found = {item.title: item for item in browser.get("/admin/").context["waiting"]}
    assert len(found) == 4
    for item in found.values():
        answer = browser.get(item.link)
        assert answer.status_code == 200, item.link  # a filter that is not known would redirect
    assert browser.get(found["Parked delivery"].link).context["cl"].result_count == 1
    assert len(browser.get(found["Hand-offs came back"].link).context["cl"].result_list) == 2
