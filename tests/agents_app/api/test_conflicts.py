"""Conflicts through their doors: who gets what, and what is answered when it does not go."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from agents_app.models import AgentProfile
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from tests.conftest import HubClient, MakeClient

CONFLICTS = "/memory/agents/conflicts"
STORE = "/memory/context/store"


@pytest.fixture
def alden(api: MakeClient) -> HubClient:
    return api(agent="alden")


@pytest.fixture
def alice(api: MakeClient) -> HubClient:
    return api(agent="alice")


@pytest.fixture
def boss(api: MakeClient) -> HubClient:
    return api(agent="boss", scopes=("read", "write", "admin"))


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content.decode()
    return answer.json()


def moved_entry(client: HubClient, **fields: Any) -> str:
    """An entry at version 2 whose tier went from silver to gold."""
    body = {"key": "plan", "value": {"tier": "silver", "seats": 1}, "scope": "tenant"} | fields
    entry_id = str(ok(client.post(STORE, body))["entry_id"])
    value = {"tier": "gold", "seats": 1}
    ok(client.patch(f"/memory/context/{entry_id}", {"value": value}, headers={"If-Match": '"1"'}))
    return entry_id


def change(entry_id: str, **fields: Any) -> dict[str, Any]:
    return {"entry_id": entry_id, "base_version": 1, "value": {"tier": "platinum", "seats": 2}} | fields


def waiting(owner: HubClient, other: HubClient) -> tuple[str, str]:
    entry_id = moved_entry(owner)
    answer = ok(other.post(CONFLICTS, change(entry_id, strategy="merge_content")), 202)
    assert answer["outcome"] == "conflict"
    return entry_id, str(answer["conflict_id"])


def test_a_stale_change_is_merged_or_waits(alden: HubClient, alice: HubClient):
    entry_id = moved_entry(alden)
    body = change(entry_id, value={"tier": "silver", "seats": 5}, strategy="merge_content", attributes={"tags": ["x"]})
    merged = ok(alice.post(CONFLICTS, body))
    assert (merged["outcome"], merged["sync_version"], merged["strategy"]) == ("merged", 3, "merge_content")
    entry = ok(alden.get(f"/memory/context/{entry_id}"))
    assert (entry["value"], entry["tags"], entry["disputed"]) == ({"tier": "gold", "seats": 5}, ["x"], False)
    ok(alice.post(CONFLICTS, change(entry_id, strategy="merge_content")), 202)
    entry = ok(alden.get(f"/memory/context/{entry_id}"))
    assert (entry["disputed"], entry["alternatives"][0]["agent_id"], entry["sync_version"]) == (True, "alice", 3)
    found = ok(alden.post("/memory/context/retrieve", {"key": "plan", "scope": "tenant"}))
    assert found["alternatives"] == entry["alternatives"]


def test_a_conflict_is_read_previewed_decided_and_undone(alden: HubClient, alice: HubClient, boss: HubClient):
    entry_id, conflict_id = waiting(alden, alice)
    shown = ok(alden.get(f"{CONFLICTS}/{conflict_id}"))
    assert (shown["status"], shown["severity"], shown["offered_by"]) == ("open", "medium", ["alice"])
    assert shown["preview"]["current"]["value"] == {"tier": "gold", "seats": 1}
    assert shown["preview"]["base"]["version"] == 1
    assert shown["preview"]["strategies"]["latest_wins"]["winner"] == "candidate:1"
    picks = {"choices": {"/tier": "candidate:1"}}
    seen = ok(boss.post(f"{CONFLICTS}/{conflict_id}/preview", picks))
    assert (seen["valid"], seen["result"], seen["changed"]) == (
        True,
        {"value": {"tier": "platinum", "seats": 2}},
        ["/tier", "/seats"],
    )
    versions = {name: seen[name] for name in ("conflict_version", "entry_version")}
    decided = ok(boss.post(f"{CONFLICTS}/{conflict_id}/resolve", {**picks, **versions, "reason": "as agreed"}))
    assert (decided["status"], decided["sync_version"]) == ("resolved", 3)
    again = ok(boss.post(f"{CONFLICTS}/{conflict_id}/resolve", {**picks, **versions}), 409)
    assert (again["code"], again["decided_by"], again["entry_version"]) == ("conflict_moved", "boss", 3)
    assert again["resolution"] == "manual_review"
    undone = ok(boss.post(f"{CONFLICTS}/{conflict_id}/undo", {"reason": "hasty", "reopen": True}))
    assert undone["sync_version"] == 4
    assert ok(alden.get(f"/memory/context/{entry_id}"))["value"] == {"tier": "gold", "seats": 1}
    assert ok(alden.get(f"{CONFLICTS}/{undone['reopened']}"))["status"] == "open"
    assert ok(alden.get(f"{CONFLICTS}/{conflict_id}"))["preview"] is None


def test_what_moved_meanwhile_is_told(alden: HubClient, alice: HubClient, boss: HubClient):
    entry_id, conflict_id = waiting(alden, alice)
    ok(alden.post(STORE, {"key": "plan", "value": "else", "scope": "tenant"}))
    decision = {"conflict_version": 1, "entry_version": 2, "choices": {"": "candidate:1"}}
    refused = ok(boss.post(f"{CONFLICTS}/{conflict_id}/resolve", decision), 409)
    assert (refused["code"], refused["entry_version"]) == ("conflict_moved", 3)
    assert "alden wrote version 3" in refused["detail"]
    ok(boss.post(f"{CONFLICTS}/{conflict_id}/resolve", decision | {"entry_version": 3}))
    ok(alden.post(STORE, {"key": "plan", "value": "more", "scope": "tenant"}))
    refused = ok(boss.post(f"{CONFLICTS}/{conflict_id}/undo", {}), 409)
    assert (refused["code"], refused["version_before"]) == ("result_moved", 3)
    assert ok(boss.post(f"{CONFLICTS}/{conflict_id}/undo", {"as_new": True}))["sync_version"] == 6
    assert ok(alden.get(f"/memory/context/{entry_id}"))["value"] == "else"


def test_who_may_decide(alden: HubClient, alice: HubClient, api: MakeClient):
    _, conflict_id = waiting(alden, alice)
    door = f"{CONFLICTS}/{conflict_id}"
    assert ok(alice.post(f"{door}/resolve", {"strategy": "latest_wins"}), 403)["code"] == "not_yours_to_resolve"
    picks = {"conflict_version": 1, "entry_version": 2, "choices": {"": "current"}}
    assert ok(alden.post(f"{door}/resolve", picks), 403)["code"] == "not_yours_to_resolve"
    for verb in ("dismiss", "assign", "snooze", "hold"):
        body = {"assign": {"assignee": None}, "snooze": {"until": None}}.get(verb, {})
        assert ok(alden.post(f"{door}/{verb}", body), 403)["code"] == "permission_missing"
    reader = api(agent="alden", scopes=("read",))
    assert ok(reader.post(f"{door}/resolve", {"strategy": "latest_wins"}), 403)["code"] == "permission_missing"
    assert ok(alden.post(f"{door}/resolve", {"strategy": "agent_priority"}))["resolution"] == "agent_priority"
    stranger = api(tenant="globex", agent="spy", scopes=("read", "write", "admin"))
    for method, path in (("get", ""), ("post", "/preview"), ("post", "/resolve"), ("post", "/undo")):
        assert ok(getattr(stranger, method)(f"{door}{path}", {}), 404)["code"] == "not_found"
    assert ok(stranger.get(CONFLICTS))["results"] == []


def test_wrong_bodies(alden: HubClient, alice: HubClient, boss: HubClient):
    entry_id, conflict_id = waiting(alden, alice)
    bad = [
        {"base_version": 1, "value": 1},
        change(entry_id, key="plan"),
        change(entry_id, deletes=True),
        {"entry_id": entry_id, "base_version": 1},
        {"entry_id": entry_id, "base_version": None, "deletes": True},
        change(entry_id, strategy="coin_toss"),
        change(entry_id, attributes={"importance": 2}),
        change(entry_id, attributes={"color": "red"}),
        change(entry_id, written_at="yesterday"),
        change(entry_id, base_version="1"),
    ]
    for body in bad:
        ok(alice.post(CONFLICTS, body), 400)
    ok(alice.post(CONFLICTS, change(str(uuid4()))), 404)
    door = f"{CONFLICTS}/{conflict_id}/resolve"
    versions = {"conflict_version": 1, "entry_version": 2}
    clash = ok(boss.post(door, versions), 400)
    assert clash["errors"][0]["field"] == "choices./tier"
    for picks in ({"/no": "current"}, {"/tier": "candidate:7"}, {"/seats": "both"}, {"/tier": 5}):
        assert "Pick" in ok(boss.post(door, versions | {"choices": picks}), 400)["detail"]
    assert ok(boss.post(door, {"choices": {"/tier": "current"}}), 400)["errors"][0]["field"] == "conflict_version"
    too_big = {"value": "x" * 2_000_000} | versions
    assert boss.post(door, too_big).status_code == 413


def test_the_list_and_its_filters(alden: HubClient, alice: HubClient, boss: HubClient):
    first, one = waiting(alden, alice)
    second = moved_entry(alden, key="other", priority="high", category="travel")
    two = ok(alice.post(CONFLICTS, change(second, strategy="manual_review")), 202)["conflict_id"]
    ok(boss.post(f"{CONFLICTS}/{one}/resolve", {"strategy": "latest_wins"}))

    def listed(**query: Any) -> list[str]:
        return [row["conflict_id"] for row in ok(alden.get(CONFLICTS, query))["results"]]

    assert listed() == [two, one]
    assert listed(status="open") == [two] == listed(severity="high") == listed(category="travel")
    assert listed(status="resolved") == [one] == listed(entry_id=first)
    assert listed(agent_id="alice") == [two, one] == listed(agent_id="alden")
    assert listed(agent_id="mimic") == [] == listed(older_than="2020-01-01T00:00:00Z")
    assert listed(assignee="nobody", kind="edit") == [two, one]
    assert listed(user_id="pat") == []
    page = ok(alden.get(CONFLICTS, {"limit": 1}))
    assert [row["conflict_id"] for row in ok(alden.get(page["next"]))["results"]] == [one]
    ok(alden.get(CONFLICTS, {"status": "lost"}), 400)


def test_conflicts_of_an_agents_memory_are_for_those_who_may_read_it(
    alden: HubClient, alice: HubClient, boss: HubClient, api: MakeClient
):
    entry_id = moved_entry(alden, scope="agent")
    ok(alden.post(f"/memory/context/{entry_id}/grants", {"agents": ["alice"], "can_write": True}))
    conflict_id = ok(alice.post(CONFLICTS, change(entry_id, strategy="manual_review")), 202)["conflict_id"]
    outsider = api(agent="mimic")
    ok(outsider.get(f"{CONFLICTS}/{conflict_id}"), 404)
    assert ok(outsider.get(CONFLICTS))["results"] == []
    assert ok(outsider.post(CONFLICTS, change(entry_id)), 404)
    assert [row["conflict_id"] for row in ok(alice.get(CONFLICTS))["results"]] == [conflict_id]
    ok(alden.post(f"/memory/context/{entry_id}/grants", {"agents": ["mimic"]}))
    assert ok(outsider.post(CONFLICTS, change(entry_id)), 403)["code"] == "agent_mismatch"
    ok(boss.post(f"{CONFLICTS}/{conflict_id}/resolve", {"strategy": "latest_wins"}))
    assert ok(alden.get(f"/memory/context/{entry_id}"))["author"] == "boss"


def test_a_hold_keeps_writers_off(alden: HubClient, alice: HubClient, boss: HubClient):
    entry_id, conflict_id = waiting(alden, alice)
    held = ok(boss.post(f"{CONFLICTS}/{conflict_id}/hold", {"seconds": 60}))
    assert held["held_until"]
    refused = ok(alden.post(STORE, {"key": "plan", "value": 1, "scope": "tenant"}), 409)
    assert (refused["code"], refused["holder"]) == ("locked", "review: boss")
    assert ok(alice.post(CONFLICTS, change(entry_id, base_version=2)), 409)["code"] == "locked"
    assert ok(boss.post(f"{CONFLICTS}/{conflict_id}/hold", {"on": False}))["held_until"] is None
    ok(alden.post(STORE, {"key": "plan", "value": 1, "scope": "tenant"}))
    ok(boss.post(f"{CONFLICTS}/{conflict_id}/hold", {"seconds": 0}), 400)


def test_dismiss_and_snooze(alden: HubClient, alice: HubClient, boss: HubClient):
    entry_id, conflict_id = waiting(alden, alice)
    ok(boss.post(f"{CONFLICTS}/{conflict_id}/snooze", {"until": "2020-01-01T00:00:00Z"}), 400)
    assert ok(boss.post(f"{CONFLICTS}/{conflict_id}/assign", {"assignee": "ghost"}), 400)
    assert ok(boss.post(f"{CONFLICTS}/{conflict_id}/dismiss", {"reason": "both"}))["status"] == "dismissed"
    assert not ok(alden.get(f"/memory/context/{entry_id}"))["disputed"]
    assert ok(boss.post(f"{CONFLICTS}/{conflict_id}/dismiss", {}), 409)["code"] == "conflict_moved"


def test_submitting_twice_with_one_idempotency_key_is_once(alden: HubClient, alice: HubClient):
    entry_id = moved_entry(alden)
    body, key = change(entry_id, strategy="manual_review"), {"Idempotency-Key": "once"}
    first = ok(alice.post(CONFLICTS, body, headers=key), 202)
    assert ok(alice.post(CONFLICTS, body, headers=key), 202) == first
    assert ok(alden.get(f"{CONFLICTS}/{first['conflict_id']}"))["offered_by"] == ["alice"]


def test_a_stale_store_or_patch_may_be_resolved_instead_of_refused(alden: HubClient, alice: HubClient):
    entry_id = moved_entry(alden)
    stale = {"If-Match": '"1"'}
    door = f"/memory/context/{entry_id}"
    ok(alice.patch(door, {"value": {"tier": "tin"}}, headers=stale), 412)
    body = {"value": {"tier": "silver", "seats": 7}, "on_conflict": "resolve", "strategy": "merge_content"}
    merged = ok(alice.patch(door, body, headers=stale))
    assert (merged["outcome"], merged["sync_version"], merged["proposed"]) == ("merged", 3, False)
    assert ok(alden.get(door))["value"] == {"tier": "gold", "seats": 7}
    patched = ok(alice.patch(door, {"importance": 0.9, "on_conflict": "resolve"}, headers={"If-Match": '"2"'}))
    assert (patched["outcome"], patched["sync_version"]) == ("applied", 4)
    entry = ok(alden.get(door))
    assert (entry["importance"], entry["value"]) == (0.9, {"tier": "gold", "seats": 1})
    store = {"key": "plan", "scope": "tenant", "value": "x", "on_conflict": "resolve"}
    waits = ok(alice.post(STORE, store | {"strategy": "manual_review"}, headers=stale), 202)
    assert (waits["outcome"], waits["conflict_id"] is None) == ("conflict", False)
    ok(alice.post(STORE, store), 400)
    ok(alice.post(STORE, store | {"key": "nothing there"}, headers=stale), 412)


def low_and_high() -> None:
    with behind_walls(system_principal("test", "acme")):
        AgentProfile.objects.create(tenant_id="acme", agent_id="alden", priority="high")
        AgentProfile.objects.create(tenant_id="acme", agent_id="alice", priority="low")


def test_a_lower_priority_agent_proposes(alden: HubClient, alice: HubClient, boss: HubClient):
    low_and_high()
    entry_id = moved_entry(alden, scope="agent")
    ok(alden.post(f"/memory/context/{entry_id}/grants", {"agents": ["alice"], "can_write": True}))
    door = f"/memory/context/{entry_id}"
    answer = ok(alice.patch(door, {"value": "better"}, headers={"If-Match": '"2"'}), 202)
    assert (answer["success"], answer["proposed"], answer["outcome"]) == (True, True, "conflict")
    assert answer["sync_version"] == 2
    assert ok(alden.get(door))["value"] == {"tier": "gold", "seats": 1}
    stored = {"key": "plan", "scope": "agent", "agent_id": "alden", "value": "best"}
    assert ok(alice.post(STORE, stored), 202)["conflict_id"] == answer["conflict_id"]
    batch = ok(alice.post("/memory/context/batch", {"entries": [stored, {"key": "own", "value": 1}]}))
    assert [row.get("proposed", False) for row in batch["results"]] == [True, False]
    assert ok(alice.post(CONFLICTS, {"entry_id": entry_id, "base_version": 2, "deletes": True}), 202)
    shown = ok(alden.get(f"{CONFLICTS}/{answer['conflict_id']}"))
    assert (shown["kind"], shown["offered_by"]) == ("proposal", ["alice"] * 4)
    decision = {"conflict_version": 4, "entry_version": 2, "choices": {"": "candidate:2"}}
    ok(boss.post(f"{CONFLICTS}/{answer['conflict_id']}/resolve", decision))
    assert ok(alden.get(door))["value"] == "best"
