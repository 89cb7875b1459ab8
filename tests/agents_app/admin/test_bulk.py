"""Many conflicts by one strategy: shown first, then decided one by one, with an outcome for each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from agents_app.services import conflicts
from memoryhub.access.principals import Principal
from tests.agents_app.admin.reviewing import CURRENT, change, conflict_of, entry_of, open_conflict, resolve
from tests.registry.admin.test_entries import stored

BULK = "/admin/agents_app/conflict/bulk/"
MERGED = {"base": {"a": 1, "b": 1}, "current": {"a": 2, "b": 1}, "offered": {"a": 1, "b": 2}}


def preview(browser: Client, *chosen: UUID, strategy: str = "merge_content", back: str = "") -> Any:
    return browser.post(BULK, {"chosen": [str(pk) for pk in chosen], "strategy": strategy, "back": back})


def commit(browser: Client, shown: Any, reason: str = "they fit together") -> Any:
    tickets = [row.ticket for row in shown.context["rows"] if not row.stays]
    fields = {"confirmed": "yes", "strategy": shown.context["strategy"], "ticket": tickets, "reason": reason}
    return browser.post(BULK, fields)


def test_the_preview_counts_shows_and_changes_nothing(db: None, sign_in: Any) -> None:
    fits, clashes = open_conflict("fits", **MERGED), open_conflict("clashes")
    shown = preview(sign_in("Conflict reviewer"), fits, clashes)
    rows = {row.conflict.key: row for row in shown.context["rows"]}
    assert [line.place for line in rows["fits"].lines] == ["/b"]
    assert "1 clash" in rows["clashes"].stays
    assert (shown.context["deciding"], shown.context["changing"], shown.context["staying"]) == (1, 1, 1)
    assert (entry_of(fits).sync_version, conflict_of(fits).status) == (2, "open")


def test_what_was_shown_is_decided_with_the_reason(db: None, sign_in: Any) -> None:
    fits, clashes = open_conflict("fits", **MERGED), open_conflict("clashes")
    browser = sign_in("Conflict reviewer")
    done = commit(browser, preview(browser, fits, clashes))
    assert [(each.conflict.key, each.done) for each in done.context["outcomes"]] == [("fits", True)]
    assert entry_of(fits).value == {"a": 2, "b": 2}
    assert conflict_of(fits).decision_reason == "they fit together"
    assert conflict_of(clashes).status == "open"


def test_one_that_moved_stays_and_does_not_stop_the_others(db: None, sign_in: Any) -> None:
    moved, decided, third = (open_conflict(f"k{number}") for number in range(3))
    browser = sign_in("Conflict reviewer")
    shown = preview(browser, moved, decided, third, strategy="latest_wins")
    change(entry_of(moved).pk, CURRENT | {"city": "Ulm"}, "desk-bot", 2)
    resolve(browser, decided, strategy="side:current")
    done = commit(browser, shown)
    assert [each.done for each in done.context["outcomes"]] == [False, False, True]
    assert "desk-bot wrote version 3" in done.context["outcomes"][0].says
    assert entry_of(moved).value == CURRENT | {"city": "Ulm"}
    assert conflict_of(moved).status == "open"


def test_findings_stay_for_a_person(db: None, sign_in: Any) -> None:
    one, two = stored({"a": 1}, key="one"), stored({"a": 1}, key="two")
    job = Principal(kind="system", name="system:detection", tenant_id="acme", permissions=frozenset({"read", "write"}))
    found = conflicts.create_found("duplicate", one, two, confidence=0.9, evidence={}, principal=job)
    assert found is not None
    shown = preview(sign_in(), found.pk, strategy="latest_wins")
    assert "two entries" in shown.context["rows"][0].stays


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"chosen": "x", "strategy": "latest_wins"},
        {"chosen": str(UUID(int=1)), "strategy": "manual_review"},
        {"confirmed": "yes", "strategy": "latest_wins", "ticket": "x:1:2"},
        {"confirmed": "yes", "strategy": "latest_wins", "reason": "x" * 501},
        {"confirmed": "yes", "strategy": "nonsense", "reason": "r"},
    ],
)
def test_half_a_form_leads_back_to_the_queue(fields: dict[str, str], db: None, sign_in: Any) -> None:
    answer = sign_in().post(BULK, fields | {"back": "view=mine&next=//elsewhere.example"})
    assert answer.url == "/admin/agents_app/conflict/?view=mine"


def test_nothing_of_another_tenant_is_shown_or_decided(db: None, sign_in: Any) -> None:
    pk = open_conflict()
    stored(key="other", tenant="globex")
    browser = sign_in("Conflict reviewer", tenants=["globex"])
    assert preview(browser, pk, strategy="latest_wins").context["rows"] == []
    conflict = conflict_of(pk)
    ticket = f"{pk}:{conflict.version}:2"
    fields = {"confirmed": "yes", "strategy": "latest_wins", "ticket": ticket, "reason": "mine now"}
    assert browser.post(BULK, fields).context["outcomes"] == []
    assert conflict_of(pk).status == "open"
