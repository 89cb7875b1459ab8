"""Refusals end up in the audit trail, though the request that was refused was rolled back; floods do not fill it."""

from __future__ import annotations

import pytest

from memoryhub.access.models import AuditEvent
from memoryhub.access.principals import Principal
from memoryhub.access.services import keys, refusals
from memoryhub.access.walls import behind_walls
from tests.conftest import HubClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.api.doors")]
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))


def lines() -> list[AuditEvent]:
    with behind_walls(READER):
        return list(AuditEvent.objects.filter(action="access.request.refused").order_by("at", "id"))


def test_a_refused_permission_is_written_down(api):
    answer = api(scopes=["read"], agent="a").post("/memory/notes", {"text": "x"})
    (line,) = lines()
    assert (line.tenant_id, line.actor, line.outcome) == ("acme", "a", "refused")
    assert line.object_id == "POST memory/notes"
    assert line.new == {"status": 403, "code": "permission_missing", "count": 1, "address": "127.0.0.1"}
    assert line.request_id == answer["X-Request-Id"]


def test_a_conflict_after_writing_is_written_down_and_the_write_is_not(api):
    api().post("/memory/notes", {"text": "x", "then": "refuse"}, headers={"Idempotency-Key": "k"})
    assert [line.new["code"] for line in lines() if line.new] == ["conflict"]
    with behind_walls(READER):
        assert not AuditEvent.objects.filter(action="test.noted").exists()


def test_a_missing_key_belongs_to_no_tenant():
    HubClient().get("/memory/notes")
    (line,) = lines()
    assert (line.tenant_id, line.actor, line.actor_kind) == (None, "system:door", "system")


def test_a_revoked_key_is_named_in_the_trail_of_its_tenant(make_key):
    text = make_key()
    with behind_walls(READER):
        key_id = keys.within_reach(READER).get().id
    keys.revoke(principal=READER, key_id=key_id)
    HubClient().get("/memory/notes", headers={"Authorization": f"Bearer {text}"})
    (line,) = lines()
    assert line.new is not None
    assert (line.tenant_id, line.new["key_id"]) == ("acme", str(key_id))


def test_of_many_alike_powers_of_ten_are_written(api):
    client = api(scopes=["read"])
    for _ in range(25):
        client.post("/memory/notes", {"text": "x"})
    assert [line.new["count"] for line in lines() if line.new] == [1, 10]


def test_one_missing_thing_is_no_news_a_row_of_them_is(api):
    client = api(tenant=None, scopes=["read"])
    for _ in range(12):
        assert client.post("/memory/look", {"text": "x", "tenant_id": "nowhere"}).status_code == 404
    assert [line.new["count"] for line in lines() if line.new] == [10]


def test_bad_input_is_no_refusal(api):
    assert api().post("/memory/notes", {"nonsense": 1}).status_code == 400
    assert lines() == []


def test_all_processes_together_write_a_limited_number(api, monkeypatch):
    monkeypatch.setattr(refusals, "MOST_LINES", 3)
    for number in range(6):
        HubClient().get("/memory/notes", REMOTE_ADDR=f"192.0.2.{number}")
    assert len(lines()) == 3
