"""Operations that were begun, for tests of what stands on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memoryhub.access.credentials import principal_for, verify
from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
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
