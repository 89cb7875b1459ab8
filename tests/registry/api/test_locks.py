"""The lock doors over HTTP: what they take, answer and refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import HubClient, MakeClient


@pytest.fixture
def alden(api: MakeClient) -> HubClient:
    return api(agent="alden")


@pytest.fixture
def alice(api: MakeClient) -> HubClient:
    return api(agent="alice")


@pytest.fixture
def entry(alden: HubClient) -> str:
    stored = alden.post("/memory/context/store", {"key": "k", "value": {"n": 1}}).json()
    return f"/memory/context/{stored['entry_id']}"


def test_the_journey_of_a_lock(alden: HubClient, alice: HubClient, entry: str) -> None:
    answer = alden.post(f"{entry}/lock", {"lock_duration_minutes": 5, "reason": "counting"})
    granted = answer.json()
    assert answer.status_code == 200
    assert set(granted) == {
        "success", "entry_id", "granted", "fence", "holder", "expires_at", "position", "waiters", "retry_after"
    }  # fmt: skip
    assert (granted["granted"], granted["fence"], granted["holder"]) == (True, 1, "alden")

    queued = alice.post(f"{entry}/lock", {"wait": True})
    assert queued.status_code == 202
    assert queued["Retry-After"] == "1"
    assert (queued.json()["position"], queued.json()["holder"], queued.json()["fence"]) == (1, "alden", None)
    state = alice.get(f"{entry}/lock").json()
    assert (state["locked"], state["fence"], state["queue"], state["position"]) == (True, None, ["alice"], 1)
    assert alden.get(f"{entry}/lock").json()["fence"] == 1

    change = {"value": {"n": 2}}
    without = alden.patch(entry, change, headers={"If-Match": "*"})
    assert (without.status_code, without.json()["code"]) == (409, "locked")
    assert alden.patch(entry, change, headers={"If-Match": "*", "Lock-Fence": "1"}).status_code == 200

    [listed] = alice.get("/memory/locks").json()["results"]
    assert (listed["holder"], listed["key"], listed["reason"]) == ("alden", "k", "counting")
    assert alden.post(f"{entry}/lock/renew", {"seconds": 60}, headers={"Lock-Fence": "1"}).json()["granted"]
    assert alden.delete(f"{entry}/lock", headers={"Lock-Fence": "1"}).json()["released"] is True
    assert alden.delete(f"{entry}/lock", headers={"Lock-Fence": "1"}).json()["released"] is False
    assert alice.post(f"{entry}/lock", {"wait": True}).json()["fence"] == 2
    assert alden.delete(f"{entry}/lock").status_code == 403
    stale = alden.patch(entry, change, headers={"If-Match": "*", "Lock-Fence": "1"})
    assert (stale.status_code, stale.json()["code"]) == (409, "locked")


def test_a_locked_entry_says_who_and_until_when(alden: HubClient, alice: HubClient, entry: str) -> None:
    alden.post(f"{entry}/lock", {"seconds": 30})
    for answer in (
        alice.post(f"{entry}/lock", {}),
        alice.patch(entry, {"value": 1}, headers={"If-Match": "*"}),
        alice.delete(entry),
    ):
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["holder"]) == (409, "locked", "alden")
        assert problem["expires_at"]
        assert 25 < int(answer["Retry-After"]) <= 30


@pytest.mark.parametrize(
    "body",
    [
        {"seconds": 0},
        {"seconds": -1},
        {"seconds": 3601},
        {"seconds": "5"},
        {"lock_duration_minutes": 0},
        {"lock_duration_minutes": 61},
        {"seconds": 5, "lock_duration_minutes": 1},
        {"wait": "yes"},
        {"forever": True},
    ],
)
def test_bad_orders(alden: HubClient, entry: str, body: dict[str, Any]) -> None:
    assert alden.post(f"{entry}/lock", body).status_code == 400


@pytest.mark.parametrize("fence", ["0", "-1", "x", "1.5", "9" * 30, ""])
def test_bad_numbers(alden: HubClient, entry: str, fence: str) -> None:
    answer = alden.patch(entry, {"value": 1}, headers={"If-Match": "*", "Lock-Fence": fence})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Lock-Fence"


def test_taking_away_needs_admin_and_a_reason(api: MakeClient, alden: HubClient, entry: str) -> None:
    alden.post(f"{entry}/lock", {})
    boss = api(agent="boss", scopes=["read", "write", "admin"])
    assert alden.post(f"{entry}/lock/force-release", {"reason": "mine"}).status_code == 403
    assert boss.post(f"{entry}/lock/force-release", {}).status_code == 400
    assert boss.post(f"{entry}/lock/force-release", {"reason": "gone"}).json()["released"] is True
    assert boss.post(f"{entry}/lock/force-release", {"reason": "gone"}).json()["released"] is False


def test_reading_keys_lock_nothing(api: MakeClient, entry: str) -> None:
    reader = api(agent="alice", scopes=["read"])
    assert reader.post(f"{entry}/lock", {}).status_code == 403
    assert reader.get(f"{entry}/lock").json()["locked"] is False


def test_an_ephemeral_entry_has_no_lock(alden: HubClient) -> None:
    stored = alden.post("/memory/context/store", {"key": "e", "value": 1, "layer": "ephemeral"}).json()
    answer = alden.post(f"/memory/context/{stored['entry_id']}/lock", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "ephemeral_entry")


def test_held_locks_are_counted(alden: HubClient, entry: str) -> None:
    alden.post(f"{entry}/lock", {})
    assert alden.get("/memory/stats").json()["active_locks"] == 1
