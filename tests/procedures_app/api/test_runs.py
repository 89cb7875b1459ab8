"""The doors of runs: what is refused says what to do, and a refused shortcut stays on record whatever undid it."""

from __future__ import annotations

from typing import Any

import pytest

from memoryhub.access.walls import behind_walls
from procedures_app.models import RunEvent
from tests.conftest import HubClient, MakeClient
from tests.procedures_app.following import HUB, decide, flag, publish

TEST, SHIP = {"id": "test", "evidence": [flag()]}, {"id": "ship"}


@pytest.fixture
def ada(api: MakeClient) -> HubClient:
    made = api(agent="ada")
    publish(TEST, SHIP)
    return made


def post(client: HubClient, path: str, body: Any = None, **headers: str) -> Any:
    return client.post(f"/memory/{path}", body or {}, headers=headers)


def started(client: HubClient) -> str:
    answer = post(client, "runs", {"procedure": "ship-it"})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def test_a_run_from_its_start_to_its_end(ada: HubClient):
    run_id = started(ada)
    found = post(ada, f"runs/{run_id}/next").json()
    assert (found["state"], found["lease"]["token"], found["run"]["status"]) == ("step", 1, "running")
    assert found["step"] == {
        "id": "test",
        "position": 1,
        "kind": "instruction",
        "title": "Test",
        "instruction": "Do test.",
        "evidence": [flag()],
        "agents": [],
        "deadline_at": None,
        "attempt": 1,
        "rolling_back": False,
    }
    refused = post(ada, f"runs/{run_id}/steps/test/complete", {"lease": 1})
    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_missing")
    assert [error["field"] for error in refused.json()["errors"]] == ["evidence.passed"]
    done = post(ada, f"runs/{run_id}/steps/test/complete", {"lease": 1, "evidence": {"passed": True}}).json()
    assert (done["current_step"], done["steps"][0]["evidence"]) == ("ship", {"passed": True})
    post(ada, f"runs/{run_id}/next")
    ended = post(ada, f"runs/{run_id}/steps/ship/complete", {"lease": 1}).json()
    assert (ended["status"], ended["compliant"], ended["approvals"]) == ("completed", True, [])
    events = ada.get(f"/memory/runs/{run_id}/events", {"after": 4}).json()["results"]
    assert [event["event"] for event in events] == ["step.done", "run.completed"]
    listed = ada.get("/memory/runs", {"procedure": "ship-it", "status": "completed"}).json()["results"]
    assert [run["id"] for run in listed] == [run_id]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_a_shortcut_is_refused_with_what_comes_first_and_stays_on_record(ada: HubClient, headers: dict[str, str]):
    run_id = started(ada)
    for path, body in (("ship/complete", {"lease": 1}), ("ship/skip", {"reason": "Hurry."})):
        refused = post(ada, f"runs/{run_id}/steps/{path}", body, **headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "step_required")
        assert (refused.json()["required_step"], refused.json()["run_id"]) == ("test", run_id)
    with behind_walls(HUB):
        tried = RunEvent.objects.filter(event="step.refused").order_by("number").values_list("detail", flat=True)
        assert [detail["attempted"] for detail in tried] == ["complete", "skip"]


def test_a_question_waits_for_a_person(ada: HubClient, api: MakeClient):
    run_id = started(ada)
    asked = post(ada, f"runs/{run_id}/steps/test/skip", {"reason": "No time."})
    assert asked.status_code == 202
    approval = asked.json()["approval"]
    assert (approval["kind"], approval["status"], approval["asked_by"]) == ("skip", "pending", "ada")
    found = post(api(agent="ben"), f"runs/{run_id}/next").json()
    assert (found["state"], found["approval"]["id"], found["lease"]) == ("waiting", approval["id"], None)
    assert ada.get(f"/memory/runs/{run_id}").json()["approvals"][0]["id"] == approval["id"]
    assert ada.get(f"/memory/approvals/{approval['id']}").json()["run_version"] == asked.json()["run"]["run_version"]
    for method in (ada.post, ada.put, ada.patch):  # there is no door by which a key could decide
        assert method(f"/memory/approvals/{approval['id']}", {"approve": True}).status_code == 405
    decide(run_id)  # type: ignore[arg-type]
    assert post(ada, f"runs/{run_id}/next").json()["step"]["id"] == "ship"


def test_a_lost_answer_may_be_asked_for_again(ada: HubClient):
    run_id = started(ada)
    post(ada, f"runs/{run_id}/next")
    body = {"lease": 1, "evidence": {"passed": True}}
    first = post(ada, f"runs/{run_id}/steps/test/complete", body)
    again = post(ada, f"runs/{run_id}/steps/test/complete", body)
    assert (first.status_code, first.json()) == (again.status_code, again.json()) == (200, first.json())


def test_an_agent_that_the_step_is_not_for_is_refused(api: MakeClient):
    ada = api(agent="ada")
    publish({"id": "test", "agents": ["ben"]})
    run_id = started(ada)
    assert post(ada, f"runs/{run_id}/next").json()["state"] == "busy"
    refused = post(ada, f"runs/{run_id}/steps/test/complete", {"lease": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "agent_not_allowed")
