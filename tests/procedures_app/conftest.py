"""Callers of the procedures area, and operations that were begun, for tests of what stands on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.credentials import principal_for, verify
from memoryhub.access.ids import new_id
from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.services import tenants
from memoryhub.access.walls import behind_walls
from procedures_app.models import Mode, Operation
from procedures_app.services.consultations import digest_of, new_token
from tests.conftest import MakeKey

Begin = Callable[..., Principal]


def principal_of(key: str, agent: str | None = None) -> Principal:
    """The caller that a key's text makes."""
    return principal_for(verify(key), acting_agent=agent, request_id="")


@pytest.fixture
def agent(make_key: MakeKey) -> Principal:
    """An agent with a key of its own."""
    return principal_of(make_key(agent="alden"))


@pytest.fixture
def governor(make_key: MakeKey) -> Principal:
    return principal_of(make_key(agent="boss", scopes=("read", "write", "admin")))


def begun(principal: Principal, kind: str = "general", **fields: Any) -> Principal:
    """The same caller, at work on an operation of this kind."""
    operation_id = new_id()
    token = new_token(operation_id)
    known = {
        "tenant_id": principal.tenant_id,
        "agent_id": principal.agent_id,
        "key_id": principal.key_id,
        "task": f"Some {kind}",
        "mode": Mode.ADVISE,
        "expires_at": timezone.now() + timedelta(hours=1),
    }
    with behind_walls(principal):
        Operation.objects.create(pk=operation_id, kind=kind, token_digest=digest_of(token), **known | fields)
    return replace(principal, consultation=token)


@pytest.fixture
def caller(tenant: str) -> Callable[..., Principal]:
    """``caller("a", user="u")`` is an agent that no key stands behind."""

    def make(name: str | None = "deploy_bot", **fields: Any) -> Principal:
        defaults = {"kind": "key", "name": "k", "tenant_id": tenant, "permissions": frozenset({"read", "write"})}
        if user := fields.pop("user", None):
            fields["named_user"] = user
        return Principal(**defaults | {"agent_id": name} | fields)

    return make


@pytest.fixture
def person(tenant: str) -> Principal:
    """A staff user who may write."""
    return Principal(kind="staff", name="maria", tenant_id=tenant, permissions=ALL_PERMISSIONS)


@pytest.fixture
def job(tenant: str) -> Principal:
    """The principal of a job in the tenant."""
    return system_principal("test", tenant)


@pytest.fixture
def other_tenant() -> str:
    return tenants.ensure(principal=system_principal("test"), tenant_id="other").tenant_id
