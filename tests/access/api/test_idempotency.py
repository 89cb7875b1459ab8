"""Idempotency-Key: once is once, whatever the network does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from memoryhub.access.models import ApiKey, IdempotencyKey
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import idempotency
from memoryhub.access.walls import behind_walls
from tests.access.api.doors import count_notes
from tests.conftest import HubClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.api.doors")]
READER = Principal(kind="staff", name="reader")


def key(name: str = "k1", **headers: str) -> dict[str, str]:
    return {"Idempotency-Key": name, **headers}


def notes(tenant: str = "acme") -> int:
    return count_notes(principal=Principal(kind="key", name="r", tenant_id=tenant))


def test_a_repetition_gets_the_first_answer_and_changes_nothing(api):
    client = api()
    first = client.post("/memory/notes", {"text": "a", "size": "big"}, headers=key())
    again = client.post("/memory/notes", {"size": "big", "text": "a"}, headers=key())
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again["ETag"] == '"1"'
    assert again["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert notes() == 1


def test_an_answer_that_a_view_wrote_itself_is_kept_too(api):
    client = api()
    first, again = (client.post("/memory/raw", {"text": "a"}, headers=key()).json() for _ in range(2))
    assert first == again
    assert notes() == 1


def test_another_body_under_the_same_key_is_refused(api):
    client = api()
    client.post("/memory/notes", {"text": "a"}, headers=key())
    answer = client.post("/memory/notes", {"text": "b"}, headers=key())
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert client.post("/memory/secret", {"text": "a"}, headers=key()).status_code == 422
    assert notes() == 1


def test_keys_of_different_callers_never_meet(api):
    client = api()
    for other in (client, api(), api(tenant="globex")):
        assert other.post("/memory/notes", {"text": "a"}, headers=key()).status_code == 201
    for agent in ("a", "b"):
        headers = key(**{"X-Agent-Id": agent})
        assert client.post("/memory/notes", {"text": "a"}, headers=headers)["ETag"] == '"1"'
    assert (notes(), notes("globex")) == (4, 1)


def test_a_refusal_leaves_no_row_so_that_the_repaired_request_may_use_the_key(api):
    client = api()
    assert client.post("/memory/notes", {"text": "a", "then": "refuse"}, headers=key()).status_code == 409
    assert client.post("/memory/notes", {"text": "a"}, headers=key()).status_code == 201
    assert notes() == 1


@pytest.mark.parametrize(("then", "status"), [("crash", 500), ("unavailable", 503)])
def test_server_errors_are_rolled_back_and_not_kept(api, then, status):
    client = api()
    client.raise_request_exception = False
    for _ in range(2):
        answer = client.post("/memory/notes", {"text": "a", "then": then}, headers=key())
        assert answer.status_code == status
        assert "Idempotency-Replayed" not in answer
    with behind_walls(READER):
        assert not IdempotencyKey.objects.exists()
    assert notes() == 0


def test_an_answer_that_must_not_be_kept_is_not_repeated(api):
    client = api()
    client.post("/memory/secret", {"text": "s3cret"}, headers=key())
    again = client.post("/memory/secret", {"text": "s3cret"}, headers=key())
    assert again.json()["already_done"] is True
    assert notes() == 1
    with behind_walls(READER):
        assert "s3cret" not in str(IdempotencyKey.objects.values())


def test_reading_posts_ignore_it(api):
    client = api()
    answers = [client.post("/memory/look", {"text": "a"}, headers=key()).json()["look"] for _ in range(2)]
    assert len(set(answers)) == 2


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 256, "ä"])
def test_the_form_of_the_key_is_checked(api, name):
    answer = api().post("/memory/notes", {"text": "a"}, headers=key(name))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"


def test_after_a_day_the_key_is_free_again(api, as_role):
    client = api()
    first = client.post("/memory/notes", {"text": "a"}, headers=key())
    with as_role("memoryhub_system"):
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    other = client.post("/memory/notes", {"text": "b"}, headers=key())
    assert (first.status_code, other.status_code) == (201, 201)
    assert client.post("/memory/notes", {"text": "b"}, headers=key()).json() == other.json()


def test_the_sweep_removes_outlived_rows(api, as_role):
    client = api()
    client.post("/memory/notes", {"text": "a"}, headers=key("old"))
    with as_role("memoryhub_system"):
        IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    client.post("/memory/notes", {"text": "a"}, headers=key("new"))
    with as_role("memoryhub_system"):
        assert idempotency.sweep(principal=system_principal("test")) == 1
        assert [row.key for row in IdempotencyKey.objects.all()] == ["new"]


def test_erasing_empties_the_answers_that_name_the_entry(api):
    client = api()
    entry_id = client.post("/memory/notes", {"text": "a"}, headers=key()).json()["entry_id"]
    client.post("/memory/notes", {"text": "a"}, headers=key("k2"))
    with behind_walls(READER):
        stored = IdempotencyKey.objects.get(key="k1")
        assert stored.entry_ids == [entry_id]
    admin = Principal(kind="key", name="boss", tenant_id="acme", permissions=frozenset({"admin"}))
    assert idempotency.forget_entries(principal=admin, entry_ids=[entry_id]) == 1
    assert client.post("/memory/notes", {"text": "a"}, headers=key()).json()["already_done"] is True
    assert "entry_id" in client.post("/memory/notes", {"text": "a"}, headers=key("k2")).json()


def test_a_platform_key_repeats_safely_inside_a_tenant_and_without_one(api, tenant):
    client = api(tenant=None, scopes=["read", "write"])
    for _ in range(2):
        assert client.post("/memory/notes", {"text": "a", "tenant_id": "acme"}, headers=key()).status_code == 201
    assert notes() == 1
    boss = api(tenant=None, scopes=["read", "write", "admin"])
    answers = {boss.post("/memory/notes", {"text": "g"}, headers=key()).json()["entry_id"] for _ in range(2)}
    assert len(answers) == 1


def test_without_the_header_there_is_no_further_statement(api, django_assert_num_queries):
    client = api()
    client.post("/memory/notes", {"text": "a"})
    with django_assert_num_queries(5):  # savepoint, walls, the note, walls put back, release
        client.post("/memory/notes", {"text": "a"})


@pytest.mark.django_db(transaction=True)
def test_a_twin_waits_for_the_answer_and_is_sent_away_after_300_ms(make_key):
    headers = key(Authorization=f"Bearer {make_key()}")
    with behind_walls(key_principal()):
        assert idempotency.claim(principal=key_principal(), key="k1", digest=b"x") is None
        (answer,) = run_together(1, lambda: HubClient().post("/memory/notes", {"text": "a"}, headers=headers))
    assert (answer.status_code, answer.json()["code"]) == (409, "twin_running")
    assert int(answer["Retry-After"]) >= 1


@pytest.mark.django_db(transaction=True)
def test_of_requests_at_the_same_moment_one_is_carried_out(make_key):
    headers = key(Authorization=f"Bearer {make_key()}")
    barrier = threading.Barrier(4)

    def post() -> Any:
        barrier.wait()
        return HubClient().post("/memory/notes", {"text": "a"}, headers=headers)

    found = run_together(4, post)
    assert len({answer.json()["entry_id"] for answer in found if answer.status_code == 201}) == 1
    assert {answer.status_code for answer in found} <= {201, 409}
    assert notes() == 1


def key_principal() -> Principal:
    with behind_walls(READER):
        row = ApiKey.objects.get()
    return Principal(kind="key", name="k", tenant_id="acme", key_id=row.id, permissions=frozenset({"write"}))


def run_together(count: int, call: Callable[[], Any]) -> list[Any]:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found
