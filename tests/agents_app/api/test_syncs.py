from __future__ import annotations

from collections.abc import Mapping

import pytest

from agents_app.models import SyncRun
from agents_app.services import sync_steps, syncing
from memoryhub.access.principals import Principal
from tests.conftest import MakeClient

pytestmark = pytest.mark.django_db


def test_one_agent_is_synced_on_demand(api: MakeClient) -> None:
    alden = api(agent="alden")
    alden.post("/memory/context/store", {"key": "k", "value": 1, "scope": "agent", "user_id": "pat"})
    answer = alden.post("/memory/agents/alden/sync", {"user_id": "pat", "session_id": "s", "force_sync": True})
    body = answer.json()
    assert answer.status_code == 200, body
    assert (body["success"], body["agent_id"], body["memories_synced"], body["forced"]) == (True, "alden", 1, True)
    assert (body["conflicts_detected"], body["conflicts_resolved"], body["errors"]) == (0, 0, [])
    assert body["duration_ms"] >= 0
    assert alden.get(f"/memory/agents/sync/runs/{body['run_id']}").json()["status"] == "done"


def test_only_what_changed_since_the_last_sync_is_counted(api: MakeClient) -> None:
    alden = api(agent="alden")
    for expected in (1, 0):
        if expected:
            alden.post("/memory/context/store", {"key": "k", "value": 1, "scope": "agent"})
        assert alden.post("/memory/agents/alden/sync", {}).json()["memories_synced"] == expected
    assert alden.post("/memory/agents/alden/sync", {"force_sync": True}).json()["memories_synced"] == 1


def test_all_agents_are_synced_though_one_fails(api: MakeClient) -> None:
    def broken(run: SyncRun, *, principal: Principal, limit: int) -> Mapping[str, int]:
        if run.agent_id == "alice":
            raise ValueError("broken")
        return {}

    api(agent="alice")
    alden = api(agent="alden")
    sync_steps.register("broken", broken)
    try:
        body = alden.post("/memory/agents/sync", {}).json()
    finally:
        sync_steps.unregister("broken")
    assert body["success"] is False
    assert {name: run["status"] for name, run in body["results"].items()} == {"alden": "done", "alice": "failed"}
    figures = alden.get("/memory/agents/sync/statistics").json()
    assert figures["service_stats"]["failing_agents"] == ["alice"]
    assert (figures["service_stats"]["total_syncs"], figures["service_stats"]["failed_syncs"]) == (2, 1)
    assert figures["pending_conflicts"] == {
        "count": 0,
        "by_severity": {"critical": 0, "high": 0, "medium": 0, "low": 0},
        "oldest": None,
    }
    assert figures["active_locks"]["count"] == 0


def test_what_takes_longer_is_answered_with_where_to_ask(api: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing, "WAIT_SECONDS", -1)
    alden = api(agent="alden")
    answer = alden.post("/memory/agents/alden/sync", {})
    assert (answer.status_code, answer.json()["status"], answer.json()["duration_ms"]) == (202, "waiting", None)
    assert alden.get(answer["Location"]).json()["run_id"] == answer.json()["run_id"]
    assert alden.post("/memory/agents/sync", {}).status_code == 202


def test_a_repetition_with_its_key_syncs_once(api: MakeClient) -> None:
    alden, once = api(agent="alden"), {"Idempotency-Key": "sync-1"}
    first, again = (alden.post("/memory/agents/alden/sync", {}, headers=once).json() for _ in range(2))
    assert first["run_id"] == again["run_id"]


def test_runs_are_listed_newest_first(api: MakeClient) -> None:
    alden = api(agent="alden")
    runs = [alden.post("/memory/agents/alden/sync", {}).json()["run_id"] for _ in range(3)]
    page = alden.get("/memory/agents/sync/runs?limit=2&agent_id=alden&status=done").json()
    assert [run["run_id"] for run in page["results"]] == runs[:0:-1]
    assert page["next"]


def test_who_may_sync(api: MakeClient) -> None:
    api(agent="alden")
    assert api(agent="alice").post("/memory/agents/alden/sync", {}).json()["code"] == "agent_mismatch"
    assert api(scopes=["read"]).post("/memory/agents/sync", {}).json()["code"] == "permission_missing"
    assert api(tenant="other").post("/memory/agents/alden/sync", {}).status_code == 404
    assert api(user="pat").post("/memory/agents/sync", {"user_id": "sam"}).json()["code"] == "user_mismatch"
