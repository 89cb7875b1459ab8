"""The doors of replicas: registering, listing, reading the feed, pushing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError

from agents_app.models import PushedChange, Replica
from agents_app.services import pushing
from memoryhub.access.models import AuditEvent
from memoryhub.registry.models import ContextEntry, EntryVersion
from tests.agents_app.feeds import relay, rows
from tests.conftest import HubClient, MakeClient

Push = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def alden(api: MakeClient) -> HubClient:
    return api(agent="alden")


@pytest.fixture
def alice(api: MakeClient) -> HubClient:
    return api(agent="alice")


def replica_of(client: HubClient, agent: str = "alden", **fields: Any) -> str:
    answer = client.post("/memory/agents/replicas", {"agent_id": agent, **fields})
    assert answer.status_code == 201, answer.content
    found: str = answer.json()["replica_id"]
    return found


def store(client: HubClient, key: str = "k", value: Any = 1, **fields: Any) -> str:
    answer = client.post("/memory/context/store", {"key": key, "value": value, "scope": "agent", **fields})
    assert answer.status_code == 200, answer.content
    found: str = answer.json()["entry_id"]
    return found


def read(client: HubClient, agent: str = "alden", **query: Any) -> dict[str, Any]:
    answer = client.get(f"/memory/agents/{agent}/changes", query)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def edit(key: str = "k", value: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"change_id": str(uuid4()), "op": "put", "key": key, "value": value, **fields}


@pytest.fixture
def push(alden: HubClient) -> Push:
    """``push(edit, …)`` pushes to a new replica of alden; ``replica`` names another."""
    made = replica_of(alden)

    def send(*edits: dict[str, Any], client: HubClient = alden, replica: str = made) -> list[dict[str, Any]]:
        answer = client.post("/memory/agents/alden/push", {"replica_id": replica, "changes": list(edits)})
        assert answer.status_code == 200, answer.content
        found: list[dict[str, Any]] = answer.json()["results"]
        return found

    return send


# -- replicas ----------------------------------------------------------------------------------------------


def test_a_replica_is_registered_and_listed(alden, alice):
    replica = replica_of(alden, name="laptop", user_id="pat")
    [found] = alden.get("/memory/agents/replicas").json()["results"]
    assert (found["replica_id"], found["name"], found["user_id"], found["acked_seq"]) == (replica, "laptop", "pat", 0)
    assert alice.get("/memory/agents/replicas").json()["results"] == []


def test_an_admin_sees_the_replicas_of_all_agents(alden, alice, api):
    replica_of(alden)
    replica_of(alice, "alice")
    found = api(scopes=["read", "admin"]).get("/memory/agents/replicas").json()["results"]
    assert {row["agent_id"] for row in found} == {"alden", "alice"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "invalid"),
        ({"agent_id": "nobody"}, 404, "not_found"),
        ({"agent_id": "alice"}, 403, "agent_mismatch"),
        ({"agent_id": "alden", "epoch": 3}, 400, "invalid"),
        ({"agent_id": "alden", "tenant_id": "other"}, 403, "tenant_mismatch"),
    ],
)
def test_what_is_no_replica_is_refused(alden, alice, body, status, code):
    answer = alden.post("/memory/agents/replicas", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_without_a_key_there_is_no_door(anonymous, alden):
    assert anonymous.get("/memory/agents/replicas").status_code == 401
    assert anonymous.post("/memory/agents/replicas", {"agent_id": "alden"}).status_code == 401
    assert anonymous.get("/memory/agents/alden/changes").status_code == 401
    assert anonymous.post("/memory/agents/alden/push", {}).status_code == 401


def test_a_wrong_method_says_which_are_right(alden):
    assert alden.delete("/memory/agents/replicas").status_code == 405
    assert alden.post("/memory/agents/alden/changes", {}).status_code == 405
    assert alden.get("/memory/agents/alden/push").status_code == 405


def test_a_key_bound_to_a_user_has_replicas_of_that_user_only(alden, api):
    bound = api(agent="alden", user="pat")
    replica_of(bound)
    replica_of(alden, user_id="kim")
    [found] = bound.get("/memory/agents/replicas").json()["results"]
    assert found["user_id"] == "pat"
    assert bound.post("/memory/agents/replicas", {"agent_id": "alden", "user_id": "kim"}).status_code == 403


# -- changes -----------------------------------------------------------------------------------------------


def test_an_entry_comes_as_get_would_answer_it(alden):
    entry = store(alden, value={"a": [1, 2.5, "ü"]})
    relay()
    page = read(alden)
    assert (page["next"], page["more"], page["last_seq"], page["reset"]) == (1, False, 1, False)
    [item] = page["items"]
    assert (item["kind"], item["entry_id"], item["version"], item["can_write"]) == ("put", entry, 1, True)
    document = alden.get(f"/memory/context/{entry}").json()
    del document["success"]
    assert item["entry"] == document


def test_an_encrypted_entry_comes_without_its_value(alden):
    store(alden, "secret", value="ciphertext", encrypted=True)
    store(alden, "plain", value='"encrypted" : true')
    relay()
    secret, plain = read(alden)["items"]
    assert secret["entry"]["value"] is None
    assert secret["entry"]["metadata_only"] is True
    assert plain["entry"]["value"] == '"encrypted" : true'
    assert "metadata_only" not in plain["entry"]


def test_reading_what_others_shared_is_audited_once_a_request(alden, alice):
    shared = [store(alden, key) for key in ("a", "b")]
    for entry in shared:
        answer = alden.post(f"/memory/context/{entry}/grants", {"agents": ["alice"]})
        assert answer.status_code == 200, answer.content
    relay()
    read(alice, "alice")
    [line] = rows(AuditEvent.objects.filter(action="registry.read.cross_agent"))
    assert {one["entry_id"] for one in line.new["entries"]} == set(shared)
    assert line.new["operation"] == "changes"
    read(alden)
    assert len(rows(AuditEvent.objects.filter(action="registry.read.cross_agent"))) == 1


def test_another_agents_feed_is_closed(alden, alice, api):
    assert alice.get("/memory/agents/alden/changes").json()["code"] == "agent_mismatch"
    assert alden.get("/memory/agents/nobody/changes").status_code == 404
    assert api(scopes=["read"]).get("/memory/agents/alden/changes").status_code == 200
    assert api(agent="sentry", scopes=["read", "admin"]).get("/memory/agents/alden/changes").status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": -1}, "after"),
        ({"after": "x"}, "after"),
        ({"after": 2**53}, "after"),
        ({"after": 3}, "epoch"),
        ({"limit": 501}, "limit"),
        ({"epoch": "now"}, "epoch"),
        ({"replica_id": "mine"}, "replica_id"),
        ({"cursor": "1"}, "cursor"),
    ],
)
def test_what_cannot_be_asked_is_said_by_field(alden, query, field):
    answer = alden.get("/memory/agents/alden/changes", query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_another_replica_is_not_known(alden, alice):
    replica = replica_of(alice, "alice")
    assert alden.get("/memory/agents/alden/changes", {"replica_id": replica}).status_code == 404


def test_a_bound_key_gets_what_is_about_its_user_and_may_name_no_other(alden, api):
    for user in ("pat", "kim"):
        store(alden, f"about-{user}", user_id=user)
    relay()
    bound = api(agent="alden", user="pat")
    assert [item["entry"]["user_id"] for item in read(bound)["items"]] == ["pat"]
    assert bound.get("/memory/agents/alden/changes", {"user_id": "kim"}).json()["code"] == "user_mismatch"


def test_a_page_takes_few_statements(alden, alice, django_assert_max_num_queries):
    for number in range(5):
        store(alden, f"k{number}")
    relay()
    read(alden)
    with django_assert_max_num_queries(10):  # with the savepoints of a test
        read(alden)


# -- pushes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attributes", [{"parent_id": str(uuid4())}, {"tags": ["x"] * 101}, {"category": "x" * 3000}, {"layer": 3}]
)
def test_what_may_not_be_said_of_an_entry_refuses_only_its_change(push, attributes):
    refused, applied = push(edit("a", attributes=attributes), edit("b"))
    assert (refused["outcome"], refused["code"]) == ("rejected", "invalid")
    assert applied["outcome"] == "applied"


def test_a_change_that_the_database_refuses_harms_no_other(push, monkeypatch):
    def break_off(edit: Any, replica: Any, caller: Any) -> Any:
        if edit.key == "a":
            raise IntegrityError("a foreign key")
        return submitted(edit, replica, caller)

    submitted = pushing.submitted
    monkeypatch.setattr(pushing, "submitted", break_off)
    refused, applied = push(edit("a"), edit("b"))
    assert (refused["outcome"], refused["code"]) == ("rejected", "invalid")
    assert applied["outcome"] == "applied"


def test_what_was_made_offline_keeps_its_id(push, alden):
    made = str(uuid4())
    [result] = push(edit("new", {"a": 1}, entry_id=made, attributes={"category": "facts", "tags": ["x"]}))
    assert (result["outcome"], result["entry_id"], result["version"]) == ("applied", made, 1)
    assert result["given_id"] is None
    entry = alden.get(f"/memory/context/{made}").json()
    assert (entry["value"], entry["scope"], entry["category"], entry["tags"]) == ({"a": 1}, "agent", "facts", ["x"])


def test_an_id_that_is_taken_becomes_another(push, api):
    theirs = store(api(tenant="other", agent="alden"), "theirs")
    [result] = push(edit("new", entry_id=theirs))
    assert result["outcome"] == "applied"
    assert result["given_id"] == theirs
    assert result["entry_id"] != theirs


def test_a_change_from_the_newest_version_is_applied(push, alden):
    entry = store(alden)
    [result] = push(edit("k", "new", entry_id=entry, base_version=1))
    assert (result["outcome"], result["version"]) == ("applied", 2)


def test_a_change_of_one_entry_follows_another_in_one_push(push, alden):
    made = str(uuid4())
    results = push(edit("k", 1, entry_id=made), edit("k", 2, entry_id=made, base_version=1))
    assert [result["outcome"] for result in results] == ["applied", "applied"]
    assert results[1]["version"] == 2


def test_a_stale_change_is_decided_by_its_strategy(push, alden):
    entry = store(alden, value={"a": 1, "b": 1})
    store(alden, value={"a": 2, "b": 1})
    [merged] = push(edit("k", {"a": 1, "b": 3}, entry_id=entry, base_version=1, strategy="merge_content"))
    assert (merged["outcome"], merged["version"], merged["strategy"]) == ("merged", 3, "merge_content")
    assert alden.get(f"/memory/context/{entry}").json()["value"] == {"a": 2, "b": 3}
    [asked] = push(edit("k", {"a": 9}, entry_id=entry, base_version=1, strategy="manual_review"))
    assert asked["outcome"] == "conflict"
    assert UUID(asked["conflict_id"])


def test_two_offline_creations_of_one_key_are_a_conflict(push, alden):
    entry = store(alden, "k", "first")
    made = str(uuid4())
    [result] = push(edit("k", "second", entry_id=made, strategy="manual_review"))
    assert (result["outcome"], result["entry_id"], result["given_id"]) == ("conflict", entry, made)


def test_a_deletion_is_pushed_and_may_be_late(push, alden):
    entry = store(alden)
    deletion = {"change_id": str(uuid4()), "op": "delete", "key": "k", "entry_id": entry, "base_version": 1}
    assert push(deletion)[0]["outcome"] == "applied"
    assert alden.get(f"/memory/context/{entry}").status_code == 404
    [again] = push(deletion | {"change_id": str(uuid4())})
    assert again["outcome"] in ("applied", "kept", "merged")


def test_the_same_push_again_answers_the_same_and_does_nothing(push):
    first = edit("k", 1, entry_id=str(uuid4()))
    second = edit("k", 2, entry_id=first["entry_id"], base_version=1)
    results = push(first, second)
    assert push(first, second) == results
    assert len(rows(EntryVersion.objects.filter(entry_id=first["entry_id"]))) == 2
    assert len(rows(PushedChange.objects.all())) == 2


def test_one_refused_change_harms_no_other(push, alden, alice, api):
    entry = store(alden)
    foreign = store(alice)
    readable = store(alice, "readable")
    alice.post(f"/memory/context/{readable}/grants", {"agents": ["alden"]})
    results = push(
        edit("fine", 1),
        edit("k", 1, entry_id=foreign, base_version=1),
        edit("readable", 1, entry_id=readable, base_version=1),
        edit("k", "x" * 300_000, entry_id=entry, base_version=1),
        edit("k", 1, entry_id=entry, base_version=1, attributes={"importance": 7}),
        {"change_id": str(uuid4()), "op": "put", "key": "no value"},
        {"change_id": str(uuid4()), "op": "rename", "key": "k"},
        edit("fine too", 1),
    )
    assert [(result["outcome"], result["code"]) for result in results] == [
        ("applied", ""),
        ("rejected", "not_found"),
        ("rejected", "agent_mismatch"),
        ("rejected", "too_large"),
        ("rejected", "invalid"),
        ("rejected", "invalid"),
        ("rejected", "invalid"),
        ("applied", ""),
    ]
    assert all(result["detail"] for result in results if result["outcome"] == "rejected")
    [replica] = rows(Replica.objects.all())
    assert (replica.applied, replica.rejected) == (2, 6)
    assert replica.last_push_at is not None


def test_what_was_rejected_may_be_sent_again(push, alden, alice):
    entry = store(alice, "shared")
    alice.post(f"/memory/context/{entry}/grants", {"agents": ["alden"]})
    change = edit("shared", "mine", entry_id=entry, base_version=1, strategy="latest_wins")
    assert push(change)[0]["outcome"] == "rejected"
    alice.post(f"/memory/context/{entry}/grants", {"agents": ["alden"], "can_write": True})
    assert push(change)[0]["outcome"] == "applied"


def test_a_granted_memory_that_was_changed_on_a_lost_base_is_not_stored_as_ones_own(push, alice):
    entry = store(alice, "shared", "theirs")
    alice.post(f"/memory/context/{entry}/grants", {"agents": ["alden"], "can_write": True})
    [result] = push(edit("shared", "mine", entry_id=entry, strategy="manual_review"))
    assert (result["outcome"], result["entry_id"]) == ("conflict", entry)
    assert len(rows(ContextEntry.objects.filter(key="shared"))) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"replica_id": str(uuid4())},
        {"replica_id": str(uuid4()), "changes": []},
        {"replica_id": str(uuid4()), "changes": [edit() for _ in range(201)]},
        {"replica_id": str(uuid4()), "changes": [{"op": "put", "key": "k", "value": 1}]},
        {"replica_id": str(uuid4()), "changes": ["put"]},
        {"replica_id": "mine", "changes": [edit()]},
    ],
)
def test_a_push_that_names_nothing_is_bad(alden, body):
    assert alden.post("/memory/agents/alden/push", body).status_code == 400


def test_a_push_needs_its_agent_its_replica_and_write(alden, alice, api):
    mine, theirs = replica_of(alden), replica_of(alice, "alice")
    body = {"replica_id": mine, "changes": [edit()]}
    assert alice.post("/memory/agents/alden/push", body).json()["code"] == "agent_mismatch"
    assert alden.post("/memory/agents/alden/push", body | {"replica_id": theirs}).status_code == 404
    reader = api(agent="alden", scopes=["read"])
    assert reader.post("/memory/agents/alden/push", body).json()["code"] == "permission_missing"
    assert not rows(ContextEntry.objects.all())
