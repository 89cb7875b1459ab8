"""The doors to an agent's slice, memories and search."""

from __future__ import annotations

import pytest

from agents_app.models import SharingRule
from agents_app.services import categories
from memoryhub.access.models import AuditEvent
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import locks


@pytest.fixture
def team(api):
    return {name: api(agent=name) for name in ("alden", "alice", "mimic")}


def keep(client, content="Prefers dark mode", agent="alden", **fields):
    answer = client.post(f"/memory/agents/{agent}/memories", {"content": content, **fields})
    assert answer.status_code == 200, answer.content
    return answer.json()


def seen(client, agent, **query):
    answer = client.get(f"/memory/agents/{agent}/slice", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def search(client, agent, query="dark", **fields):
    answer = client.post(f"/memory/agents/{agent}/search", {"query": query, "search_type": "keyword", **fields})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_a_shared_memory_stands_in_both_slices(team):
    kept = keep(team["alden"], user_id="u1", memory_category="preference", share_with_agents=["alice", "alden"])
    assert [grant["agent_id"] for grant in kept["grants"]] == ["alice"]
    [own] = seen(team["alden"], "alden", user_id="u1")["memories"]
    assert (own["is_shared"], own["source_agent"], own["grant"]) == (False, "alden", None)
    assert own["content"] == own["value"] == "Prefers dark mode"
    assert own["sync"] == {
        "version": 1,
        "updated_at": own["updated_at"],
        "disputed": False,
        "locked": False,
        "lock_holder": None,
    }
    [shared] = seen(team["alice"], "alice", user_id="u1", include_sync_metadata="false")["memories"]
    assert (shared["is_shared"], shared["source_agent"]) == (True, "alden")
    assert shared["grant"]["reason"] == "explicit"
    assert shared["grant"]["can_write"] is False
    assert "sync" not in shared
    assert seen(team["mimic"], "mimic")["statistics"]["total_memories"] == 0


def test_the_statistics_are_exact_whatever_the_page(team, as_agent):
    for n in range(5):
        keep(team["alden"], f"note {n}", memory_category="notes", memory_type="semantic", user_id="u1")
    keep(team["alden"], "about another", user_id="u2")
    keep(team["alden"], "about nobody", layer="short_term")
    theirs = keep(team["alice"], "hers", agent="alice", share_with_agents=["alden"])
    locks.acquire(theirs["memory_id"], principal=as_agent("alice"))
    found = seen(team["alden"], "alden", user_id="u1", limit=3)
    assert found["statistics"] == {
        "total_memories": 7,
        "own_memories": 6,
        "shared_memories": 1,
        "disputed_memories": 0,
        "locked_memories": 1,
        "by_type": {"semantic": 5, "general": 2},
        "by_layer": {"long_term": 6, "short_term": 1},
        "by_category": {"notes": 5, "general": 2},
        "by_source_agent": {"alden": 6, "alice": 1},
    }
    pages, onward = [found["memories"]], found["next"]
    while onward:
        answer = team["alden"].get(onward).json()
        pages.append(answer["memories"])
        onward = answer["next"]
    assert [len(page) for page in pages] == [3, 3, 1]
    ids = [memory["memory_id"] for page in pages for memory in page]
    assert ids == sorted(set(ids), reverse=True)
    assert pages[0][0]["sync"]["lock_holder"] == "alice"


def test_a_slice_of_a_session(team):
    keep(team["alden"], "in", session_id="s1")
    keep(team["alden"], "out")
    assert [memory["content"] for memory in seen(team["alden"], "alden", session_id="s1")["memories"]] == ["in"]


def test_storing_again_under_a_key_keeps_whom_it_is_shared_with(team):
    keep(team["alden"], key="k", share_with_agents=["alice"])
    again = keep(team["alden"], "Prefers light mode", key="k", share_with_agents=["alice", "mimic"])
    assert again["sync_version"] == 2
    assert {grant["agent_id"] for grant in again["grants"]} == {"alice", "mimic"}


def test_sharing_with_an_unknown_agent_or_of_a_restricted_category_stores_nothing(team, tenant, job):
    with behind_walls(job):
        SharingRule.objects.create(tenant_id=tenant, category="secrets", action="restrict", from_agent="alden")
    for fields, status, code in (
        ({"share_with_agents": ["ghost"]}, 404, "not_found"),
        ({"share_with_agents": ["alice"], "memory_category": "Secrets"}, 403, "restricted_category"),
    ):
        answer = team["alden"].post("/memory/agents/alden/memories", {"content": "x", **fields})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert seen(team["alden"], "alden")["statistics"]["total_memories"] == 0


def test_the_context_door_shares_too(team):
    body = {"key": "k", "value": 1, "scope": "agent", "share_with_agents": ["alice"]}
    assert team["alden"].post("/memory/context/store", body).status_code == 200
    assert seen(team["alice"], "alice")["statistics"]["shared_memories"] == 1
    answer = team["alden"].post("/memory/context/store", body | {"scope": "tenant"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "share_with_agents"


@pytest.mark.parametrize("mode", ["keyword", "fuzzy", "hybrid"])
def test_search_says_where_a_memory_comes_from(team, mode):
    keep(team["alden"], user_id="u1", share_with_agents=["alice"])
    keep(team["alice"], "Her own dark thoughts", agent="alice")
    keep(team["alden"], "Another user's dark secret", user_id="u2", share_with_agents=["alice"])
    found = search(team["alice"], "alice", user_id="u1", search_type=mode)
    by_agent = {result["source_agent"]: result for result in found}
    assert len(found) == 2
    assert by_agent["alden"]["is_shared"]
    assert by_agent["alden"]["memory"]["content"] == "Prefers dark mode"
    assert by_agent["alden"]["grant"]["reason"] == "explicit"
    assert by_agent["alice"]["grant"] is None
    [own] = search(team["alice"], "alice", user_id="u1", search_type=mode, include_shared_memories=False)
    assert own["source_agent"] == "alice"
    assert search(team["mimic"], "mimic", search_type=mode) == []


def test_a_search_for_an_alias_finds_what_was_stored_under_it(team, admin):
    categories.save_alias(principal=admin, alias="preference", category="user_preferences")
    kept = keep(team["alden"], memory_category="preference")
    keep(team["alden"], "Dark clouds", memory_category="Road Works")
    for name in ("preference", "Preference", "user_preferences"):
        [found] = search(team["alden"], "alden", memory_category=name)
        assert found["memory"]["memory_id"] == kept["memory_id"]
        body = {"query": "dark", "mode": "keyword", "category": name}
        assert len(team["alden"].post("/memory/context/search", body).json()["results"]) == 1
    assert len(search(team["alden"], "alden", memory_category="Road Works")) == 1


def test_other_agents_keys_are_refused_and_an_admins_or_unbound_one_acts(team, api, tenant):
    keep(team["alden"])
    answer = team["alice"].get("/memory/agents/alden/slice")
    assert (answer.status_code, answer.json()["code"]) == (403, "agent_mismatch")
    for client in (api(), api(agent="alice", scopes=("read", "write", "admin"))):
        assert seen(client, "alden")["statistics"]["own_memories"] == 1
    assert team["alden"].get("/memory/agents/ghost/slice").status_code == 404
    assert api(tenant="other", agent="alden").get("/memory/agents/alden/slice").json()["memories"] == []


def test_reading_others_memories_is_audited_once_per_request(team, job):
    ids = {keep(team["alden"], f"dark {n}", share_with_agents=["alice"])["memory_id"] for n in range(3)}
    seen(team["alice"], "alice")
    search(team["alice"], "alice")
    with behind_walls(job):
        read, searched = AuditEvent.objects.filter(action__endswith="read.cross_agent").order_by("at")
    assert {row["entry_id"] for row in read.new["entries"]} == ids
    assert read.new["operation"] == "slice"
    assert set(searched.new["read"]) == ids


def test_a_slice_takes_few_statements(team, as_agent, django_assert_max_num_queries):
    for n in range(30):
        keep(team["alden"], f"note {n}")
    with django_assert_max_num_queries(14):
        seen(team["alden"], "alden")
