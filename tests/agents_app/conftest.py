"""Callers of the agents area, over the API and in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents_app.services import syncing
from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.services import agents, tenants


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded machine may take longer over a sync than a caller waits."""
    monkeypatch.setattr(syncing, "WAIT_SECONDS", 60)


@pytest.fixture
def job(tenant: str) -> Principal:
    """The principal of a job in the tenant."""
    return system_principal("test", tenant)


@pytest.fixture
def admin(tenant: str) -> Principal:
    """An administrator's key, bound to no agent."""
    return Principal(kind="key", name="admin", tenant_id=tenant, permissions=ALL_PERMISSIONS)


@pytest.fixture
def as_agent(tenant: str) -> Callable[..., Principal]:
    """``as_agent("alden", user="u")`` is the principal of an agent, which is made where missing."""

    def make(name: str, *, user: str | None = None, **fields: Any) -> Principal:
        agents.ensure(principal=system_principal("test", tenant), tenant_id=tenant, agent_id=name)
        defaults = {"kind": "key", "name": "k", "tenant_id": tenant, "permissions": frozenset({"read", "write"})}
        return Principal(**defaults | {"agent_id": name, "named_user": user} | fields)

    return make


@pytest.fixture
def other_tenant(db: None) -> str:
    return tenants.ensure(principal=system_principal("test"), tenant_id="other").tenant_id
