"""The context doors: shapes, conditions, refusals."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.django_db

STORE, RETRIEVE = "/memory/context/store", "/memory/context/retrieve"
PREFERENCE = {
    "key": "customer_preference_123",
    "value": {"theme": "dark", "notifications": True},
    "layer": "long_term",
    "scope": "user",
    "priority": "high",
    "category": "user_preferences",
    "source": "ui_settings",
    "user_id": "user_789",
    "tenant_id": "acme",
}


@pytest.fixture
def client(api):
    return api(agent="alden")


def put(client: Any, key: str = "k", value: Any = 1, **fields: Any) -> Any:
    return client.post(STORE, {"key": key, "value": value, **fields})


def test_storing_answers_id_and_version(client):
    answer = client.post(STORE, PREFERENCE)
    assert answer.status_code == 200
    body = answer.json()
    assert {k: body[k] for k in ("success", "key", "layer", "scope", "sync_version")} == {
        "success": True,
        "key": "customer_preference_123",
        "layer": "long_term",
        "scope": "user",
        "sync_version": 1,
    }
    assert body["entry_id"]
    assert answer["ETag"] == '"1"'


def test_retrieving_answers_the_entry(client):
    stored = client.post(STORE, PREFERENCE).json()
    wanted = {k: PREFERENCE[k] for k in ("key", "scope", "user_id", "tenant_id")}
    answer = client.post(RETRIEVE, wanted)
    body = answer.json()
    for name in ("key", "value", "layer", "scope", "priority", "category", "source", "user_id"):
        assert body[name] == PREFERENCE[name]
    assert body["success"] is True
    assert (body["entry_id"], body["sync_version"], body["access_count"]) == (stored["entry_id"], 1, 0)
    assert body["created_at"].endswith("Z")
    assert body["created_at"] == body["updated_at"]
    assert (answer["ETag"], answer["Content-Type"]) == ('"1"', "application/json")


def test_an_entry_is_read_by_its_id_by_whom_it_concerns(client):
    stored = client.post(STORE, PREFERENCE).json()
    address = f"/memory/context/{stored['entry_id']}"
    assert client.get(address).status_code == 404
    answer = client.get(address, {"user_id": "user_789"})
    assert answer.json()["value"] == PREFERENCE["value"]
    assert answer["ETag"] == '"1"'


def test_a_change_takes_the_version_seen(client):
    stored = put(client).json()
    address = f"/memory/context/{stored['entry_id']}"
    answer = client.patch(address, {"value": {"theme": "light"}}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["sync_version"], answer["ETag"]) == (200, 2, '"2"')
    stale = client.patch(address, {"value": 3}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"], stale.json()["current_version"]) == (412, "version_stale", 2)
    assert client.patch(address, {"value": 3}).status_code == 428
    assert client.patch(address, {"value": 3}, headers={"If-None-Match": "*"}).status_code == 428
    assert client.patch(address, {"value": 3}, headers={"If-Match": 'W/"2"'}).status_code == 412
    assert client.patch(address, {"value": 3}, headers={"If-Match": "2"}).status_code == 400
    assert client.patch(address, {"value": None}, headers={"If-Match": "*"}).status_code == 200
    assert client.get(address).json()["value"] is None


def test_a_store_takes_conditions(client):
    assert client.post(STORE, {"key": "k", "value": 1}, headers={"If-None-Match": "*"}).status_code == 200
    again = client.post(STORE, {"key": "k", "value": 1}, headers={"If-None-Match": "*"})
    assert (again.status_code, again.json()["code"]) == (412, "version_stale")
    assert put(client, on_conflict="fail").status_code == 409
    assert put(client, on_conflict="keep").json()["kept"] is True
    assert client.post(STORE, {"key": "k", "value": 2}, headers={"If-Match": '"1"'}).status_code == 200
    both = {"If-Match": '"1"', "If-None-Match": "*"}
    assert client.post(STORE, {"key": "k", "value": 2}, headers=both).status_code == 400
    assert client.post(STORE, {"key": "k", "value": 2}, headers={"If-None-Match": '"1"'}).status_code == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"value": 1}, "key"),
        ({"key": "k"}, "value"),
        ({"key": "", "value": 1}, "key"),
        ({"key": 5, "value": 1}, "key"),
        ({"key": "k" * 513, "value": 1}, "key"),
        ({"key": "k", "value": 1, "layer": "forever"}, "layer"),
        ({"key": "k", "value": 1, "scope": "world"}, "scope"),
        ({"key": "k", "value": 1, "priority": 1}, "priority"),
        ({"key": "k", "value": 1, "importance": 1.5}, "importance"),
        ({"key": "k", "value": 1, "importance": "0.5"}, "importance"),
        ({"key": "k", "value": 1, "importance": True}, "importance"),
        ({"key": "k", "value": 1, "tags": "a"}, "tags"),
        ({"key": "k", "value": 1, "tags": [1]}, "tags[0]"),
        ({"key": "k", "value": 1, "metadata": []}, "metadata"),
        ({"key": "k", "value": 1, "parent_id": "x"}, "parent_id"),
        ({"key": "k", "value": 1, "expires_at": "soon"}, "expires_at"),
        ({"key": "k", "value": 1, "encrypted": "yes"}, "encrypted"),
        ({"key": "k", "value": 1, "on_conflict": "merge"}, "on_conflict"),
        ({"key": "k", "value": 1, "scope": "user"}, "user_id"),
        ({"key": "k", "value": 1, "colour": "red"}, "colour"),
        ({"key": "k", "value": 1, "sync_version": 7}, "sync_version"),
        ({"key": "k", "value": 1, "created_at": "2025-01-01T00:00:00Z"}, "created_at"),
        ([], "body"),
    ],
)
def test_a_wrong_body_is_refused_by_field(client, body, field):
    answer = client.post(STORE, body)
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_parent_that_does_not_exist_is_404(client):
    answer = client.post(STORE, {"key": "k", "value": 1, "parent_id": str(uuid4())})
    assert (answer.status_code, answer.json()["code"]) == (404, "parent_not_found")
    assert answer.json()["errors"][0]["field"] == "parent_id"


@pytest.mark.parametrize("text", ['{"key":"k","value":NaN}', '{"key":"k","value":"\\u0000"}', '{"key":"k","key":"l"}'])
def test_json_that_cannot_be_kept_is_refused(client, text):
    assert client.post(STORE, text, content_type="application/json").status_code == 400


def test_too_large_values_are_413(client):
    assert put(client, value="x" * 300_000).status_code == 413


def test_a_foreign_tenant_is_403(client):
    for door in (STORE, RETRIEVE):
        answer = client.post(door, {"key": "k", "tenant_id": "other"} | ({"value": 1} if door == STORE else {}))
        assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")


def test_permissions(api, anonymous):
    reader = api(agent="alden", scopes=["read"])
    stored = put(api(agent="alden")).json()
    address = f"/memory/context/{stored['entry_id']}"
    assert put(reader).status_code == 403
    assert reader.patch(address, {"value": 1}, headers={"If-Match": "*"}).status_code == 403
    assert reader.post(RETRIEVE, {"key": "k"}).status_code == 200
    assert api(agent="alden", scopes=["write"]).post(RETRIEVE, {"key": "k"}).status_code == 403
    for method, door in (("post", STORE), ("post", RETRIEVE), ("get", address), ("patch", address)):
        assert getattr(anonymous, method)(door).status_code == 401


def test_other_agents_and_tenants_see_nothing(api, client):
    stored = put(client, scope="agent").json()
    address = f"/memory/context/{stored['entry_id']}"
    for outsider in (api(agent="alice"), api(agent="alden", tenant="other")):
        assert outsider.get(address).status_code == 404
        assert outsider.post(RETRIEVE, {"key": "k", "scope": "agent"}).status_code == 404
        assert outsider.patch(address, {"value": 2}, headers={"If-Match": "*"}).status_code == 404
    assert client.get(address).status_code == 200


def test_a_key_bound_to_a_user_names_nobody_else(api):
    bound = api(agent="alden", user="u")
    assert put(bound, scope="user").json()["scope"] == "user"
    assert bound.post(RETRIEVE, {"key": "k"}).json()["user_id"] == "u"
    answer = put(bound, scope="user", user_id="other")
    assert (answer.status_code, answer.json()["code"]) == (403, "user_mismatch")


def test_wrong_methods_and_types(client):
    assert client.get(STORE).status_code == 405
    assert client.post(STORE, "x", content_type="text/plain").status_code == 415
    assert client.post("/memory/context/not-an-id", {}).status_code == 404
    assert client.get(f"/memory/context/{uuid4()}", {"colour": "red"}).status_code == 400


def test_numbers_come_back_as_the_same_numbers(client):
    text = '{"key":"k","value":{"big":123456789012345678901234567890,"small":1e-300,"one":1.0,"neg":-0.1}}'
    assert client.post(STORE, text, content_type="application/json").status_code == 200
    value = json.loads(client.post(RETRIEVE, {"key": "k"}).content)["value"]
    assert value == {"big": 123456789012345678901234567890, "small": 1e-300, "one": 1.0, "neg": -0.1}
