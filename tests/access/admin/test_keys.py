"""A key's life in the admin: made by a form, seen once, rotated, revoked."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from memoryhub.access import credentials
from memoryhub.access.exceptions import Unauthenticated
from memoryhub.access.models import ApiKey
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub.access.walls import behind_walls

SYSTEM = system_principal("test")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
ADD = "admin:access_apikey_add"
KEY = re.compile(r"mh_[0-9a-f]{16}_[0-9a-f]{64}_[0-9a-f]{8}")


def form(**values: Any) -> dict[str, Any]:
    return {"name": "ci", "tenant_id": "acme", "scopes": ["read", "write"]} | values


def stored() -> list[ApiKey]:
    with behind_walls(READER):
        return list(ApiKey.objects.all())


def shown(page: Any) -> str | None:
    found = KEY.search(page.content.decode())
    return found.group() if found else None


@pytest.fixture
def made(tenant) -> tuple[ApiKey, str]:
    return keys.create(principal=SYSTEM, tenant_id=tenant, scopes=["read"], name="ci")


def address(key: ApiKey, name: str) -> str:
    return reverse(f"admin:access_apikey_{name}", args=[key.pk])


def test_a_new_key_is_shown_once_on_the_next_page(tenant, sign_in):
    browser = sign_in("Administrator")
    assert b"Make the key" in browser.get(reverse(ADD)).content
    answer = browser.post(reverse(ADD), form(days=30))
    text = shown(browser.get(answer["Location"]))
    assert text is not None
    assert credentials.verify(text).name == "ci"
    again = browser.get(answer["Location"])
    assert shown(again) is None
    assert b"shown once" in again.content
    (key,) = stored()
    assert key.created_by.startswith("staff")


def test_between_the_pages_the_key_rests_nowhere(tenant, sign_in):
    browser = sign_in("Administrator")
    answer = browser.post(reverse(ADD), form())
    resting = str([row.get_decoded() for row in Session.objects.all()]) + answer["Location"] + answer.content.decode()
    secret = str(shown(browser.get(answer["Location"]))).split("_")[2]
    assert secret not in resting
    assert answer.cookies["memoryhub_new_key"]["httponly"]


def test_the_page_shows_it_to_nobody_else(tenant, sign_in):
    browser, other = sign_in("Administrator"), sign_in("Administrator")
    answer = browser.post(reverse(ADD), form())
    assert shown(other.get(answer["Location"])) is None
    other.cookies["memoryhub_new_key"] = browser.cookies["memoryhub_new_key"].value
    assert shown(other.get(answer["Location"])) is None


def test_the_page_may_not_be_cached(tenant, sign_in):
    browser = sign_in("Administrator")
    page = browser.get(browser.post(reverse(ADD), form())["Location"])
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"scopes": []}, "required"),
        ({"scopes": ["root"]}, "root"),
        ({"agent_id": "ghost"}, "no active agent"),
        ({"tenant_id": "nowhere"}, "valid choice"),
        ({"tenant_id": ""}, "required"),
        ({"tenant_id": "*", "agent_id": "a"}, "bound to no agent"),
        ({"days": "0"}, "greater than or equal to 1"),
    ],
)
def test_wrong_forms_come_back_with_the_reason(tenant, sign_in, wrong, says):
    page = sign_in("Administrator").post(reverse(ADD), form(**wrong))
    assert page.status_code == 200
    assert says in page.content.decode()
    assert stored() == []


def test_limited_staff_makes_keys_of_its_tenants_only(tenant, sign_in):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    browser = sign_in("Administrator", tenants=["acme"])
    assert b"globex" not in browser.get(reverse(ADD)).content
    for foreign in ("globex", "*", ""):
        assert browser.post(reverse(ADD), form(tenant_id=foreign)).status_code == 200
    assert stored() == []
    assert browser.post(reverse(ADD), form()).status_code == 302


def test_a_platform_key_is_made_by_those_who_see_all_tenants(db, sign_in):
    assert sign_in("Administrator").post(reverse(ADD), form(tenant_id="*")).status_code == 302
    assert [key.tenant_id for key in stored()] == [None]


@pytest.mark.parametrize("page", ["rotate", "revoke"])
def test_looking_at_the_question_changes_nothing(made, sign_in, page):
    answer = sign_in("Administrator").get(address(made[0], page))
    assert answer.status_code == 200
    assert b'method="post"' in answer.content
    assert credentials.verify(made[1])
    assert len(stored()) == 1


@pytest.mark.parametrize("page", ["rotate", "revoke"])
def test_only_administrators_answer_it(made, sign_in, page):
    for browser, status in [(Client(), 302), (sign_in("Auditor"), 403), (sign_in("Procedure editor"), 403)]:
        assert browser.get(address(made[0], page)).status_code == status
        assert browser.post(address(made[0], page), {"grace": "0"}).status_code == status
    assert credentials.verify(made[1])
    assert len(stored()) == 1


def test_forms_need_the_token_against_forgery(made, sign_in):
    browser = sign_in("Administrator")
    browser.handler.enforce_csrf_checks = True
    assert browser.post(address(made[0], "revoke"), {}).status_code == 403
    assert browser.post(reverse(ADD), form()).status_code == 403


def test_revoking(made, sign_in):
    browser = sign_in("Administrator")
    assert browser.get(address(made[0], "change")).status_code == 200
    page = browser.post(address(made[0], "revoke"), {"reason": "leaked"}, follow=True)
    assert b"is revoked" in page.content
    with pytest.raises(Unauthenticated):
        credentials.verify(made[1])


def test_rotating_shows_the_successor_once(made, sign_in):
    browser = sign_in("Administrator")
    answer = browser.post(address(made[0], "rotate"), {"grace": "24"})
    text = shown(browser.get(answer["Location"]))
    assert text is not None
    assert credentials.verify(text).name == "ci"
    assert credentials.verify(made[1])
    page = browser.post(address(made[0], "rotate"), {"grace": "24"}, follow=True)
    assert b"successor that still works" in page.content


def test_keys_of_other_tenants_are_not_there_for_limited_staff(made, sign_in):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    browser = sign_in("Administrator", tenants=["globex"])
    for page in ("rotate", "revoke"):
        assert browser.get(address(made[0], page)).status_code == 404
        assert browser.post(address(made[0], page), {"grace": "0"}).status_code == 404
    assert credentials.verify(made[1])


def test_the_list_can_be_searched_and_filtered(made, sign_in):
    agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id="planner")
    keys.create(principal=SYSTEM, tenant_id="acme", agent_id="planner", scopes=["read"], name="other")
    browser = sign_in("Auditor")
    page = browser.get(reverse("admin:access_apikey_changelist"), {"q": "planner"}).content.decode()
    assert "other" in page
    assert made[0].public_id not in page
    for state, there in [("works", True), ("expired", False), ("revoked", False)]:
        page = browser.get(reverse("admin:access_apikey_changelist"), {"state": state}).content.decode()
        assert (made[0].public_id in page) is there
