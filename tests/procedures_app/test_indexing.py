"""Knowledge, work and procedures are found when they are asked for, and cost a search that does not ask nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.search.models import IndexRow, Vector
from memoryhub.search.requests import Filters
from memoryhub.search.services.search import SearchAnswer, search
from memoryhub.search.vector_store import VectorStore
from memoryhub.sync.services import relay
from procedures_app import indexing
from procedures_app.indexing import Indexed
from procedures_app.models import Knowledge, Procedure, ProcedureVersion, WorkRecord
from tests.conftest import MakeClient
from tests.sync.mirror import registered

pytestmark = pytest.mark.django_db
Caller = Callable[..., Principal]


def row(content: str, kind: str = "knowledge", **fields: Any) -> Indexed:
    defaults: dict[str, Any] = {"id": new_id(), "tenant_id": "acme", "version": 1, "event_at": now()}
    return Indexed(**(defaults | {"kind": kind, "content": content} | fields))


def put(*rows: Indexed, principal: Principal) -> None:
    with behind_walls(principal):
        indexing.put(rows, principal=principal)


def note(text: str, principal: Principal) -> UUID:
    """An entry of the tenant."""
    return entries.store(Draft(key="note", value=text, scope="tenant"), principal=principal).entry_id


@pytest.fixture
def known(tenant: str, job: Principal) -> Callable[..., UUID]:
    """Knowledge with its row of the index."""

    def make(title: str, **fields: Any) -> UUID:
        with behind_walls(job):
            made = Knowledge.objects.create(tenant_id=tenant, title=title, content="Wait.", **fields)
        put(row(title, id=made.pk, **fields), principal=job)
        return made.pk

    return make


def ids(answer: SearchAnswer) -> list[UUID]:
    return [result["id"] for result in answer.results]


def test_is_found_only_when_asked_for(known, caller: Caller):
    wanted = known("The pool of connections ran dry")
    note("The pool was painted blue", caller())
    assert wanted not in ids(search(principal=caller(), query="pool"))
    found = search(principal=caller(), query="pool", kinds=["knowledge"])
    assert (ids(found), found.candidates) == ([wanted], 1)
    assert found.results[0]["title"] == "The pool of connections ran dry"
    assert len(search(principal=caller(), query="pool", kinds=["knowledge", "entries"]).results) == 2


def test_of_a_user_is_found_by_who_names_the_user_or_the_session(known, caller: Caller, other_tenant: str):
    wanted = known("Backups of Bob fail", user_id="bob", session_id="s1")
    for who, seen in (
        (caller(user="bob"), True),
        (caller(named_session="s1"), True),
        (caller(), False),
        (caller(user="ann"), False),
        (caller(tenant_id=other_tenant, user="bob"), False),
    ):
        for mode in ("keyword", "fuzzy", "semantic", "hybrid"):
            found = search(principal=who, query="backups", mode=mode, kinds=["knowledge"])
            assert (wanted in ids(found)) == (seen and mode != "semantic")  # its vector is made by the relay
        assert wanted not in ids(search(principal=who, query="backups"))


def test_archived_is_found_only_when_asked_for(known, caller: Caller, job: Principal):
    wanted = known("Old way to deploy")
    put(row("Old way to deploy", id=wanted, version=2, archived=True), principal=job)
    assert ids(search(principal=caller(), query="deploy", kinds=["knowledge"])) == []
    also = Filters(include_archived=True)
    assert ids(search(principal=caller(), query="deploy", kinds=["knowledge"], filters=also)) == [wanted]


def test_an_older_version_does_not_replace_a_newer_one(known, caller: Caller, job: Principal):
    wanted = known("Restart the queue")
    put(row("Drain the queue", id=wanted, version=3), principal=job)
    put(row("Restart the queue", id=wanted, version=2), principal=job)
    with behind_walls(job):
        assert IndexRow.objects.get(pk=wanted).content == "Drain the queue"


def test_removed_rows_are_found_no_more(known, caller: Caller, job: Principal):
    wanted = known("Restart the queue")
    with behind_walls(job):
        assert indexing.remove([wanted], principal=job) == 1
    assert ids(search(principal=caller(), query="queue", kinds=["knowledge"])) == []


def test_only_rows_of_these_kinds_are_removed(caller: Caller, job: Principal):
    stored = note("queue", caller())
    with behind_walls(job):
        assert indexing.remove([stored], principal=job) == 0


def test_the_relay_makes_vectors_and_reads_words(
    known, caller: Caller, job: Principal, as_role: Callable[[str], AbstractContextManager[None]]
):
    with registered(VectorStore()):
        wanted = known("Kubernetes evicted the scheduler")
        with as_role("memoryhub_system"):
            assert relay.run_once() == 1
    with behind_walls(job):
        assert Vector.objects.get(row_id=wanted).reach == "ykt"
    assert ids(search(principal=caller(), query="Kubernetes evicted", mode="semantic", kinds=["knowledge"])) == [wanted]
    assert ids(search(principal=caller(), query="kuberentes", mode="fuzzy", kinds=["knowledge"])) == [wanted]
    assert ids(search(principal=caller(), query="kuberentes", mode="fuzzy")) == []


def test_a_name_in_the_query_is_a_word_of_knowledge(known, caller: Caller):
    note("I moved", caller("redis"))
    wanted = known("redis is full")
    [found] = search(principal=caller(), query="redis", kinds=["knowledge"], explain=True).results
    assert found["id"] == wanted
    assert found["explain"]["bm25"]


def test_work_is_shown_with_its_outcome(tenant: str, caller: Caller, job: Principal):
    with behind_walls(job):
        done = WorkRecord.objects.create(
            tenant_id=tenant, kind="deployment", action="Deploy billing", output={"build": 7}, success=True,
            input_digest="d",
        )  # fmt: skip
    put(row("Deploy billing", "work", id=done.pk, category="deployment"), principal=job)
    found = search(principal=caller(), query="billing", kinds=["work"], filters=Filters(category="deployment"))
    [shown] = found.results
    assert (shown["kind"], shown["category"], shown["value"], shown["success"]) == (
        "work", "deployment", {"build": 7}, True,
    )  # fmt: skip


def test_a_procedure_is_shown_as_its_current_version_says(tenant: str, caller: Caller, job: Principal):
    with behind_walls(job):
        procedure = Procedure.objects.create(tenant_id=tenant, name="deploy-safely")
        version = ProcedureVersion.objects.create(
            tenant_id=tenant,
            procedure=procedure,
            number=3,
            status="published",
            title="Deploy safely",
            published_at=now(),
        )
        Procedure.objects.filter(pk=procedure.pk).update(current=version)
    put(row("Deploy safely", "procedure", id=procedure.pk), principal=job)
    [shown] = search(principal=caller(), query="deploy", kinds=["procedures"]).results
    assert (shown["name"], shown["title"], shown["version"]) == ("deploy-safely", "Deploy safely", 3)


def test_many_rows_of_other_kinds_leave_a_usual_search_small(caller: Caller, job: Principal, monkeypatch):
    monkeypatch.setattr("django.conf.settings.CONFIG.search.candidate_cap", 50)
    note("Deploy on Friday", caller())
    put(*(row(f"Deploy build {number}", "work") for number in range(120)), principal=job)
    found = search(principal=caller(), query="deploy")
    assert (found.candidates, found.truncated, len(found.results)) == (1, False, 1)
    assert len(search(principal=caller(), query="deploy", kinds=["work"], limit=100).results) == 0  # nobody shows them


def test_over_the_api(known, api: MakeClient):
    wanted = known("The pool of connections ran dry")
    answer = api(agent="a").post("/memory/context/search", {"query": "pool", "kinds": ["knowledge"], "mode": "keyword"})
    [found] = answer.json()["results"]
    assert (found["kind"], found["id"], found["value"]) == ("knowledge", str(wanted), "Wait.")
    assert found["title"] == "The pool of connections ran dry"
