"""The conflict queue: who sees it, what stands in which view, in which order, at what cost."""

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

from agents_app.models import Candidate, Conflict
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from tests.registry.admin.test_entries import stored

EVERYTHING = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
QUEUE = "/admin/agents_app/conflict/"
HOSTILE = "<script>alert(1)</script>\u202egnp\" onload='x'"


@pytest.fixture(autouse=True)
def fresh_cache() -> None:
    cache.clear()


def found(key: str, *, tenant: str = "acme", agents: tuple[str, ...] = ("writer-bot",), **fields: Any) -> Conflict:
    """A conflict about a new entry, with a candidate of each agent."""
    entry: UUID = stored(key=key, tenant=tenant)
    with behind_walls(EVERYTHING):
        made: Conflict = Conflict.objects.create(
            **{"tenant_id": tenant, "kind": "edit", "entry_id": entry, "key": key, "current_version": 1, **fields}
        )
        for place, agent in enumerate(agents, 1):
            Candidate.objects.create(
                tenant_id=tenant, conflict=made, position=place, agent_id=agent, value=1, written_at=timezone.now()
            )
    return made


def keys_of(browser: Client, query: str = "") -> list[str]:
    answer = browser.get(QUEUE + query)
    assert answer.status_code == 200
    return [row.conflict.key for row in answer.context["rows"]]


def test_only_staff_that_may_see_conflicts_gets_in(db: None, sign_in: Any) -> None:
    found("k")
    assert Client().get(QUEUE).status_code == 302
    assert sign_in("").get(QUEUE).status_code == 403
    for role in ("Conflict reviewer", "Auditor", "Administrator"):
        assert keys_of(sign_in(role)) == ["k"]


def test_a_limited_reviewer_sees_the_conflicts_of_own_tenants(db: None, sign_in: Any) -> None:
    found("ours"), found("theirs", tenant="globex")
    browser = sign_in("Conflict reviewer", tenants=["acme"])
    assert keys_of(browser) == ["ours"]
    assert b"globex" not in browser.get(QUEUE).content
    assert keys_of(browser, "?tenant=globex") == []
    assert b'<span class="hub-tab-count">1</span>' in browser.get(QUEUE).content


def test_overdue_ones_come_first_then_by_severity_then_by_due_time(db: None, sign_in: Any) -> None:
    now = timezone.now()
    found("low", severity="low", due_at=now + timedelta(hours=1))
    found("later", severity="high", due_at=now + timedelta(hours=9))
    found("sooner", severity="high", due_at=now + timedelta(hours=2))
    found("undated", severity="high")
    found("late", severity="low", due_at=now - timedelta(minutes=1))
    found("critical", severity="critical")
    assert keys_of(sign_in()) == ["late", "critical", "sooner", "later", "undated", "low"]


def test_each_view_shows_its_conflicts_and_counts_them(db: None, sign_in: Any) -> None:
    now, browser = timezone.now(), sign_in()
    me = User.objects.get(pk=browser.session["_auth_user_id"])
    found("mine", assignee=me)
    found("late", due_at=now - timedelta(hours=1))
    found("worst", severity="critical")
    found("asleep", snoozed_until=now + timedelta(hours=1))
    found("awake", snoozed_until=now - timedelta(hours=1))
    found("done", status="resolved", decided_at=now, decided_by="ben", resolution="latest_wins")
    shown = {
        name: set(keys_of(browser, f"?view={name}")) for name in ("mine", "overdue", "critical", "snoozed", "decided")
    }
    assert shown == {
        "mine": {"mine"}, "overdue": {"late"}, "critical": {"worst"}, "snoozed": {"asleep"}, "decided": {"done"},
    }  # fmt: skip
    assert set(keys_of(browser)) == {"mine", "late", "worst", "awake"}
    assert set(keys_of(browser, "?view=unassigned")) == {"late", "worst", "awake"}
    counts = {tab["title"]: tab["count"] for tab in browser.get(QUEUE).context["tabs"]}
    assert counts == {
        "Open": 4, "Mine": 1, "Unassigned": 3, "Overdue": 1, "Critical": 1, "Snoozed": 1, "Decided": None,
    }  # fmt: skip


def test_what_is_asked_for_narrows_the_view(db: None, sign_in: Any) -> None:
    browser = sign_in()
    apples = found("fruit/apples", kind="creation", agents=("gardener", "cook"))
    found("fruit/pears", severity="high", agent_id="gardener", agents=())
    for query, wanted in (
        ("q=APPL", {"fruit/apples"}),
        (f"q={apples.pk}", {"fruit/apples"}),
        (f"q={apples.entry_id}", {"fruit/apples"}),
        ("agent=gardener", {"fruit/apples", "fruit/pears"}),
        ("agent=cook", {"fruit/apples"}),
        ("kind=creation", {"fruit/apples"}),
        ("severity=high", {"fruit/pears"}),
        ("kind=nonsense&view=nonsense&page=x", {"fruit/apples", "fruit/pears"}),
        ("q=plums", set()),
    ):
        assert set(keys_of(browser, f"?{query}")) == wanted, query


def test_an_empty_queue_says_so_and_shows_recent_decisions(db: None, sign_in: Any) -> None:
    browser = sign_in()
    assert "No conflict is open." in browser.get(QUEUE).content.decode()
    found("done", status="resolved", decided_at=timezone.now(), decided_by="ben", resolution="latest_wins")
    page = browser.get(QUEUE).content.decode()
    assert "Recent decisions" in page
    assert "Resolved: Latest wins" in page
    assert "No conflict matches these filters." in browser.get(f"{QUEUE}?q=x").content.decode()


def test_the_number_of_queries_does_not_grow_with_the_rows(
    db: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in()
    for number in range(12):
        found(f"k{number}", agents=("a", "b"))
    with django_assert_max_num_queries(16):
        assert len(keys_of(browser)) == 12


def test_a_long_queue_has_pages(db: None, sign_in: Any) -> None:
    browser = sign_in()
    for number in range(27):
        found(f"k{number}", agents=())
    assert (len(keys_of(browser)), len(keys_of(browser, "?page=2"))) == (25, 2)
    assert "Next page" in browser.get(QUEUE).content.decode()


def test_what_agents_wrote_stays_text(db: None, sign_in: Any) -> None:
    found("k", agent_id=HOSTILE, category=HOSTILE, agents=(HOSTILE,))
    page = sign_in().get(QUEUE).content.decode()
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "U+202E" in page


def test_the_sidebar_says_how_many_wait_and_nothing_for_none(db: None, sign_in: Any) -> None:
    browser = sign_in("Conflict reviewer")
    url = reverse("admin:agents_app_candidate_changelist")

    def badge() -> Any:
        cache.clear()
        items = [item for group in browser.get(url).context["sidebar_navigation"] for item in group["items"]]
        return next(item for item in items if item["title"] == "Conflicts").get("badge")

    assert badge() is None
    found("k")
    assert badge() == "1"


def test_the_dashboard_says_what_waits(db: None, sign_in: Any) -> None:
    browser = sign_in()
    now = timezone.now()
    found("late", due_at=now - timedelta(hours=1)), found("worst", severity="critical")
    found("mine", assignee_id=browser.session["_auth_user_id"])
    lines = {item.title: item for item in browser.get("/admin/").context["waiting"]}
    assert lines["Overdue conflict"].link == f"{QUEUE}?view=overdue"
    assert lines["Critical conflict"].urgent
    assert lines["Conflict assigned to you"].count == 1
    assert lines["Conflicts that nobody has taken"].count == 2
