"""Callers of the session area: agents and users with keys of their own, over the API and in process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memoryhub.access.principals import ALL_PERMISSIONS, Principal, system_principal
from memoryhub.access.services import tenants
from tests.conftest import HubClient, MakeClient


class Door:
    """Calls the hub as one client. Answers are parsed; ``status`` is the last one's."""

    def __init__(self, client: HubClient) -> None:
        self.client = client
        self.status = 0

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.parse(self.client.get(f"/memory/{path}", query))

    def post(self, path: str, body: Any = None, **fields: Any) -> dict[str, Any]:
        return self.parse(self.client.post(f"/memory/{path}", fields if body is None else body))

    def call(self, method: str, path: str) -> dict[str, Any]:
        return self.parse(self.client.generic(method, f"/memory/{path}"))

    def parse(self, response: Any) -> dict[str, Any]:
        self.status = response.status_code
        return dict(response.json())


@pytest.fixture
def door(api: MakeClient) -> Callable[..., Door]:
    """``door(user="u", scopes=["read"], acting="agent")`` is the API for a caller with a new key."""

    def make(**caller: Any) -> Door:
        return Door(api(**caller))

    return make


@pytest.fixture
def agent(tenant: str) -> Callable[..., Principal]:
    """``agent("a", user="u")`` is the principal of an agent in process."""

    def make(name: str | None = "general_assistant", **fields: Any) -> Principal:
        defaults = {"kind": "key", "name": "k", "tenant_id": tenant, "permissions": frozenset({"read", "write"})}
        if user := fields.pop("user", None):
            fields["named_user"] = user
        return Principal(**defaults | {"agent_id": name} | fields)

    return make


@pytest.fixture
def job(tenant: str) -> Principal:
    """The principal of a job in the tenant."""
    return system_principal("test", tenant)


@pytest.fixture
def other_tenant() -> str:
    return tenants.ensure(principal=system_principal("test"), tenant_id="other").tenant_id


@pytest.fixture
def admin(tenant: str) -> Principal:
    return Principal(kind="key", name="admin", tenant_id=tenant, permissions=ALL_PERMISSIONS)
