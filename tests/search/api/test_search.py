"""POST /memory/context/search: the published shape, and what it refuses."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from tests.search.conftest import STAFF

pytestmark = pytest.mark.django_db
PATH = "/memory/context/search"


def test_the_published_request_gets_the_published_answer(api, remember):
    entry = remember("theme dark", key="customer_preference_123", scope="user", user_id="user_789", layer="long_term")
    body = {
        "query": "dark theme", "scope": "user", "layer": "long_term", "tenant_id": "acme", "user_id": "user_789",
        "limit": 20,
    }  # fmt: skip
    answer = api().post(PATH, body)
    assert answer.status_code == 200
    found = answer.json()
    assert found["success"] is True
    assert found["query"] == "dark theme"
    assert found["result_count"] == 1
    result = found["results"][0]
    assert result["key"] == "customer_preference_123"
    assert result["value"] == "theme dark"
    assert result["layer"] == "long_term"
    assert result["priority"] == "medium"
    assert result["updated_at"].endswith("Z")
    assert result["kind"] == "entry"
    assert result["id"] == result["entry_id"] == str(entry)
    assert result["score"] > 0
    assert "explain" not in result


def test_a_parent_that_the_key_may_not_see_is_404_like_none_at_all(api, remember):
    hidden = remember("theme", scope="agent", agent_id="b")
    remember("theme dark", parent_id=hidden)
    answers = [api(agent="a").post(PATH, {"query": "theme", "parent_id": str(parent)}) for parent in (hidden, uuid4())]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "parent_not_found")] * 2
    assert answers[0].json()["errors"][0]["field"] == "parent_id"
    assert api(agent="b").post(PATH, {"query": "theme", "parent_id": str(hidden)}).json()["result_count"] == 1


def test_messages_are_shown_with_their_session(api):
    client = api()
    client.post("/memory/session/start", {"session_id": "s1", "user_id": "u"})
    client.post(
        "/memory/session/message",
        {"session_id": "s1", "role": "user", "content": "I love giraffes", "name": "Ann", "metadata": {"n": 1}},
    )
    found = client.post(PATH, {"query": "giraffes", "kinds": ["messages"], "user_id": "u"}).json()
    (result,) = found["results"]
    assert result["kind"] == "message"
    assert result["session_id"] == "s1"
    assert result["sequence"] == 1
    assert result["role"] == "user"
    assert result["name"] == "Ann"
    assert result["content"] == "I love giraffes"
    assert result["metadata"] == {"n": 1}
    assert client.post(PATH, {"query": "giraffes", "kinds": ["messages"], "user_id": "v"}).json()["results"] == []
    assert client.post(PATH, {"query": "giraffes", "session_id": "s1"}).json()["result_count"] == 1


def test_explain_is_part_of_each_result(api, remember):
    remember("theme dark")
    (result,) = api().post(PATH, {"query": "theme", "explain": True}).json()["results"]
    assert set(result["explain"]) == {"score", "parts", "bm25", "cosine", "terms", "visible"}


def test_the_loader_has_the_last_word(api, remember):
    """A row whose entry is gone is not shown."""
    gone = remember("theme dark")
    with behind_walls(STAFF):
        ContextEntry.objects.filter(pk=gone).delete()
    assert api().post(PATH, {"query": "theme"}).json()["results"] == []


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("query", {}),
        ("query", {"query": ""}),
        ("query", {"query": "   "}),
        ("query", {"query": "x" * 4001}),
        ("query", {"query": ["x"]}),
        ("limit", {"query": "x", "limit": 101}),
        ("limit", {"query": "x", "limit": 0}),
        ("limit", {"query": "x", "limit": "many"}),
        ("mode", {"query": "x", "mode": "fancy"}),
        ("kinds[0]", {"query": "x", "kinds": ["dream"]}),
        ("layer", {"query": "x", "layer": "deep"}),
        ("scope", {"query": "x", "scope": "world"}),
        ("importance_min", {"query": "x", "importance_min": 2}),
        ("since", {"query": "x", "since": "yesterday"}),
        ("parent_id", {"query": "x", "parent_id": "no id"}),
        ("colour", {"query": "x", "colour": "red"}),
    ],
)
def test_bad_bodies_name_the_field(api, field, body):
    answer = api().post(PATH, body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"].startswith(field.partition("[")[0])


def test_a_foreign_tenant_is_refused(api, tenant):
    for other in ("other", "missing"):
        answer = api().post(PATH, {"query": "x", "tenant_id": other})
        assert answer.status_code == 403
        assert answer.json()["code"] == "tenant_mismatch"


def test_permissions(api, anonymous, tenant):
    assert anonymous.post(PATH, {"query": "x"}).status_code == 401
    assert api(scopes=["write"]).post(PATH, {"query": "x"}).status_code == 403
    assert api(scopes=["read"]).post(PATH, {"query": "x"}).status_code == 200
    assert api().get(PATH).status_code == 405


def test_a_key_bound_to_a_user_searches_that_user_only(api, remember):
    mine = remember("theme", scope="user", user_id="u")
    bound = api(user="u")
    assert [r["id"] for r in bound.post(PATH, {"query": "theme"}).json()["results"]] == [str(mine)]
    assert bound.post(PATH, {"query": "theme", "user_id": "v"}).json()["code"] == "user_mismatch"


def test_a_platform_key_names_its_tenant(api, remember):
    found = remember("theme")
    client = api(tenant=None, scopes=["read"])
    assert client.post(PATH, {"query": "theme"}).json()["code"] == "tenant_needed"
    results = client.post(PATH, {"query": "theme", "tenant_id": "acme"}).json()["results"]
    assert [result["id"] for result in results] == [str(found)]


def test_searching_again_with_the_same_idempotency_key_searches_again(api, remember):
    client = api()
    header = {"HTTP_IDEMPOTENCY_KEY": "k"}
    assert client.post(PATH, {"query": "theme"}, **header).json()["result_count"] == 0
    remember("theme")
    assert client.post(PATH, {"query": "theme"}, **header).json()["result_count"] == 1
