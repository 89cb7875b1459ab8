"""Grants given and taken by hand."""

from __future__ import annotations

import pytest

from memoryhub.access.exceptions import Forbidden, Invalid, NotFound
from memoryhub.access.principals import system_principal
from memoryhub.access.services import agents, tenants
from memoryhub.registry.exceptions import NotGranted
from memoryhub.registry.services import entries, sharing
from tests.registry.conftest import agent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def known_agents(db):
    system = system_principal("test")
    tenants.ensure(principal=system, tenant_id="acme")
    for name in ("alden", "alice", "mimic"):
        agents.ensure(principal=system, tenant_id="acme", agent_id=name)


def test_sharing_opens_and_closing_closes(store, caller):
    entry_id = store("k", 1, scope="agent").entry_id
    alice = agent("alice")
    [grant] = sharing.share(entry_id, principal=caller, agent_ids=["alice", "alden"], note="for the report")
    assert (grant.agent_id, grant.can_write, grant.note, grant.created_by) == (
        "alice", False, "for the report", "alden"
    )  # fmt: skip
    assert entries.get(entry_id, principal=alice).value == 1
    [wider] = sharing.share(entry_id, principal=caller, agent_ids=["alice"], can_write=True)
    assert wider.can_write
    assert [g.agent_id for g in sharing.of_entry(entry_id, principal=caller)] == ["alice"]
    assert sharing.unshare(entry_id, principal=caller, agent_ids=["alice"]) == ["alice"]
    assert sharing.unshare(entry_id, principal=caller) == []
    with pytest.raises(NotFound):
        entries.get(entry_id, principal=alice)


def test_only_the_owner_and_admins_share(store, caller):
    entry_id = store("k", 1, scope="agent").entry_id
    alice = agent("alice")
    with pytest.raises(NotFound):
        sharing.share(entry_id, principal=alice, agent_ids=["mimic"])
    sharing.share(entry_id, principal=caller, agent_ids=["alice"])
    with pytest.raises(NotGranted):
        sharing.share(entry_id, principal=alice, agent_ids=["mimic"])
    with pytest.raises(NotGranted):
        sharing.of_entry(entry_id, principal=alice)
    sharing.share(entry_id, principal=caller, agent_ids=["alice"], can_write=True)
    with pytest.raises(Forbidden) as refused:
        sharing.share(entry_id, principal=alice, agent_ids=["mimic"])
    assert refused.value.code == "not_yours_to_share"
    sharing.share(entry_id, principal=system_principal("test", "acme"), agent_ids=["mimic"])


def test_unknown_agents_and_other_scopes_are_refused(store, caller):
    with pytest.raises(NotFound, match="nobody"):
        sharing.share(store("a", scope="agent").entry_id, principal=caller, agent_ids=["nobody"])
    with pytest.raises(Invalid):
        sharing.share(store("b", scope="tenant").entry_id, principal=caller, agent_ids=["alice"])
