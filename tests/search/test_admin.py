"""The search index in the admin: rows of entries and messages, and whether they have vectors."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from memoryhub.access.walls import behind_walls
from memoryhub.search.models import IndexRow, Vector
from tests.conftest import MakeClient
from tests.search.conftest import STAFF

pytestmark = pytest.mark.django_db
LIST = reverse("admin:search_indexrow_changelist")


def indexed(api: MakeClient, key: str = "k", value: str = "apples and pears") -> UUID:
    stored = api().post("/memory/context/store", {"key": key, "value": value, "scope": "tenant", "layer": "long_term"})
    return UUID(stored.json()["entry_id"])


def shown(browser: Client, address: str = LIST, **query: Any) -> str:
    answer = browser.get(address, query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_rows_are_found_by_words_and_by_id(api: MakeClient, sign_in: Any) -> None:
    wanted, other = indexed(api), indexed(api, "other", "cherries")
    for term in ("pears", str(wanted)):
        page = shown(sign_in(), q=term)
        assert str(wanted) in page
        assert str(other) not in page


def test_what_has_no_vector_yet_is_told_apart(api: MakeClient, sign_in: Any) -> None:
    made, missing = indexed(api, "made"), indexed(api, "missing")
    with behind_walls(STAFF):
        row = IndexRow.objects.get(pk=made)
        Vector.objects.create(row_id=made, model="m", tenant_id=row.tenant_id, version=1, embedding=[1.0, 0.0])
    page = shown(sign_in(), vector="missing")
    assert str(missing) in page
    assert str(made) not in page
    assert ">m<" in shown(sign_in(), reverse("admin:search_indexrow_change", args=[made])).replace(" ", "")


def test_the_list_asks_no_more_for_more_rows(api: MakeClient, sign_in: Any, django_assert_max_num_queries: Any) -> None:
    for n in range(12):
        indexed(api, f"k{n}")
    browser = sign_in("Auditor")
    with django_assert_max_num_queries(14):
        shown(browser)


def test_other_tenants_rows_are_not_there(api: MakeClient, sign_in: Any) -> None:
    row = indexed(api)
    browser = sign_in("Administrator", tenants=[other_tenant(api)])
    assert str(row) not in shown(browser)
    assert browser.get(reverse("admin:search_indexrow_change", args=[row])).status_code == 302


def other_tenant(api: MakeClient) -> str:
    api(tenant="globex")
    return "globex"


def test_nobody_edits_the_index(api: MakeClient, sign_in: Any) -> None:
    address = reverse("admin:search_indexrow_change", args=[indexed(api)])
    assert sign_in().post(address, {"content": "x"}).status_code == 403
    assert Client().get(LIST).status_code == 302
