"""The header Consultation-Token, and the guard that stands before every door through which agents write."""

from __future__ import annotations

import pytest

from memoryhub.access import consulting
from memoryhub.access.exceptions import PreconditionRequired
from memoryhub.access.principals import Principal
from tests.conftest import MakeClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.api.doors")]
GOOD = f"mhc_{'0' * 32}_{'a' * 64}"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Principal]:
    """Whom the guard was asked about; it wants the token GOOD in the tenant acme."""
    seen: list[Principal] = []

    def guard(principal: Principal) -> None:
        seen.append(principal)
        if principal.tenant_id == "acme" and principal.consultation != GOOD:
            raise PreconditionRequired("Consult first.")

    monkeypatch.setattr(consulting, "_guards", [guard])
    return seen


@pytest.mark.parametrize("token", ["", "1", GOOD[:-1], f"{GOOD}a", GOOD.upper(), f"x{GOOD}", "mhc_ä", f"{GOOD} {GOOD}"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_token_of_another_form_is_refused(api: MakeClient, token: str, method: str):
    refused = getattr(api(), method)("/memory/notes", headers={"Consultation-Token": token})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "Consultation-Token"


def test_the_guard_is_asked_before_writing_alone(api: MakeClient, asked: list[Principal]):
    alden = api(agent="alden")
    assert alden.get("/memory/notes").status_code == 200
    assert alden.post("/memory/look", {"text": "a"}).status_code == 200
    assert not asked
    refused = alden.post("/memory/notes", {"text": "a"})
    assert (refused.status_code, refused.json()["detail"]) == (428, "Consult first.")
    assert alden.post("/memory/notes", {"text": "a"}, headers={"Consultation-Token": GOOD}).status_code == 201
    assert [principal.actor for principal in asked] == ["alden", "alden"]
    assert alden.get("/memory/notes").json()["notes"] == 1


def test_a_missing_permission_is_said_first(api: MakeClient, asked: list[Principal]):
    assert api(scopes=["read"]).post("/memory/notes", {"text": "a"}).status_code == 403
    assert not asked


def test_a_repeated_request_is_no_way_round_it(api: MakeClient, asked: list[Principal]):
    alden, once = api(agent="alden"), {"Idempotency-Key": "1"}
    assert alden.post("/memory/notes", {"text": "a"}, headers=once).status_code == 428
    consulted = once | {"Consultation-Token": GOOD}
    assert alden.post("/memory/notes", {"text": "a"}, headers=consulted).status_code == 201
    assert alden.post("/memory/notes", {"text": "b"}, headers=once).status_code == 428
    assert alden.get("/memory/notes").json()["notes"] == 1


def test_a_platform_key_is_looked_at_where_it_enters_a_tenant(api: MakeClient, asked: list[Principal]):
    api(tenant="acme")
    platform = api(tenant=None, scopes=["read", "write", "admin"])
    inside = {"text": "a", "tenant_id": "acme"}
    assert platform.post("/memory/notes", inside).status_code == 428
    assert platform.post("/memory/notes", inside, headers={"Idempotency-Key": "1"}).status_code == 428
    assert platform.post("/memory/look", inside).status_code == 200
    assert platform.post("/memory/notes", inside, headers={"Consultation-Token": GOOD}).status_code == 201
    assert {principal.tenant_id for principal in asked} == {"acme"}


def test_a_token_is_not_shown_where_a_principal_is(api: MakeClient, asked: list[Principal]):
    api(agent="alden").post("/memory/notes", {"text": "a"}, headers={"Consultation-Token": GOOD})
    assert asked[0].consultation == GOOD
    assert GOOD not in repr(asked[0])
