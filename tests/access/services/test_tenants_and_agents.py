"""Tenants and agents: made once, changed with a trail."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound, ScopeMissing
from memoryhub.access.models import Agent, AuditEvent, Tenant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.access.walls import behind_walls

pytestmark = pytest.mark.django_db
SYSTEM = system_principal("test")
ADMIN = Principal(kind="key", name="boss", tenant_id="acme", permissions=frozenset({"admin"}))
WRITER = Principal(kind="key", name="w", tenant_id="acme", agent_id="a", permissions=frozenset({"read", "write"}))


def trail() -> list[tuple[str | None, str]]:
    with behind_walls(Principal(kind="staff", name="reader")):
        return list(AuditEvent.objects.order_by("at", "id").values_list("tenant_id", "action"))


def test_ensuring_twice_makes_one_tenant_and_one_line():
    first = tenants.ensure(principal=SYSTEM, tenant_id="acme", name="Acme")
    again = tenants.ensure(principal=SYSTEM, tenant_id="acme")
    assert (first.name, again.name) == ("Acme", "Acme")
    assert trail() == [("acme", "access.tenant.created")]


@pytest.mark.parametrize("slug", ["", "Acme", "-a", "a" * 64, "a b", "ä", "acme\n"])
def test_tenant_ids_are_slugs(slug):
    with pytest.raises(Invalid, match="1 to 63"):
        tenants.ensure(principal=SYSTEM, tenant_id=slug)


def test_a_tenants_key_makes_no_tenant():
    with pytest.raises(Forbidden):
        tenants.create(principal=ADMIN, tenant_id="acme")


def test_a_tenant_admin_renames_it_and_cannot_switch_it_off(tenant):
    tenants.change(principal=ADMIN, tenant_id=tenant, name="Acme Ltd")
    with pytest.raises(Forbidden):
        tenants.change(principal=ADMIN, tenant_id=tenant, active=False)
    with behind_walls(ADMIN):
        assert Tenant.objects.get().name == "Acme Ltd"
    assert trail()[-1] == ("acme", "access.tenant.changed")


def test_changing_nothing_leaves_no_line(tenant):
    tenants.change(principal=ADMIN, tenant_id=tenant, name="")
    assert trail() == [("acme", "access.tenant.created")]


def test_the_text_search_configuration_must_exist(tenant):
    with pytest.raises(Invalid, match="german"):
        tenants.change(principal=ADMIN, tenant_id=tenant, text_search_config="klingon")
    assert tenants.change(principal=ADMIN, tenant_id=tenant, text_search_config="german")


def test_an_agent_registers_itself_and_nobody_else(tenant):
    agents.ensure(principal=WRITER, tenant_id=tenant, agent_id="a")
    with pytest.raises(ScopeMissing):
        agents.ensure(principal=WRITER, tenant_id=tenant, agent_id="b")
    with behind_walls(ADMIN):
        assert list(Agent.objects.values_list("agent_id", flat=True)) == ["a"]


def test_an_agent_needs_its_tenant():
    with pytest.raises(NotFound):
        agents.ensure(principal=SYSTEM, tenant_id="nowhere", agent_id="a")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "x" * 201, "\x00", "review:rita", "system:jobs"])
def test_agent_ids_have_no_spaces_and_are_none_of_the_hubs_own(tenant, name):
    with pytest.raises(Invalid):
        agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id=name)


def test_known_is_active_and_of_the_tenant(tenant):
    agents.ensure(principal=SYSTEM, tenant_id=tenant, agent_id="a")
    assert agents.known(principal=WRITER, agent_id="a").agent_id == "a"
    agents.change(principal=ADMIN, tenant_id=tenant, agent_id="a", active=False)
    with pytest.raises(NotFound):
        agents.known(principal=WRITER, agent_id="a")
    with pytest.raises(NotFound):
        agents.known(principal=Principal(kind="key", name="x", tenant_id="globex"), agent_id="a")
