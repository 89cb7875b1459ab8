"""Every page of the access house: who gets in, what is listed, and whose rows."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from memoryhub.access.models import Agent, ApiKey, AuditEvent, Grant, IdempotencyKey, StaffLimit, Tenant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, grants, keys, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry

SYSTEM = system_principal("test")
READER = Principal(kind="staff", name="reader", permissions=frozenset({"admin"}))
MODELS = ["tenant", "agent", "apikey", "grant", "auditevent", "idempotencykey", "stafflimit"]
READ_ONLY = ["grant", "auditevent", "idempotencykey"]


def address(model: str, page: str = "changelist", *args: Any) -> str:
    app = "auth" if model in ("user", "group") else "access"
    return reverse(f"admin:{app}_{model}_{page}", args=args)


@pytest.fixture
def two_tenants(db):
    """A row of everything in each of two tenants."""
    for name in ("acme", "globex"):
        tenants.ensure(principal=SYSTEM, tenant_id=name)
        owner = Principal(kind="key", name="k", tenant_id=name, agent_id=f"{name}-a", permissions=frozenset({"write"}))
        for agent in ("a", "b"):
            agents.ensure(principal=SYSTEM, tenant_id=name, agent_id=f"{name}-{agent}")
        keys.create(principal=SYSTEM, tenant_id=name, scopes=["read"], name=f"{name}-key")
        with behind_walls(owner):
            entry = ContextEntry.objects.create(
                key="k", layer="long_term", scope="agent", tenant_id=name, agent_id=f"{name}-a", value=1
            )
            IdempotencyKey.objects.create(tenant_id=name, caller="c", key=f"{name}-once", digest=b"x")
        grants.grant(principal=owner, entry_id=entry.id, agent_ids=[f"{name}-b"])


def first(model: type[Any], **wanted: Any) -> Any:
    with behind_walls(READER):
        return model.objects.filter(**wanted).first()


@pytest.mark.parametrize("model", [*MODELS, "user", "group"])
def test_nobody_gets_in_without_signing_in(model, db):
    assert Client().get(address(model)).status_code == 302
    assert Client().post(address(model), {"action": "delete_selected"}).status_code == 302


@pytest.mark.parametrize("model", [*MODELS, "user", "group"])
def test_an_auditor_looks_at_everything_and_adds_and_deletes_nothing(model, two_tenants, sign_in):
    browser = sign_in("Auditor")
    assert browser.get(address(model)).status_code == 200
    assert browser.get(address(model, "add")).status_code == 403
    assert b"delete_selected" not in browser.get(address(model)).content


@pytest.mark.parametrize("model", MODELS)
def test_a_procedure_editor_sees_no_keys_and_no_trail(model, two_tenants, sign_in):
    assert sign_in("Procedure editor").get(address(model)).status_code == (200 if model == "agent" else 403)


@pytest.mark.parametrize("model", READ_ONLY)
def test_records_are_read_only_for_administrators_too(model, two_tenants, sign_in):
    browser = sign_in("Administrator")
    row = first({"grant": Grant, "auditevent": AuditEvent, "idempotencykey": IdempotencyKey}[model])
    assert browser.get(address(model, "change", row.pk)).status_code == 200
    assert browser.post(address(model, "change", row.pk), {"reason": "x"}).status_code == 403
    assert browser.get(address(model, "add")).status_code == 403
    assert browser.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", ["tenant", "agent", "apikey", "grant", "auditevent", "idempotencykey"])
def test_a_limited_user_never_sees_other_tenants(model, two_tenants, sign_in):
    page = sign_in("Administrator", tenants=["acme"]).get(address(model)).content.decode()
    assert "acme" in page
    assert "globex" not in page


@pytest.mark.parametrize("model", ["tenant", "agent", "apikey", "grant", "auditevent", "idempotencykey"])
def test_nor_opens_their_pages(model, two_tenants, sign_in):
    kinds: dict[str, type[Any]] = {"tenant": Tenant, "agent": Agent, "grant": Grant, "auditevent": AuditEvent}
    kinds |= {"idempotencykey": IdempotencyKey, "apikey": ApiKey}
    browser = sign_in("Administrator", tenants=["acme"])
    foreign, own = (first(kinds[model], tenant_id=name) for name in ("globex", "acme"))
    assert browser.get(address(model, "change", own.pk)).status_code == 200
    assert browser.get(address(model, "change", foreign.pk)).status_code == 302  # Django's answer for what is not there


@pytest.mark.parametrize("model", ["user", "group", "stafflimit"])
def test_a_limited_user_does_not_govern_staff(model, two_tenants, sign_in):
    browser = sign_in("Administrator", tenants=["acme"])
    assert browser.get(address(model)).status_code == 403
    assert browser.get(address(model, "add")).status_code == 403


@pytest.mark.parametrize("page", ["change", "delete", "history"])
@pytest.mark.parametrize("model", ["user", "group", "stafflimit"])
def test_a_limited_user_cannot_tell_what_exists_of_staff(model, page, two_tenants, sign_in):
    browser = sign_in("Administrator", tenants=["acme"])
    existing = {"user": User, "group": Group, "stafflimit": StaffLimit}[model]._default_manager.latest("pk").pk
    answers = {browser.get(address(model, page, pk)).status_code for pk in (existing, 987_654_321)}
    assert answers == {403}


def test_a_limited_superuser_does_not_govern_staff_either(two_tenants, sign_in):
    browser = sign_in(superuser=True, tenants=["acme"])
    assert browser.get(address("user")).status_code == 403
    assert browser.get(address("user", "add")).status_code == 403


def test_an_administrator_makes_no_superuser(db, sign_in):
    browser = sign_in("Administrator")
    other = sign_in(superuser=True).session["_auth_user_id"]
    assert browser.post(address("user", "change", other), {"username": "mine"}).status_code == 403
    assert browser.post(address("user", "change", other).replace("change", "password"), {}).status_code in (403, 404)
    assert (
        b'name="is_superuser"' not in browser.get(address("user", "change", browser.session["_auth_user_id"])).content
    )


def trail(action: str) -> int:
    with behind_walls(READER):
        return AuditEvent.objects.filter(action=action).count()


def test_accounts_are_made_with_a_line_in_the_trail(sign_in):
    form = {"username": "ben", "usable_password": "false"}
    answer = sign_in("Administrator").post(address("user", "add"), form)
    assert answer.status_code == 302
    assert trail("access.staff.made") == 1


def test_a_tenant_is_made_renamed_and_switched_off(sign_in):
    browser = sign_in("Administrator")
    form = {"tenant_id": "acme", "name": "Acme", "text_search_config": "english", "active": "on"}
    assert browser.post(address("tenant", "add"), form).status_code == 302
    assert browser.post(address("tenant", "change", "acme"), form | {"name": "Acme Ltd"}).status_code == 302
    del form["active"]
    assert browser.post(address("tenant", "change", "acme"), form).status_code == 302
    made = first(Tenant)
    assert (made.tenant_id, made.name, made.active) == ("acme", "Acme", False)
    assert (trail("access.tenant.created"), trail("access.tenant.changed")) == (1, 2)


def test_what_the_verb_refuses_is_said_and_nothing_is_changed(sign_in):
    browser = sign_in("Administrator")
    form = {"tenant_id": "acme", "name": "", "text_search_config": "klingon"}
    page = browser.post(address("tenant", "add"), form, follow=True)
    assert b"klingon" in page.content
    assert first(Tenant) is None


def test_an_agent_is_made_and_switched_off(tenant, sign_in):
    browser = sign_in("Administrator", tenants=[tenant])
    form = {"tenant_id": tenant, "agent_id": "a", "name": "Ann"}
    assert browser.post(address("agent", "add"), form).status_code == 302
    agent = first(Agent)
    assert (agent.agent_id, agent.name, agent.active) == ("a", "Ann", True)
    assert browser.post(address("agent", "change", agent.pk), {"name": "Ann"}).status_code == 302
    assert first(Agent).active is False


def test_an_agent_of_another_tenant_cannot_be_made(two_tenants, sign_in):
    browser = sign_in("Administrator", tenants=["acme"])
    page = browser.post(address("agent", "add"), {"tenant_id": "globex", "agent_id": "spy", "name": ""})
    assert page.status_code == 200
    assert first(Agent, agent_id="spy") is None


def test_limits_are_made_and_lifted_with_a_warning(two_tenants, sign_in):
    browser = sign_in("Administrator")
    user = sign_in("Auditor").session["_auth_user_id"]
    assert browser.post(address("stafflimit", "add"), {"user": user, "tenant": "acme"}).status_code == 302
    limit = first(StaffLimit)
    assert browser.post(address("stafflimit", "delete", limit.pk), {"post": "yes"}).status_code == 302
    assert b"sees all tenants" in browser.get(address("stafflimit")).content
    assert trail("access.staff.limited") == 2


def test_markup_in_names_is_escaped(tenant, sign_in):
    agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id="<script>x</script>")
    browser = sign_in("Auditor")
    assert b"<script>x" not in browser.get(address("agent")).content
    line = first(AuditEvent, action="access.agent.created")
    assert b"<script>x" not in browser.get(address("auditevent", "change", line.pk)).content


def test_a_refused_page_is_in_the_trail(db, sign_in):
    sign_in("Auditor").get(address("apikey", "add"))
    assert trail("access.request.refused") == 1


@pytest.mark.parametrize("model", ["agent", "apikey", "auditevent", "grant"])
def test_lists_cost_the_same_however_long(model, two_tenants, sign_in, django_assert_max_num_queries):
    browser = sign_in("Auditor")
    for number in range(10):
        agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id=f"more{number}")
        keys.create(principal=SYSTEM, tenant_id="acme", scopes=["read"])
    browser.get(address(model))
    with django_assert_max_num_queries(16):
        browser.get(address(model))


def test_what_is_missing_or_not_allowed_says_so_and_leads_on(db, sign_in):
    browser = sign_in("Auditor")
    missing, refused = browser.get("/admin/nowhere/"), browser.get(address("apikey", "add"))
    assert (missing.status_code, refused.status_code) == (404, 403)
    assert "This page does not exist" in missing.content.decode()
    assert "Your role does not allow this" in refused.content.decode()
    for answer in (missing, refused):
        assert '<a href="/admin/">' in answer.content.decode()


def test_an_empty_list_tells_filters_from_nothing_there(db, sign_in):
    browser = sign_in("Auditor")
    assert "No grants yet" in browser.get(address("grant")).content.decode()
    filtered = browser.get(address("grant") + "?q=nothing").content.decode()
    assert "Nothing matches" in filtered
    assert "No grants yet" not in filtered
