"""Where a tenant is strict about ``memory_write`` no door writes without a consultation of the caller's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal, system_principal
from procedures_app.services import enforcement
from procedures_app.services.consultations import new_token
from tests.conftest import HubClient, MakeClient, MakeKey
from tests.contract.answers import problem
from tests.contract.calls import Call
from tests.contract.described import described_fields
from tests.contract.recipes import RECIPES
from tests.contract.routes import Route, api_routes
from tests.contract.world import ALL, World, rows_of, send
from tests.procedures_app.conftest import begun, principal_of

pytestmark = pytest.mark.django_db
ROUTES = {str(route): route for route in api_routes()}
#: Doors that need ``write`` or ``admin`` and ask for no consultation: each is here for a reason, and none unseen.
EXEMPT = {
    "POST operations/begin": "it is the consultation",
    "POST operations/finish": "it ends one, and the work in it was consulted",
    "POST operations/{operation_id}/abandon": "it ends one",
    "PUT operations/rules/{kind}": "a governor must be able to take strictness back",
    "DELETE operations/rules/{kind}": "a governor must be able to take strictness back",
    "POST agents/sharing-matrix/preview": "it changes nothing",
    "POST errors": "an error is captured whenever it happens",
}
#: What a refusal, and looking itself, may leave behind.
LOGS = {"memory_audit_trail", "memory_api_keys", "memory_context_access_log", "memory_idempotency_keys"}
#: Needs ``read``: a replica is a copy to read from. Its register is no memory.
REGISTERS = {"POST agents/replicas": {"memory_replicas", "memory_change_feeds"}}
GUARDED = [route for name, route in ROUTES.items() if route.writes and name not in EXEMPT]


def over(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", [pytest.param(one, id=str(one)) for one in routes])


def strict(world: World) -> None:
    enforcement.set_rule("memory_write", principal=system_principal("test", world.tenant), mode="strict")


def owner(world: World) -> Principal:
    return principal_of(world.authorization.removeprefix("Bearer "))


def bad_tokens(world: World, make_key: MakeKey) -> Iterator[tuple[str, str | None]]:
    """What stands for a consultation and is none of this caller's, by the reason of the refusal."""
    caller = owner(world)
    good = begun(caller).consultation
    now = timezone.now()
    yield "missing", None
    yield "unknown", new_token(new_id())
    yield "unknown", good[:-8] + ("0" * 8 if good[-8:] != "0" * 8 else "1" * 8)
    yield "unknown", begun(principal_of(make_key(tenant="theirs", agent=world.agent))).consultation
    yield "foreign", begun(principal_of(make_key(tenant=world.tenant, agent="intruder"))).consultation
    yield "foreign", begun(principal_of(make_key(tenant=world.tenant, agent=world.agent))).consultation
    yield "foreign", begun(principal_of(make_key(tenant=world.tenant), world.agent)).consultation
    yield "expired", begun(caller, expires_at=now - timedelta(seconds=1)).consultation
    for status in ("succeeded", "failed", "abandoned"):
        yield "ended", begun(caller, status=status, finished_at=now).consultation


def with_token(call: Call, token: str | None) -> Call:
    return replace(call, headers=call.headers | {"Consultation-Token": token}) if token else call


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table in before if before[table] != after[table]} - LOGS


@over(GUARDED)
def test_no_door_writes_without_a_consultation_of_ones_own(
    route: Route, ours: World, make_key: MakeKey, api: MakeClient
):
    call = RECIPES[str(route)][0].build(ours)
    tokens = [*bad_tokens(ours, make_key)]
    platform = api(tenant=None, scopes=ALL, acting=ours.agent)
    strict(ours)
    before = rows_of(ours.tenant)
    for number, (lack, token) in enumerate(tokens):
        once = {"Idempotency-Key": "once"} if number % 2 else {}
        attempt = with_token(replace(call, headers=call.headers | once), token)
        found = problem(ours.send(route.method, route.path, attempt), 428, f"{route} with {lack}")
        assert (found["code"], found["lack"], found["kind"]) == ("consultation_required", lack, "memory_write")
        assert found["begin"] == "/memory/operations/begin"
    platform_is_refused(platform, route, call, ours)
    assert not changed(before, rows_of(ours.tenant))
    good = ours.send(route.method, route.path, with_token(call, begun(owner(ours)).consultation))
    assert 200 <= good.status_code < 300, good.content


def platform_is_refused(platform: HubClient, route: Route, call: Call, world: World) -> None:
    """A platform key is looked at where it enters the tenant; elsewhere it reaches nothing of it."""
    for part in ("body", "query"):
        if "tenant_id" in described_fields(route, part):
            named = replace(call, **{part: (getattr(call, part) or {}) | {"tenant_id": world.tenant}})
            problem(send(platform, route.method, route.path, named), 428, f"{route} naming the tenant in its {part}")
    send(platform, route.method, route.path, call)


@over([ROUTES[name] for name in EXEMPT if name in ROUTES])
def test_exempt_doors_answer_as_ever(route: Route, ours: World):
    call = RECIPES[str(route)][0].build(ours)
    strict(ours)
    answer = ours.send(route.method, route.path, call)
    assert 200 <= answer.status_code < 300, answer.content


def test_nor_is_one_that_names_the_tenant_item_by_item(ours: World, api: MakeClient):
    platform = api(tenant=None, scopes=ALL, acting=ours.agent)
    strict(ours)
    body = {"entries": [{"key": "a", "value": 1, "tenant_id": ours.tenant}, {"key": "b", "value": 1}]}
    results = platform.post("/memory/context/batch", body).json()["results"]
    assert results[0]["code"] == "consultation_required"
    token = begun(principal_of_platform(platform, ours)).consultation
    results = platform.post("/memory/context/batch", body, headers={"Consultation-Token": token}).json()["results"]
    assert results[0]["success"]


def principal_of_platform(client: Any, world: World) -> Principal:
    key = client._credentials["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    return principal_of(key, world.agent).within(world.tenant)


def test_naming_another_agent_is_no_way_round(ours: World, api: MakeClient, make_key: MakeKey):
    """One key for several agents: each consults for itself."""
    key = make_key(tenant=ours.tenant)
    one, other, nobody = (api(key=key, acting=name) for name in (ours.agent, "writer", None))
    strict(ours)
    begin = one.post("/memory/operations/begin", {"task": "Tidy up"}).json()
    headers = {"Consultation-Token": begin["consultation_token"]}
    for caller, lack in ((other, "foreign"), (nobody, "foreign")):
        refused = caller.post("/memory/context/store", {"key": "a", "value": 1}, headers=headers)
        assert (refused.status_code, refused.json()["lack"]) == (428, lack)
    assert one.post("/memory/context/store", {"key": "a", "value": 1}, headers=headers).status_code == 200


def test_a_kept_answer_brings_no_new_effect(ours: World):
    strict(ours)
    token = ours.post("operations/begin", task="Tidy up")["consultation_token"]
    headers = {"Consultation-Token": token, "Idempotency-Key": "once"}
    first = ours.client.post("/memory/context/store", {"key": "a", "value": 1}, headers=headers)
    assert first.status_code == 200
    ours.post("operations/finish", consultation_token=token, success=True)
    before = rows_of(ours.tenant)
    for body in ({"key": "a", "value": 1}, {"key": "b", "value": 1}):
        assert ours.client.post("/memory/context/store", body, headers=headers).status_code == 428
    assert not changed(before, rows_of(ours.tenant))


def test_the_exempt_doors_are_these_and_no_others():
    told = {name for name, route in ROUTES.items() if route.writes and not route.view.consults}
    assert told == set(EXEMPT) & set(ROUTES)


def test_only_a_governor_takes_it_back(ours: World, api: MakeClient):
    strict(ours)
    token = {"Consultation-Token": begun(owner(ours)).consultation}
    writer = api(tenant=ours.tenant, agent="intruder")
    rule = "/memory/operations/rules/memory_write"
    assert writer.put(rule, {"mode": "off"}, headers=token).status_code == 403
    assert writer.delete(rule, headers=token).status_code == 403
    assert writer.put("/memory/operations/rules/Memory-Write", {"mode": "off"}, headers=token).status_code == 403
    assert ours.client.post("/memory/context/store", {"key": "a", "value": 1}).status_code == 428


READING = [route for route in ROUTES.values() if not route.writes and not route.public]


@over(READING)
def test_a_door_that_needs_read_alone_changes_nothing(route: Route, ours: World):
    """So nothing is written past the guard, which these do not ask; nor by HEAD, which is read as GET."""
    call = RECIPES[str(route)][0].build(ours)
    strict(ours)
    before = rows_of(ours.tenant)
    assert ours.send(route.method, route.path, call).status_code < 300
    if route.method == "GET":
        assert send(ours.client, "HEAD", route.path, replace(call, body=None)).status_code < 300
    assert changed(before, rows_of(ours.tenant)) <= REGISTERS.get(str(route), set())
    assert route.view().needed_permission("HEAD") == "read"
