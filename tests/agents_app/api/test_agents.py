from __future__ import annotations

from typing import Any

import pytest

from agents_app.services import defaults
from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from tests.conftest import HubClient, MakeClient

pytestmark = pytest.mark.django_db
ALL = ("read", "write", "admin")


def stored(client: HubClient, key: str, **fields: Any) -> dict[str, Any]:
    body = {"key": key, "value": f"about {key}", "scope": "agent"} | fields
    answer = client.post("/memory/context/store", body)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def test_an_administrator_registers_an_agent_that_can_work_at_once(api: MakeClient) -> None:
    boss = api(scopes=ALL)
    made = boss.post("/memory/agents/register", {"agent_id": "sentry", "issue_key": True, "priority": "high"})
    assert made.status_code == 201
    body = made.json()
    assert (body["created"], body["profile"]["priority"], body["profile"]["version"]) == (True, "high", 1)
    assert stored(api(key=body["api_key"]), "k")["scope"] == "agent"
    again = boss.post("/memory/agents/register", {"agent_id": "sentry"})
    assert (again.status_code, again.json()["created"], again.json()["api_key"]) == (200, False, None)
    other = boss.post("/memory/agents/register", {"agent_id": "sentry", "priority": "low"})
    assert (other.status_code, other.json()["code"]) == (409, "already_registered")


def test_a_new_key_is_shown_once(api: MakeClient) -> None:
    boss = api(scopes=ALL)
    body, once = {"agent_id": "sentry", "issue_key": True}, {"Idempotency-Key": "one"}
    assert boss.post("/memory/agents/register", body, headers=once).json()["api_key"]
    repeated = boss.post("/memory/agents/register", body, headers=once)
    assert repeated.headers["Idempotency-Replayed"] == "true"
    assert "api_key" not in repeated.json()


def test_the_list_shows_all_agents_with_profiles(api: MakeClient, tenant: str) -> None:
    defaults.install(principal=system_principal("test"), tenant_id=tenant)
    client = api(agent="newcomer", scopes=["read"])
    found = {agent["agent_id"]: agent for agent in client.get("/memory/agents").json()["results"]}
    assert list(found) == ["alden", "alice", "mimic", "newcomer", "sentry"]
    assert found["sentry"]["profile"]["conflict_strategy"] == "manual_review"
    assert found["newcomer"]["profile"]["version"] == 0


def test_a_profile_is_changed_with_the_version_that_was_seen(api: MakeClient) -> None:
    boss = api(scopes=ALL)
    boss.post("/memory/agents/register", {"agent_id": "alden"})
    seen = boss.get("/memory/agents/alden/profile")
    address, change = "/memory/agents/alden/profile", {"retention_days": 90, "conflict_strategy": "agent_priority"}
    assert boss.patch(address, change).status_code == 428
    changed = boss.patch(address, change, headers={"If-Match": seen["ETag"]})
    assert (changed.status_code, changed["ETag"], changed.json()["profile"]["retention_days"]) == (200, '"2"', 90)
    stale = boss.patch(address, {"retention_days": 1}, headers={"If-Match": seen["ETag"]})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    assert boss.patch(address, {"retention_days": 0}, headers={"If-Match": '"2"'}).status_code == 400


def test_who_may_act_for_an_agent(api: MakeClient) -> None:
    alden, alice, anyone, boss = api(agent="alden"), api(agent="alice"), api(), api(agent="boss", scopes=ALL)
    for client, status in ((alden, 200), (anyone, 200), (boss, 200), (alice, 403)):
        answer = client.get("/memory/agents/alden/profile")
        assert answer.status_code == status
    assert answer.json()["code"] == "agent_mismatch"
    assert api(acting="alice").get("/memory/agents/alden/profile").json()["code"] == "agent_mismatch"
    assert anyone.get("/memory/agents/nobody/profile").status_code == 404
    assert alice.get("/memory/agents/nobody/profile").status_code == 404
    with behind_walls(system_principal("test", "acme")):
        lines = AuditEvent.objects.filter(action="agents.acted_as").values_list("actor", "object_id", "new__method")
        assert list(lines) == [("boss", "alden", "GET")]


def test_an_agent_does_not_raise_its_own_priority(api: MakeClient) -> None:
    alden = api(agent="alden")
    address, seen = "/memory/agents/alden/profile", {"If-Match": '"0"'}
    assert alden.patch(address, {"priority": "critical"}, headers=seen).json()["code"] == "permission_missing"
    assert alden.patch(address, {"capabilities": ["plan"]}, headers=seen).json()["profile"]["capabilities"] == ["plan"]


def test_a_deactivated_agents_keys_stop_and_its_memories_stay(api: MakeClient) -> None:
    boss, alden = api(scopes=ALL), api(agent="alden")
    entry = stored(alden, "k", user_id="pat")
    assert alden.post("/memory/agents/alden/deactivate", {}).status_code == 403
    off = boss.post("/memory/agents/alden/deactivate", {"reason": "retired"})
    assert (off.status_code, off.json()["active"]) == (200, False)
    assert alden.get("/memory/agents").status_code == 401
    assert api().get("/memory/agents/alden/profile").json()["code"] == "agent_inactive"
    assert boss.get("/memory/agents/alden/status").json()["memories"]["own"] == 1
    assert boss.post("/memory/agents/nobody/deactivate", {}).status_code == 404
    assert boss.post("/memory/agents/alden/activate", {"reason": "back"}).json()["active"] is True
    assert alden.get(f"/memory/context/{entry['entry_id']}").status_code == 200


def test_how_an_agent_stands(api: MakeClient) -> None:
    alden = api(agent="alden")
    api(agent="alice")
    shared = stored(alden, "a", user_id="pat")["entry_id"]
    stored(alden, "b", layer="short_term")
    alden.post(f"/memory/context/{shared}/grants", {"agents": ["alice"]})
    alden.post("/memory/agents/alden/sync", {})
    status = alden.get("/memory/agents/alden/status").json()
    assert status["memories"]["layer_breakdown"] == {"long_term": 1, "short_term": 1}
    assert (status["memories"]["own"], status["memories"]["shared_by_it"]) == (2, 1)
    assert status["sync"]["last_run"]["status"] == "done"
    assert (status["locks_held"], status["open_conflicts"], status["replicas"]) == (0, 0, [])
    assert status["feed"]["epoch"] >= 1
    assert api(agent="alice").get("/memory/agents/alice/status").json()["memories"]["shared_with_it"] == 1


def test_allocation_counts_exactly(api: MakeClient) -> None:
    alden, alice = api(agent="alden"), api(agent="alice")
    for key in ("a", "b"):
        stored(alden, key, user_id="pat", memory_type="episodic")
    gone = stored(alden, "c", user_id="pat")["entry_id"]
    alden.delete(f"/memory/context/{gone}")
    stored(alice, "a", user_id="sam", value="x" * 4000)
    stored(alice, "t", scope="tenant")
    total = alden.get("/memory/agents/allocation").json()
    assert (total["user_id"], total["total_memories"]) == (None, 3)
    assert total["agent_breakdown"] == {"alden": 2, "alice": 1}
    assert total["memory_type_breakdown"] == {"episodic": 2, "general": 1}
    assert total["storage_utilization_mb"] > 0
    of_pat = alden.get("/memory/agents/allocation", {"user_id": "pat"}).json()
    assert (of_pat["total_memories"], of_pat["agent_breakdown"]) == (2, {"alden": 2, "alice": 0})
    bound = api(user="sam")
    assert bound.get("/memory/agents/allocation").json()["total_memories"] == 1
    assert bound.get("/memory/agents/allocation", {"user_id": "pat"}).status_code == 403


def test_how_the_coordination_stands(api: MakeClient, tenant: str, admin: Principal) -> None:
    defaults.install(principal=system_principal("test"), tenant_id=tenant)
    alden = api(agent="alden")
    stored(alden, "theme", category="preference", user_id="pat")
    alden.post("/memory/agents/sync", {})
    status = alden.get("/memory/agents/status").json()
    figures = status["coordinator_stats"]
    assert (figures["active_agents"], figures["cross_agent_shares"], figures["total_syncs"]) == (4, 2, 4)
    assert figures["total_coordinated_operations"] >= 4
    assert status["agents"]["alden"]["priority"] == "high"
    assert status["sync_stats"]["service_stats"]["successful_syncs"] == 4
