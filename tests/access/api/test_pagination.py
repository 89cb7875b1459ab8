"""Pages: every row once, in order, for the list they were made for."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from memoryhub.access.api.pagination import PageQuery, page
from memoryhub.access.api.views import HubView
from memoryhub.access.models import Agent, AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents
from tests.access.api.doors import handler404, note

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
SYSTEM = system_principal("test")
__all__ = ["handler404"]


class AgentsQuery(PageQuery):
    active = serializers.BooleanField(required=False)


class AgentsView(HubView):
    def get(self, request: Request) -> Response:
        query = self.read(AgentsQuery, request, query=True)
        principal = self.principal(request)
        rows = Agent.objects.visible_to(principal)
        if "active" in query:
            rows = rows.filter(active=query["active"])
        return page(
            request, rows, principal=principal, query=query, render=lambda found: [{"id": a.agent_id} for a in found]
        )


class TrailView(HubView):
    def get(self, request: Request) -> Response:
        query = self.read(PageQuery, request, query=True)
        rows = AuditEvent.objects.filter(action="test.noted").values("at", "id", "object_id")
        principal = self.principal(request)
        return page(request, rows, principal=principal, query=query, order=("at", "id"), render=list)


urlpatterns = [path("memory/agents", AgentsView.as_view()), path("memory/trail", TrailView.as_view())]


@pytest.fixture
def team(tenant):
    for number in range(7):
        agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id=f"a{number}")


def walk(client: Any, address: str | None) -> list[list[str]]:
    pages = []
    while address:
        body = client.get(address).json()
        assert body["success"] is True
        pages.append([row["id"] for row in body["results"]])
        address = body["next"]
    return pages


def test_newest_first_every_row_once(api, team):
    assert walk(api(), "/memory/agents?limit=3") == [["a6", "a5", "a4"], ["a3", "a2", "a1"], ["a0"]]


def test_an_exact_last_page_has_no_next(api, team):
    assert len(walk(api(), "/memory/agents?limit=7")) == 1


def test_rows_that_arrive_meanwhile_do_not_shift_the_pages(api, team):
    client = api()
    first = client.get("/memory/agents?limit=5").json()
    agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id="late")
    assert walk(client, first["next"]) == [["a1", "a0"]]


def test_filters_stay_on_the_next_page(api, team):
    agents.change(principal=SYSTEM, tenant_id="acme", agent_id="a3", active=False)
    pages = walk(api(), "/memory/agents?limit=4&active=true")
    assert pages == [["a6", "a5", "a4", "a2"], ["a1", "a0"]]


def test_oldest_first_and_values_rows(api, tenant):
    writer = Principal(kind="key", name="k", tenant_id=tenant)
    for text in "abc":
        note(principal=writer, text=text)
    body = api().get("/memory/trail?limit=2").json()
    assert [row["object_id"] for row in body["results"]] == ["a", "b"]
    assert [row["object_id"] for row in api().get(body["next"]).json()["results"]] == ["c"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=-1", "page=2", "cursor=nonsense", "cursor=%00"]
)
def test_wrong_queries_are_400_by_field(api, team, query):
    answer = api().get(f"/memory/agents?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.split("=")[0]


def test_a_cursor_works_for_its_own_list_only(api, team, make_key):
    onward = api().get("/memory/agents?limit=2").json()["next"]
    cursor = onward.split("cursor=")[1].split("&")[0]
    for client, address in [
        (api(tenant="globex"), f"/memory/agents?limit=2&cursor={cursor}"),
        (api(), f"/memory/trail?cursor={cursor}"),
        (api(), f"/memory/agents?active=true&cursor={cursor}"),
        (api(), f"/memory/agents?cursor={cursor[:-1]}"),
    ]:
        answer = client.get(address)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")
    assert api().get(f"/memory/agents?limit=1&cursor={cursor}").status_code == 200


def test_a_page_costs_one_statement_whatever_its_size(api, team, django_assert_num_queries):
    client = api()
    client.get("/memory/agents?limit=1")
    for limit in (1, 7):
        with django_assert_num_queries(5):  # savepoint, walls, rows, walls put back, release
            client.get(f"/memory/agents?limit={limit}")
