"""The doors to sharing rules, aliases, the matrix and re-granting."""

from __future__ import annotations

import pytest

from agents_app.services import regranting


@pytest.fixture
def admin_api(api):
    for name in ("alden", "alice", "mimic"):
        api(agent=name)
    return api(scopes=("read", "write", "admin"))


def make_rule(client, category="notes", action="share", to=("alice",), **fields):
    body = {"category": category, "action": action, **({"to_agents": to} if to else {}), **fields}
    return client.post("/memory/agents/sharing-rules", body)


def test_a_rule_is_made_changed_and_removed(admin_api, api):
    made = make_rule(admin_api, "Notes")
    assert made.status_code == 201
    rule = made.json()["rule"]
    assert (rule["category"], rule["version"]) == ("notes", 1)
    assert made.json()["regrant"]["status"] == "waiting"
    assert make_rule(admin_api).json()["code"] == "rule_exists"
    address = f"/memory/agents/sharing-rules/{rule['rule_id']}"
    assert admin_api.patch(address, {"active": False}).status_code == 428
    changed = admin_api.patch(address, {"to_agents": ["mimic"]}, headers={"If-Match": '"1"'})
    assert changed.json()["rule"]["to_agents"] == ["mimic"]
    assert admin_api.patch(address, {"active": False}, headers={"If-Match": '"1"'}).status_code == 412
    assert admin_api.patch(address, {"reason": "x"}, headers={"If-Match": "*"}).status_code == 400
    listed = api(scopes=("read",)).get("/memory/agents/sharing-rules", {"agent_id": "mimic"}).json()["results"]
    assert [row["version"] for row in listed] == [2]
    assert admin_api.delete(address, headers={"If-Match": '"2"'}).json()["rule"] is None
    assert admin_api.delete(address, headers={"If-Match": '"2"'}).status_code == 404


def test_rules_need_admin_and_their_own_tenant(admin_api, api):
    rule = make_rule(admin_api).json()["rule"]
    assert make_rule(api(agent="alden")).json()["code"] == "permission_missing"
    stranger = api(tenant="other", scopes=("read", "write", "admin"))
    address = f"/memory/agents/sharing-rules/{rule['rule_id']}"
    assert stranger.patch(address, {"active": False}, headers={"If-Match": '"1"'}).status_code == 404
    assert stranger.get("/memory/agents/sharing-rules").json()["results"] == []


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"to": ("ghost",)}, 404), ({"to": ()}, 400), ({"action": "restrict"}, 400), ({"action": "open"}, 400)],
)
def test_wrong_rules_are_refused(admin_api, fields, status):
    assert make_rule(admin_api, **fields).status_code == status


def test_an_alias_leads_to_its_category(admin_api, api):
    made = admin_api.post("/memory/agents/category-aliases", {"alias": "Memo", "category": "notes"})
    assert made.json()["alias"]["alias"] == "memo"
    again = admin_api.post("/memory/agents/category-aliases", {"alias": "memo", "category": "plans"})
    assert (again.status_code, again.json()["code"]) == (409, "alias_taken")
    for wrong in (
        {"alias": "notes", "category": "x"},
        {"alias": "general", "category": "x"},
        {"alias": "plans", "category": "plans"},
    ):
        assert admin_api.post("/memory/agents/category-aliases", wrong).status_code == 400
    stored = api(agent="alden").post("/memory/agents/alden/memories", {"content": "x", "memory_category": "MEMO"})
    entry = api(agent="alden").get(f"/memory/context/{stored.json()['memory_id']}").json()
    assert entry["category"] == "notes"
    assert admin_api.delete("/memory/agents/category-aliases?alias=memo").status_code == 200
    assert admin_api.delete("/memory/agents/category-aliases?alias=memo").status_code == 404


def test_the_matrix_is_shown_previewed_and_its_work_listed(admin_api, api, job):
    api(agent="alden").post("/memory/agents/alden/memories", {"content": "x", "memory_category": "notes"})
    body = {"changes": [{"category": "notes", "agent_id": "alice", "letters": "R"}]}
    preview = admin_api.post("/memory/agents/sharing-matrix/preview", body).json()
    assert (preview["appear"], preview["vanish"]) == (1, 0)
    assert admin_api.post("/memory/agents/sharing-matrix/preview", {"changes": [{"letters": "R"}]}).status_code == 400
    assert api(agent="alden").post("/memory/agents/sharing-matrix/preview", body).status_code == 403
    make_rule(admin_api)
    regranting.work(principal=job, limit=500)
    found = admin_api.get("/memory/agents/sharing-matrix").json()
    [cell] = [c for c in found["cells"] if c["agent_id"] == "alice"]
    assert (cell["letters"], cell["memories"]) == ("R", 1)
    [work] = admin_api.get("/memory/agents/regrants").json()["results"]
    assert (work["status"], work["done"], work["total"], work["grants_made"]) == ("done", 1, 1, 1)
