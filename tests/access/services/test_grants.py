"""Grants: opened, changed, closed, each with a line in the trail."""

from __future__ import annotations

from uuid import uuid4

import pytest

from memoryhub.access.exceptions import NotFound
from memoryhub.access.models import AuditEvent, Grant
from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.services import agents, grants, tenants
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry

SYSTEM = system_principal("test")
OWNER = Principal(kind="key", name="k", tenant_id="acme", agent_id="owner", permissions=frozenset({"read", "write"}))
ENTRY = uuid4()
RULE, EXPLICIT = Grant.Reason.RULE, Grant.Reason.EXPLICIT


@pytest.fixture(autouse=True)
def team(tenant):
    tenants.ensure(principal=SYSTEM, tenant_id="globex")
    for tenant_id, name in (("acme", "owner"), ("acme", "a"), ("acme", "b"), ("globex", "spy")):
        agents.ensure(principal=SYSTEM, tenant_id=tenant_id, agent_id=name)
    with behind_walls(OWNER):
        ContextEntry.objects.create(
            id=ENTRY, key="k", layer="long_term", scope="agent", tenant_id="acme", agent_id="owner", value=1
        )


def open_to() -> dict[str, tuple[bool, str]]:
    with behind_walls(OWNER):
        return {row.agent_id: (row.can_write, row.reason) for row in grants.of_entry(OWNER, ENTRY)}


def trail() -> list[str]:
    with behind_walls(OWNER):
        return list(
            AuditEvent.objects.filter(object_type="entry").order_by("at", "id").values_list("action", flat=True)
        )


def test_opening_and_closing():
    made = grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a", "b"], note="for the trip")
    assert [row.created_by for row in made] == ["owner", "owner"]
    assert open_to() == {"a": (False, "explicit"), "b": (False, "explicit")}
    assert grants.revoke(principal=OWNER, entry_id=ENTRY, agent_ids=["a", "ghost"]) == ["a"]
    assert grants.revoke(principal=OWNER, entry_id=ENTRY) == ["b"]
    assert grants.revoke(principal=OWNER, entry_id=ENTRY) == []
    assert trail() == ["access.grant.made"] * 2 + ["access.grant.revoked"] * 2


@pytest.mark.parametrize("name", ["ghost", "spy", "off"])
def test_unknown_foreign_and_inactive_agents_are_not_found(name):
    agents.ensure(principal=SYSTEM, tenant_id="acme", agent_id="off")
    agents.change(principal=SYSTEM, tenant_id="acme", agent_id="off", active=False)
    with pytest.raises(NotFound, match=name):
        grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a", name])
    assert open_to() == {}


def test_granting_again_changes_what_is_different_only():
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a"])
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a"])
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a"], can_write=True)
    assert open_to() == {"a": (True, "explicit")}
    assert trail() == ["access.grant.made", "access.grant.changed"]


def test_a_rule_does_not_narrow_what_was_granted_by_hand():
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a"], can_write=True)
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a", "b"], reason=RULE)
    assert open_to() == {"a": (True, "explicit"), "b": (False, "rule")}
    assert grants.revoke(principal=OWNER, entry_id=ENTRY, reasons=[RULE]) == ["b"]


def test_grants_of_another_tenant_do_not_exist():
    grants.grant(principal=OWNER, entry_id=ENTRY, agent_ids=["a"])
    spy = Principal(kind="key", name="s", tenant_id="globex", agent_id="spy", permissions=OWNER.permissions)
    assert grants.revoke(principal=spy, entry_id=ENTRY) == []
    assert list(open_to()) == ["a"]
