"""Who comes through the door: keys, acting agents, and one answer for everything that is wrong with a key."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from memoryhub.access import credentials
from memoryhub.access.actors import forget_cached_actors
from memoryhub.access.credentials import forget_cached_keys
from memoryhub.access.models import Agent, ApiKey, AuditEvent
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, keys, tenants
from memoryhub.access.walls import behind_walls
from tests.conftest import HubClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.api.doors")]
SYSTEM = system_principal("test")
READER = Principal(kind="staff", name="reader")


def with_authorization(value: str) -> HubClient:
    client = HubClient()
    client.credentials(HTTP_AUTHORIZATION=value)
    return client


def cut(text: str) -> str:
    return text[:-1]


def resigned(text: str) -> str:
    """Another secret with a right checksum."""
    body = "_".join([*text.split("_")[:2], "0" * 64])
    return f"{body}_{credentials.checksum(body)}"


def unknown(_: str) -> str:
    return credentials.make_key().text


def expired(text: str) -> str:
    with behind_walls(READER):
        ApiKey.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return text


def revoked(text: str) -> str:
    with behind_walls(READER):
        key_id = ApiKey.objects.get().id
    keys.revoke(principal=READER_ADMIN, key_id=key_id)
    return text


READER_ADMIN = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))


def inactive_tenant(text: str) -> str:
    tenants.change(principal=SYSTEM, tenant_id="acme", active=False)
    return text


def inactive_agent(text: str) -> str:
    agents.change(principal=SYSTEM, tenant_id="acme", agent_id="a", active=False)
    return text


def not_ascii(text: str) -> str:
    return text.replace("mh", "mü")


WRONG = [cut, resigned, unknown, expired, revoked, inactive_tenant, inactive_agent, not_ascii]


@pytest.mark.parametrize("spoil", WRONG, ids=lambda function: function.__name__)
def test_whatever_is_wrong_with_a_key_the_answer_is_the_same(make_key, spoil, caplog):
    text = make_key(agent="a")
    spoiled = spoil(text)
    forget_cached_keys()
    answer = with_authorization(f"Bearer {spoiled}").get("/memory/notes")
    missing = HubClient().get("/memory/notes")
    assert answer.status_code == missing.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == 'Bearer realm="memoryhub"'
    assert {**answer.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert text.split("_")[2] not in caplog.text


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Basic YTpi", "mh_1_2_3", "Bearer mh", "Bearer \x00"])
def test_other_authorizations_are_refused_alike(value, db):
    assert with_authorization(value).get("/memory/notes").status_code == 401


@pytest.mark.parametrize("headers", [True, False], ids=["also in the header", "only there"])
def test_a_key_in_the_address_is_refused_and_not_logged(make_key, headers, caplog):
    text = make_key()
    client = with_authorization(f"Bearer {text}") if headers else HubClient()
    answer = client.get("/memory/notes", {"api_key": text})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    with behind_walls(READER):
        assert text.split("_")[2] not in str(list(AuditEvent.objects.values())) + caplog.text


def test_the_scheme_may_be_written_small(make_key):
    assert with_authorization(f"bearer  {make_key()} ").get("/memory/notes").status_code == 200


def test_permissions_are_asked_for_per_method(api):
    reader = api(scopes=["read"])
    assert reader.get("/memory/notes").status_code == 200
    answer = reader.post("/memory/notes", {"text": "a"})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")
    assert api(scopes=["write"]).get("/memory/notes").status_code == 403


def test_a_bound_key_acts_for_its_agent_only(api):
    assert api(agent="a").post("/memory/look", {"text": "x"}).json()["agent"] == "a"
    assert api(agent="a", acting="a").post("/memory/look", {"text": "x"}).json()["agent"] == "a"
    answer = api(agent="a", acting="b").post("/memory/look", {"text": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "agent_mismatch")


def test_a_key_bound_to_a_user_names_no_other(api):
    client = api(user="u")
    assert client.post("/memory/notes", {"text": "x", "user_id": "u"}).status_code == 201
    answer = client.post("/memory/notes", {"text": "x", "user_id": "v"})
    assert (answer.status_code, answer.json()["code"]) == (403, "user_mismatch")


def known_agents() -> list[str]:
    with behind_walls(READER):
        return list(Agent.objects.values_list("agent_id", flat=True))


def test_an_unbound_key_names_the_acting_agent_who_is_registered_when_it_first_writes(api):
    client = api()
    for acting in ("planner", "plänner"):
        headers = {"X-Agent-Id": acting.encode().decode("latin-1")}
        assert client.post("/memory/look", {"text": "x"}, headers=headers).json()["agent"] == acting
    assert known_agents() == ["planner", "plänner"]


def test_reading_registers_no_agent(api):
    assert api(acting="ghost").get("/memory/notes").status_code == 200
    assert api(acting="ghost", scopes=["read"]).post("/memory/look", {"text": "x"}).status_code == 200
    assert known_agents() == []


def test_an_agent_that_is_switched_off_is_refused(api):
    client = api(acting="planner")
    client.post("/memory/notes", {"text": "x"})
    agents.change(principal=SYSTEM, tenant_id="acme", agent_id="planner", active=False)
    forget_cached_actors()
    answer = client.get("/memory/notes")
    assert (answer.status_code, answer.json()["code"]) == (403, "agent_inactive")


@pytest.mark.parametrize("name", ["", "a b", "x" * 201, "a\tb", "review:rita", "System:jobs"])
def test_agent_names_are_checked(api, name):
    answer = api().get("/memory/notes", headers={"X-Agent-Id": name})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "X-Agent-Id")


@pytest.mark.parametrize("named", ["globex", "nowhere"])
def test_a_foreign_tenant_field_is_refused_whether_or_not_it_exists(api, named):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    answer = api().post("/memory/notes", {"text": "x", "tenant_id": named})
    assert (answer.status_code, answer.json()["code"]) == (403, "tenant_mismatch")


def test_a_platform_key_enters_tenants_that_exist(api, tenant):
    client = api(tenant=None)
    assert client.post("/memory/look", {"text": "x", "tenant_id": tenant}).json()["tenant"] == tenant
    assert client.post("/memory/look", {"text": "x", "tenant_id": "nowhere"}).status_code == 404


def test_a_cached_key_costs_no_statement(api, django_assert_num_queries):
    client = api(acting="planner")
    client.post("/memory/look", {"text": "x"})
    with django_assert_num_queries(0):
        client.post("/memory/look", {"text": "x"})


def test_the_use_of_a_key_is_noted(api):
    api().get("/memory/notes")
    with behind_walls(READER):
        assert ApiKey.objects.get().last_used_at is not None
