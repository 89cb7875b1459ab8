"""Principals and entries of the registry's tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memoryhub.access.principals import Principal
from memoryhub.registry.services import entries
from memoryhub.registry.services.drafts import Draft
from memoryhub.registry.services.entries import Stored


def agent(name: str = "alden", *, tenant: str = "acme", scopes: tuple[str, ...] = ("read", "write")) -> Principal:
    return Principal(kind="key", name=name, tenant_id=tenant, agent_id=name, permissions=frozenset(scopes))


@pytest.fixture
def caller(db: None) -> Principal:
    """The agent alden of acme, who may read and write."""
    return agent()


@pytest.fixture
def store(caller: Principal) -> Callable[..., Stored]:
    """``store("key", value, scope="tenant", …)`` by alden, or by ``by``."""

    def make(key: str = "k", value: Any = 1, *, by: Principal = caller, **fields: Any) -> Stored:
        return entries.store(Draft(key=key, value=value, **fields), principal=by)

    return make
