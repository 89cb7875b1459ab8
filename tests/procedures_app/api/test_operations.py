"""Operations, guidance and the history of work, through their doors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import HubClient, MakeClient, SignIn

pytestmark = pytest.mark.django_db
DEPLOY = {"task": "Deploy backend v3", "kind": "Deployment", "context": {"changes": ["Fixed auth bug"]}}


def begin(client: HubClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/memory/operations/begin", DEPLOY | fields)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def finish(client: HubClient, token: str, **fields: Any) -> Any:
    return client.post("/memory/operations/finish", {"consultation_token": token, "success": True} | fields)


def test_a_piece_of_work_from_begin_to_finish(api: MakeClient):
    alden = api(agent="alden")
    begun = begin(alden, task_id="t-1")
    assert (begun["kind"], begun["mode"]) == ("deployment", "advise")
    assert begun["guidance"]["primary_recommendation"] is None
    assert begun["guidance"]["confidence"] == 0
    done = finish(alden, begun["consultation_token"], result={"summary": "v3 is live"}).json()
    assert done["operation"]["status"] == "succeeded"
    assert done["work"]["operation_id"] == begun["operation_id"]
    checked = api(agent="mimic").post("/memory/work-history/check", {"task_id": "t-1"}).json()
    assert (checked["done"], checked["by"]) == (True, "task_id")
    assert "by alden, with success: v3 is live." in checked["says"]
    assert [row["id"] for row in alden.get("/memory/work-history?kind=deployment").json()["results"]] == [
        done["work"]["id"]
    ]
    found = alden.get(f"/memory/operations/{begun['operation_id']}").json()["operation"]
    assert (found["result"], found["context"]) == ({"summary": "v3 is live"}, DEPLOY["context"])
    assert begun["consultation_token"] not in str(found)


def test_the_token_may_stand_in_the_header(api: MakeClient):
    alden = api(agent="alden")
    token = begin(alden)["consultation_token"]
    other = begin(alden)["consultation_token"]
    headers = {"Consultation-Token": token}
    clash = alden.post("/memory/operations/finish", {"success": True, "consultation_token": other}, headers=headers)
    assert (clash.status_code, clash.json()["errors"][0]["field"]) == (400, "consultation_token")
    assert alden.post("/memory/operations/finish", {"success": True}, headers=headers).status_code == 200
    assert alden.post("/memory/operations/finish", {"success": True}).status_code == 400


def test_a_repeated_begin_is_another_operation(api: MakeClient):
    alden = api(agent="alden")
    once = {"Idempotency-Key": "1"}
    first, again = (alden.post("/memory/operations/begin", DEPLOY, headers=once).json() for _ in range(2))
    assert first["operation_id"] != again["operation_id"]
    assert finish(alden, first["consultation_token"]).status_code == 200


@pytest.mark.parametrize("error", ["boom", {"message": "boom", "type": "E", "context": {"step": 1}}, "", None])
def test_an_error_is_a_text_or_an_object(api: MakeClient, error: Any):
    alden = api(agent="alden")
    done = finish(alden, begin(alden)["consultation_token"], success=False, error=error)
    assert done.status_code == 200
    assert done.json()["operation"]["error_message"] == ("boom" if error else "")
    captured = done.json()["captured"]
    assert (captured["message"] if captured else None) == ("boom" if error else None)
    assert (done.json()["known_solution"], done.json()["feedback"]) == ("", None)


@pytest.mark.parametrize("error", [5, [], {}, {"message": 5}, {"message": "a", "what": 1}])
def test_and_nothing_else(api: MakeClient, error: Any):
    alden = api(agent="alden")
    refused = finish(alden, begin(alden)["consultation_token"], success=False, error=error)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"].startswith("error")


def test_rules_are_set_by_governors(api: MakeClient):
    alden, boss = api(agent="alden"), api(agent="boss", scopes=["read", "write", "admin"])
    rule = "/memory/operations/rules/Prod-Deploy"
    assert alden.put(rule, {"mode": "off"}).status_code == 403
    made = boss.put(rule, {"mode": "strict", "note": "since March"}, headers={"If-None-Match": "*"})
    assert (made.status_code, made["ETag"], made.json()["rule"]["kind"]) == (200, '"1"', "prod_deploy")
    assert boss.put(rule, {"mode": "off"}, headers={"If-None-Match": "*"}).status_code == 412
    stale = boss.put(rule, {"mode": "off"}, headers={"If-Match": '"7"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 1)
    assert alden.delete(rule).status_code == 403
    assert [row["mode"] for row in alden.get("/memory/operations/rules").json()["results"]] == ["strict"]
    assert begin(alden, kind="PROD DEPLOY")["mode"] == "strict"
    for header in ({"If-Match": "1"}, {"If-None-Match": '"1"'}, {"If-Match": '"1"', "If-None-Match": "*"}):
        assert boss.put(rule, {"mode": "off"}, headers=header).status_code == 400
    removed = boss.delete(rule, headers={"If-Match": '"1"'})
    assert removed.json() == {"success": True, "kind": "prod_deploy", "mode": "advise"}
    assert boss.delete(rule).status_code == 404


def test_the_rule_for_every_kind_has_an_address(api: MakeClient):
    boss = api(agent="boss", scopes=["read", "write", "admin"])
    assert boss.put("/memory/operations/rules/*", {"mode": "strict"}).json()["rule"]["kind"] == "*"
    assert boss.post("/memory/work-history", {"action": "Anything"}).status_code == 428


def test_a_refusal_says_what_to_do(api: MakeClient):
    alden, boss = api(agent="alden"), api(agent="boss", scopes=["read", "write", "admin"])
    boss.put("/memory/operations/rules/deployment", {"mode": "strict"})
    work = {"action": "Deploy backend v3", "kind": "deployment"}
    refused = alden.post("/memory/work-history", work)
    assert refused.status_code == 428
    said = refused.json()
    assert (said["code"], said["kind"]) == ("consultation_required", "deployment")
    assert (said["begin"], said["lack"]) == ("/memory/operations/begin", "missing")
    begun = alden.post(said["begin"], {"task": work["action"], "kind": said["kind"]}).json()
    headers = {"Consultation-Token": begun["consultation_token"]}
    done = alden.post("/memory/work-history", work, headers=headers)
    assert done.json()["work"]["operation_id"] == begun["operation_id"]


def test_lists_take_filters(api: MakeClient):
    alden = api(agent="alden")
    one, two = begin(alden), begin(alden, kind="testing", user_id="pat")
    finish(alden, one["consultation_token"])
    for query, expected in (
        ("", [one]),
        ("user_id=pat", [two, one]),
        ("user_id=pat&kind=testing", [two]),
        ("status=succeeded", [one]),
        ("since=2020-01-01T00:00:00Z&until=2021-01-01T00:00:00Z", []),
        ("agent_id=mimic", []),
    ):
        rows = alden.get(f"/memory/operations?{query}").json()["results"]
        assert [row["id"] for row in rows] == [row["operation_id"] for row in expected], query
    assert not alden.get("/memory/work-history?success=false").json()["results"]
    assert len(alden.get(f"/memory/work-history?operation_id={one['operation_id']}").json()["results"]) == 1


def test_people_in_the_admin_ask_nobody(api: MakeClient, sign_in: SignIn):
    boss = api(agent="boss", scopes=["read", "write", "admin"])
    boss.put("/memory/operations/rules/memory_write", {"mode": "strict"})
    assert boss.post("/memory/context/store", {"key": "a", "value": 1}).status_code == 428
    assert sign_in().get("/admin/registry/contextentry/").status_code == 200
