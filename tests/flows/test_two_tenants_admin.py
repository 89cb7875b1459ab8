"""Staff limited to one tenant opens every admin page on another tenant's things, found in the admin's own register."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from agents_app.models import Conflict, Notice, NoticeRead, Presence
from agents_app.models.duplicates import DetectionMark, DuplicateRemoval
from memoryhub.access.principals import system_principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextGroup, Relationship
from memoryhub.registry.services import access_log
from memoryhub.search.models import VectorIndex
from tests.conftest import MakeClient, role
from tests.contract.calls import is_uuid
from tests.contract.recipes import RECIPES, all_recipes
from tests.contract.recipes.context import new_entry_id
from tests.contract.routes import api_routes
from tests.contract.world import World, rows_of, undone, world_of
from tests.procedures_app import rows
from tests.procedures_app.admin.running import approval, run

pytestmark = pytest.mark.django_db
REFUSED = (302, 403, 404, 405)
PARAMETER = re.compile(r"<(?:\w+:)?\w+>")
#: Models whose rows belong to no tenant: nothing to hide there.
SHARED = {"auth.user", "auth.group", "search.vectorspace", "sync.jobrun", "sync.heartbeat"}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label_lower)
OF_TENANTS = [model for model in MODELS if model._meta.label_lower not in SHARED]


@dataclass
class Staff:
    """Who looks: a browser limited to ``theirs``, and one that may see all."""

    limited: list[Client]
    unlimited: Client


@pytest.fixture
def ours(api: MakeClient) -> World:
    """A tenant that has something of everything: each recipe was carried out in it."""
    world = world_of("ours", api)
    routes = {str(route): route for route in api_routes()}
    for recipe in all_recipes():
        route = routes[recipe.route]
        call = recipe.build(world)
        headers = {"Idempotency-Key": uuid4().hex} if route.method == "POST" else {}
        world.made(route.method, route.path, type(call)(call.path, call.query, call.body, call.headers | headers))
    make_what_no_address_makes(world)
    return world


def make_what_no_address_makes(world: World) -> None:
    access_log.log.flush()
    approval(run(tenant=world.tenant, agent_id=world.text()), reason=world.text(), proposal=world.text())
    fields = {"tenant_id": world.tenant}
    source, target = new_entry_id(world), new_entry_id(world)
    with behind_walls(system_principal("test", world.tenant)):
        Relationship.objects.create(source_id=source, target_id=target, relationship_type=world.text(), **fields)
        ContextGroup.objects.create(name=world.text(), description=world.text(), **fields)
        conflict = Conflict.objects.create(entry_id=source, kind="edit", key=world.text(), current_version=1, **fields)
        notice = Notice.objects.create(conflict=conflict, reason="opened", severity="critical", **fields)
        reader = User.objects.create_user("reader")
        NoticeRead.objects.create(notice=notice, user=reader, **fields)
        Presence.objects.create(conflict=conflict, user=reader, **fields)
        versions = {"kept_before": 1, "kept_after": 2, "dropped_before": 1, "dropped_after": 2}
        DuplicateRemoval.objects.create(
            kept_id=target, dropped_id=source, reason=world.text(), removed_by="job", **versions, **fields
        )
        DetectionMark.objects.create(name=world.text(), at=timezone.now(), entry_id=source, **fields)
        VectorIndex.objects.create(name=world.text(), model="m", dimension=2, rows=1, exact_up_to=1, **fields)
    rows.one_of_each(world.tenant, world.text())


@pytest.fixture
def staff(sign_in: Any, ours: World, api: MakeClient) -> Staff:
    theirs = world_of("theirs", api)
    RECIPES["POST context/store"][0].build(theirs)
    sign_in("Administrator", tenants=["ours"])
    limited = [sign_in("Administrator", tenants=["theirs"]), sign_in(superuser=True, tenants=["theirs"])]
    return Staff(limited, sign_in("Administrator"))


def objects_of(model: type[Model], tenant: str) -> list[Any]:
    """One row, or none, read as the database's superuser."""
    field = next((name for name in ("tenant_id", "tenant") if hasattr(model, name)), "")
    with role("postgres"):
        return list(model._base_manager.filter(**{field: tenant}).order_by("pk")[:1])


def pages(model: type[Model]) -> Iterator[str]:
    """Addresses of a model's own pages, with ``{}`` where a key stands."""
    start = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for pattern in admin.site._registry[model].get_urls():
        assert isinstance(pattern, URLPattern)
        yield start + PARAMETER.sub("{}", str(pattern.pattern))


def tells_nothing(answer: Any, ours: World, known: str, about: str) -> None:
    text = answer.content.decode(errors="replace")
    assert ours.marker not in text, f"{about} shows another tenant's text"
    told = [one for one in ours.ids if one in text and one not in known]
    assert not told, f"{about} shows another tenant's {told}"


def test_staff_of_one_tenant_finds_nothing_of_another(ours: World, staff: Staff, subtests: Any):
    # row-level security lets this role see every tenant: the first wall has to hold alone, whoever is limited
    nothing_found(ours, staff, subtests, "memoryhub_system")
    # in earnest this one acts, which sees less
    nothing_found(ours, Staff(staff.limited[:1], staff.unlimited), subtests, "memoryhub_app")


def nothing_found(ours: World, staff: Staff, subtests: Any, wall: str) -> None:
    for model in OF_TENANTS:
        with subtests.test(model._meta.label_lower), role(wall):
            before = rows_of("ours")
            pages_closed(model, ours, staff)
            assert rows_of("ours") == before, f"a page of {model._meta.label} changed another tenant's rows"
            lists_empty(model, ours, staff)
            actions_useless(model, ours, staff, before)
    for address in ("/admin/", f"/admin/search/?s={ours.marker[:-1]}", "/admin/search/?s=ours"):
        with subtests.test(address), role(wall):
            for browser in staff.limited:
                answer = look(browser, address)
                assert answer.status_code == 200, address
                tells_nothing(answer, ours, address, address)


def pages_closed(model: type[Model], ours: World, staff: Staff) -> None:
    rows = objects_of(model, "ours")
    assert rows, f"nothing of {model._meta.label} was made for the tenant: add a recipe that makes it"
    opened = 0
    for page in pages(model):
        for row in rows if "{}" in page else []:
            address, invented = (page.replace("{}", key) for key in (str(row.pk), invented_key(row)))
            opened += staff.unlimited.get(address).status_code == 200
            for browser in staff.limited:
                closed(browser, address, invented, ours)
    assert opened, "not even who may see everything could open a page: this proves nothing"


def closed(browser: Client, address: str, invented: str, ours: World) -> None:
    for ask in (look, press):
        answer = ask(browser, address)
        tells_nothing(answer, ours, address, address)
        assert answer.status_code in REFUSED or answer.status_code == ask(browser, invented).status_code, address


def look(browser: Client, address: str) -> Any:
    browser.cookies.pop("messages", None)  # says again what was asked before
    return browser.get(address)


def press(browser: Client, address: str) -> Any:
    browser.cookies.pop("messages", None)
    return browser.post(address, {"post": "yes", "reason": "x", "action": "x"})


def invented_key(row: Model) -> str:
    """A key of the same form that no row has."""
    known = str(row.pk)
    return str(uuid4()) if is_uuid(known) else "999999999" if known.isdigit() else "nothing"


def lists_empty(model: type[Model], ours: World, staff: Staff) -> None:
    start = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    searches = ["", f"?q={ours.marker[:-1]}", "?tenant_id=ours", *(f"?q={row.pk}" for row in objects_of(model, "ours"))]
    for browser in staff.limited:
        for search in searches:
            answer = look(browser, start + search)
            assert answer.status_code in (200, 302, 403)
            tells_nothing(answer, ours, search, start + search)
            shown = [str(row.pk) for row in objects_of(model, "ours") if f"/{row.pk}/" in answer.content.decode()]
            assert not shown


def actions_useless(model: type[Model], ours: World, staff: Staff, before: dict[str, str]) -> None:
    start = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    selected = [str(row.pk) for row in objects_of(model, "ours")]
    for name in [str(action) for action in admin.site._registry[model].actions or []] + ["delete_selected"]:
        for browser in staff.limited:
            with undone():
                answer = browser.post(start, {"action": name, "_selected_action": selected, "post": "yes"})
                tells_nothing(answer, ours, str(selected), f"{start} {name}")
                assert rows_of("ours") == before, name


def test_every_model_with_a_tenant_is_limited():
    assert {model._meta.label_lower for model in MODELS if model not in OF_TENANTS} == SHARED
