"""The relationship doors over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import HubClient, MakeClient


@pytest.fixture
def alden(api: MakeClient) -> HubClient:
    return api(agent="alden")


def store(client: HubClient, key: str) -> str:
    return str(client.post("/memory/context/store", {"key": key, "value": key}).json()["entry_id"])


def test_the_journey_of_a_relationship(alden: HubClient) -> None:
    one, two = store(alden, "one"), store(alden, "two")
    order = {"target_id": two, "relationship_type": "supports", "strength": 0.7}
    made = alden.post(f"/memory/context/{one}/relationships", order)
    assert made.status_code == 201
    assert made.json() | order == made.json()
    assert alden.post(f"/memory/context/{one}/relationships", order | {"strength": 0.2}).status_code == 200

    [link] = alden.get(f"/memory/context/{two}/relationships?direction=in").json()["results"]
    assert (link["source_id"], link["strength"], link["author"]) == (one, 0.2, "alden")
    found = alden.get(f"/memory/context/{one}/related?depth=2").json()
    [neighbor] = found["results"]
    assert (neighbor["distance"], neighbor["entry"]["key"], found["truncated"]) == (1, "two", False)
    assert neighbor["relationship"]["relationship_id"] == link["relationship_id"]

    address = f"/memory/context/{one}/relationships/{link['relationship_id']}"
    assert [alden.delete(address).status_code for _ in range(2)] == [200, 404]
    assert alden.get(f"/memory/context/{one}/related").json()["results"] == []


@pytest.mark.parametrize(
    "fields",
    [{"strength": 1.1}, {"strength": -0.1}, {"strength": "1"}, {"relationship_type": ""}, {"target_id": 1}, {"x": 1}],
)
def test_bad_orders(alden: HubClient, fields: dict[str, Any]) -> None:
    one, two = store(alden, "one"), store(alden, "two")
    order = {"target_id": two, "relationship_type": "supports"} | fields
    assert alden.post(f"/memory/context/{one}/relationships", order).status_code == 400


@pytest.mark.parametrize("query", ["depth=3", "depth=0", "limit=151", "direction=up", "who=me"])
def test_bad_questions(alden: HubClient, query: str) -> None:
    assert alden.get(f"/memory/context/{store(alden, 'one')}/related?{query}").status_code == 400


def test_a_link_to_what_one_cannot_see_is_404(api: MakeClient, alden: HubClient) -> None:
    theirs = store(api(tenant="other", agent="alden"), "theirs")
    mine = store(alden, "mine")
    order = {"target_id": theirs, "relationship_type": "supports"}
    answer = alden.post(f"/memory/context/{mine}/relationships", order)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (404, "target_id")
