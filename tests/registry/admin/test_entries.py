"""Entries in the admin: lists, the page of one entry, editing its value."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin import site
from django.test import Client
from django.urls import reverse

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, grants, tenants
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Change, Draft

SYSTEM = system_principal("test")
HOSTILE = "<script>alert(1)</script>{{ 7*7 }}\u202egnp\u200b\" onload='x'"
LISTS = ["contextentry", "ephemeralentry", "entryversion", "relationship", "contextgroup", "accessrecord", "entrylock"]


def writer(tenant: str = "acme", agent: str = "writer", user: str | None = None) -> Principal:
    return Principal(
        kind="key",
        name="k",
        tenant_id=tenant,
        agent_id=agent,
        named_user=user,
        permissions=frozenset({"read", "write"}),
    )


def address(page: str, *args: Any, model: str = "contextentry") -> str:
    return reverse(f"admin:registry_{model}_{page}", args=args)


def stored(value: Any = "v", key: str = "k", tenant: str = "acme", **fields: Any) -> UUID:
    tenants.ensure(principal=SYSTEM, tenant_id=tenant)
    draft = Draft(**{"key": key, "value": value, "scope": "tenant", "layer": "long_term", **fields})
    return entries.store(draft, principal=writer(tenant)).entry_id


def page_of(browser: Client, entry: UUID, **query: Any) -> str:
    answer = browser.get(address("change", entry), query)
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


@pytest.mark.parametrize("model", LISTS)
def test_lists_open_for_the_auditor_and_for_nobody_else_outside(model: str, db: None, sign_in: Any) -> None:
    assert sign_in("Auditor").get(address("changelist", model=model)).status_code == 200
    assert Client().get(address("changelist", model=model)).status_code == 302


@pytest.mark.parametrize("model", LISTS)
def test_nothing_is_added_or_deleted_by_the_theme_s_forms(model: str, db: None, sign_in: Any) -> None:
    pages = next(pages for known, pages in site._registry.items() if known._meta.model_name == model)
    request: Any = None
    assert not pages.has_add_permission(request)
    assert not pages.has_delete_permission(request)
    assert not pages.has_change_permission(request)


@pytest.mark.parametrize("model", LISTS)
def test_the_number_of_queries_of_a_list_does_not_grow_with_its_rows(
    model: str, db: None, sign_in: Any, django_assert_max_num_queries: Any
) -> None:
    browser = sign_in()
    for number in range(30):
        stored(key=f"k{number}")
    stored(key="e", layer="ephemeral")
    with django_assert_max_num_queries(16):
        assert browser.get(address("changelist", model=model)).status_code == 200


def test_a_list_is_found_by_key_and_by_id(db: None, sign_in: Any) -> None:
    browser = sign_in()
    wanted, other = stored(key="apples"), stored(key="pears")
    for term in ("appl", str(wanted)):
        shown = browser.get(address("changelist"), {"q": term}).content.decode()
        assert str(wanted) in shown
        assert str(other) not in shown


@pytest.mark.parametrize(
    "query", [{"state": "deleted"}, {"tenant": "globex"}, {"layer__exact": "permanent"}, {"is_category": "x"}]
)
def test_filters_leave_out_what_does_not_match(query: dict[str, str], db: None, sign_in: Any) -> None:
    entry = stored()
    assert str(entry) not in sign_in().get(address("changelist"), query).content.decode()


def test_staff_limited_to_a_tenant_sees_no_other(db: None, sign_in: Any) -> None:
    tenants.ensure(principal=SYSTEM, tenant_id="acme")
    foreign = stored(tenant="globex", key="secret-key")
    browser = sign_in("Administrator", tenants=["acme"])
    assert "secret-key" not in browser.get(address("changelist")).content.decode()
    assert browser.get(address("change", foreign)).status_code == 404
    assert browser.get(address("edit", foreign)).status_code == 404


def test_the_page_shows_value_versions_and_who_may_read(db: None, sign_in: Any) -> None:
    entry = stored({"plan": "gold"}, scope="agent", reason="first call")
    for name in ("writer", "planner"):
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=name)
    grants.grant(principal=writer(), entry_id=entry, agent_ids=["planner"], note="for the renewal")
    shown = page_of(sign_in(), entry)
    for text in ("gold", "first call", "for the renewal", "Long term"):
        assert text in shown


def test_versions_are_compared_by_path_and_word(db: None, sign_in: Any) -> None:
    entry = stored({"note": "likes black tea", "n": 1})
    entries.change(entry, Change(value={"note": "likes green tea"}, if_version=1), principal=writer())
    shown = page_of(sign_in(), entry, compare="1", **{"with": "2"})
    assert "/note" in shown
    assert "<del>black</del><ins>green</ins>" in shown
    assert "removed" in shown


@pytest.mark.parametrize("query", [{"compare": "1", "with": "99"}, {"compare": "x"}, {"compare": "1"}, {"before": "²"}])
def test_a_comparison_that_makes_no_sense_is_left_out(query: dict[str, str], db: None, sign_in: Any) -> None:
    assert 'id="comparison"' not in page_of(sign_in(), stored(), **query)


def test_what_agents_wrote_is_data(db: None, sign_in: Any) -> None:
    entry = stored({HOSTILE: [HOSTILE]}, key=HOSTILE, metadata={"m": HOSTILE}, reason=HOSTILE, category=HOSTILE)
    browser = sign_in()
    for shown in (
        page_of(browser, entry),
        browser.get(address("changelist")).content.decode(),
        browser.get(address("changelist", model="entryversion")).content.decode(),
        browser.get(address("edit", entry)).content.decode(),
    ):
        assert "<script>alert" not in shown
        assert "onload='x'" not in shown
        assert "{{ 7*7 }}" in shown
    assert "U+202E" in page_of(browser, entry)
    assert "\u202e" not in page_of(browser, entry)


def edited(browser: Client, entry: UUID, **fields: Any) -> Any:
    return browser.post(address("edit", entry), {"value": '{"a": 2}', "reason": "", "version": 1, **fields})


def test_a_value_is_edited_against_the_version_shown(db: None, sign_in: Any) -> None:
    entry = stored({"a": 1})
    browser = sign_in()
    assert '"a": 1' in browser.get(address("edit", entry)).content.decode().replace("&quot;", '"')
    assert edited(browser, entry, reason="typo").status_code == 302
    found = entries.get(entry, principal=writer())
    assert (found.value, found.sync_version) == ({"a": 2}, 2)
    assert "typo" in page_of(browser, entry)


def test_a_stale_edit_keeps_what_was_typed_and_says_so(db: None, sign_in: Any) -> None:
    entry = stored({"a": 1})
    entries.change(entry, Change(value={"a": 3}, if_version=1), principal=writer())
    browser = sign_in()
    answer = edited(browser, entry, value='{"typed": "by me"}', reason="mine")
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "typed" in shown
    assert 'name="version" value="2"' in shown
    assert entries.get(entry, principal=writer()).value == {"a": 3}
    assert edited(browser, entry, value='{"typed": "by me"}', version=2).status_code == 302


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ('{"a": }', "Line 1, column 7"),
        ('{"a": 1, "a": 2}', "stands twice"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[" * 3000, "nested"),
        ('"\\u0000"', "value"),
        ("9" * 5000, "too long"),
        ("", "required"),
    ],
)
def test_what_is_not_json_is_refused_and_kept(typed: str, said: str, db: None, sign_in: Any) -> None:
    entry = stored({"a": 1})
    answer = edited(sign_in(), entry, value=typed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert entries.get(entry, principal=writer()).sync_version == 1


def test_an_auditor_edits_nothing(db: None, sign_in: Any) -> None:
    entry = stored({"a": 1})
    browser = sign_in("Auditor")
    assert "Edit value" not in page_of(browser, entry)
    assert edited(browser, entry).status_code in (403, 404)
    assert entries.get(entry, principal=writer()).sync_version == 1


def test_an_entry_that_does_not_exist(db: None, sign_in: Any) -> None:
    browser = sign_in()
    assert browser.get(address("change", "01900000-0000-7000-8000-000000000000")).status_code == 404
    assert browser.get("/admin/registry/contextentry/no-id/change/").status_code == 404
