"""The doors of procedures: drafted by agents, published by governors, read as text, compared."""

from __future__ import annotations

from typing import Any

import pytest

from procedures_app import documents
from tests.conftest import HubClient, MakeClient

STEPS = [{"id": "test", "title": "Run the tests"}, {"id": "deploy", "title": "Deploy"}]
DOCUMENT = {"title": "Ship it", "summary": "When a service goes live.", "kind": "deployment", "steps": STEPS}
LIST = "1. Deploy\n2. Ask a manager for approval\n3. Run all the tests"


@pytest.fixture
def agent(api: MakeClient) -> HubClient:
    return api(agent="alden")


@pytest.fixture
def boss(api: MakeClient) -> HubClient:
    return api(agent="boss", scopes=("read", "write", "admin"))


def ask(client: HubClient, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = getattr(client, method)(f"/memory/procedures{path}", body, headers=sent)
    assert answer.status_code == status, answer.content
    return answer.json()


def put(client: HubClient, document: Any, revision: int, status: int = 200, **body: Any) -> Any:
    return ask(client, "put", "/ship-it/draft", {"document": document, **body}, status, If_Match=f'"{revision}"')


def publish(client: HubClient, revision: int, seen: int | None, status: int = 200, note: str = "Because.") -> Any:
    body = {"revision": revision, "note": note, "based_on_seen": seen}
    return ask(client, "post", "/ship-it/publish", body, status)


@pytest.fixture
def published(agent: HubClient, boss: HubClient) -> Any:
    ask(agent, "post", "", {"document": DOCUMENT}, 201)
    return publish(boss, 1, None)


def test_from_a_first_draft_to_a_second_version(agent: HubClient, boss: HubClient):
    made = ask(agent, "post", "", {"document": DOCUMENT}, 201)
    assert (made["name"], made["revision"], made["based_on"], made["problems"]) == ("ship-it", 1, None, [])
    assert ask(agent, "get", "/ship-it")["document"] is None
    assert publish(agent, 1, None, 403)["code"] == "permission_missing"
    assert publish(boss, 1, None)["version"] == 1
    moved = put(agent, DOCUMENT | {"steps": STEPS[::-1]}, 0)
    assert (moved["revision"], moved["based_on"], moved["newest"]) == (1, 1, 1)
    found = ask(agent, "get", "/ship-it/diff")
    assert found["says"] == ["Step “Run the tests” moved down 1 place."]
    assert [(one["id"], one["moved_by"]) for one in found["steps"]] == [("deploy", 0), ("test", 1)]
    assert publish(boss, 1, 1, note="Deploy first.")["version"] == 2
    assert [one["version"] for one in ask(agent, "get", "/ship-it/versions")["results"]] == [2, 1]
    assert ask(agent, "get", "/ship-it/versions/1")["document"]["steps"][0]["id"] == "test"
    assert ask(agent, "get", "/ship-it")["note"] == "Deploy first."
    assert ask(agent, "get", "/ship-it/diff?from=1&to=2")["steps"] == found["steps"]


def test_a_name_is_taken_once(published: Any, agent: HubClient):
    assert ask(agent, "post", "", {"document": DOCUMENT}, 409)["code"] == "procedure_exists"
    for name in ("compliance", "import", "Not a name"):
        assert ask(agent, "post", "", {"name": name, "document": DOCUMENT}, 400)["errors"][0]["field"] == "name"
    assert ask(agent, "post", "", {"document": {}}, 400)["errors"][0]["field"] == "title"


def test_errors_name_their_places(agent: HubClient):
    found = ask(agent, "post", "", {"document": DOCUMENT | {"steps": [{"kind": "x"}, {"titel": 1}]}}, 400)
    assert [one["field"] for one in found["errors"]] == ["steps[0].kind", "steps[1].titel"]


def test_a_draft_with_errors_is_kept_but_not_published(agent: HubClient, boss: HubClient):
    broken = DOCUMENT | {"steps": [{"title": "A", "instruction": "For {{inputs.service}}"}]}
    made = ask(agent, "post", "", {"document": broken}, 201)
    assert [(one["field"], one["level"]) for one in made["problems"]] == [("steps[0].instruction", "error")]
    refused = publish(boss, 1, None, 409)
    assert (refused["code"], refused["errors"][0]["field"]) == ("draft_has_errors", "steps[0].instruction")
    assert ask(agent, "get", "/ship-it")["version"] is None


def test_a_stale_draft_and_a_stale_publisher(published: Any, agent: HubClient, boss: HubClient):
    put(agent, DOCUMENT, 0)
    assert put(agent, DOCUMENT, 0)["revision"] == 1  # as after an answer that was lost
    assert put(agent, DOCUMENT | {"title": "Another"}, 0, 412)["current_revision"] == 1
    assert put(boss, DOCUMENT, 0, 412)["current_revision"] == 1
    assert publish(boss, 1, None, 409)["code"] == "published_moved"
    assert publish(boss, 2, 1, 412)["current_revision"] == 1
    assert ask(agent, "put", "/ship-it/draft", {"document": DOCUMENT}, 428)["code"] == "version_required"
    assert ask(agent, "delete", "/ship-it/draft", status=200, If_Match='"1"') == {
        "success": True,
        "name": "ship-it",
        "revision": 1,
    }
    ask(agent, "get", "/ship-it/draft", status=404)


def test_a_draft_whose_base_is_old(published: Any, agent: HubClient, boss: HubClient):
    put(boss, DOCUMENT | {"title": "Theirs", "steps": [*STEPS, {"id": "tell", "title": "Tell"}]}, 0)
    publish(boss, 1, 1)
    old = put(agent, DOCUMENT | {"title": "Mine"}, 0, based_on=1)
    assert (old["based_on"], old["newest"]) == (1, 2)
    assert publish(boss, 1, 2, 409)["code"] == "published_moved"
    shown = ask(agent, "post", "/ship-it/draft/rebase", {"preview": True}, If_Match='"1"')
    [clash] = [path for path in shown["paths"] if path["kind"] == "clash"]
    assert (shown["saved"], shown["open"], clash["published"], clash["draft"]) == (False, 1, "Theirs", "Mine")
    refused = ask(agent, "post", "/ship-it/draft/rebase", {}, 409, If_Match='"1"')
    assert (refused["code"], refused["errors"][0]["field"]) == ("choices_missing", "/title")
    done = ask(agent, "post", "/ship-it/draft/rebase", {"choices": {"/title": "draft"}}, If_Match='"1"')
    assert (done["saved"], done["revision"], done["based_on"], done["document"]["title"]) == (True, 2, 2, "Mine")
    assert len(done["document"]["steps"]) == 3
    assert publish(boss, 2, 2)["version"] == 3


@pytest.mark.parametrize("form", ["yaml", "markdown", "json"])
def test_export_and_import(published: Any, agent: HubClient, boss: HubClient, form: str):
    text = ask(agent, "get", f"/ship-it/export?format={form}")["text"]
    assert documents.parse(text) == published["document"]
    assert ask(agent, "post", "/parse", {"text": text})["document"] == published["document"]
    kept = ask(agent, "post", "/import", {"text": text})
    assert (kept["name"], kept["document"]) == ("ship-it", published["document"])
    assert ask(boss, "post", "/import", {"text": text}, 412)["code"] == "version_stale"
    assert ask(agent, "post", "/import", {"text": text, "revision": 1})["revision"] == 1


def test_a_list_becomes_a_draft_with_the_ids_that_were_there(published: Any, agent: HubClient):
    shown = ask(agent, "post", "/parse", {"text": LIST, "name": "ship-it"})["document"]
    assert [one["id"] for one in shown["steps"]] == ["deploy", "ask-a-manager-for-approval", "test"]
    assert (shown["kind"], shown["steps"][1]["kind"]) == ("deployment", "confirmation")
    kept = ask(agent, "post", "/import", {"text": LIST, "name": "ship-it"})
    assert kept["document"] == shown
    assert ask(agent, "post", "/import", {"text": "no list"}, 400)["errors"][0]["field"] == "document"


def test_retired_and_back(published: Any, agent: HubClient, boss: HubClient):
    assert ask(agent, "post", "/ship-it/retire", {}, 403)
    assert ask(boss, "post", "/ship-it/retire", {"reason": "Old."})["status"] == "retired"
    assert [one["name"] for one in ask(agent, "get", "?status=retired")["results"]] == ["ship-it"]
    refused = agent.post("/memory/runs", {"procedure": "ship-it"})
    assert (refused.status_code, refused.json()["code"]) == (409, "procedure_retired")
    assert ask(boss, "post", "/ship-it/activate", {})["status"] == "active"


def test_what_another_tenant_has_is_not_there(published: Any, api: MakeClient):
    other = api(tenant="other", agent="boss", scopes=("read", "write", "admin"))
    for path in ("", "/draft", "/versions", "/versions/1", "/diff", "/export"):
        ask(other, "get", f"/ship-it{path}", status=404)
    assert ask(other, "get", "")["results"] == []


def test_who_only_reads_may_not_draft(published: Any, api: MakeClient):
    reader = api(agent="reader", scopes=("read",))
    assert ask(reader, "get", "/ship-it")["version"] == 1
    assert ask(reader, "post", "/parse", {"text": LIST})["problems"][0]["field"] == "title"
    for method, path, body in (("post", "", {"document": DOCUMENT}), ("post", "/import", {"text": LIST})):
        ask(reader, method, path, body, 403)
