"""Rows of the index as the owning houses write them, and callers who search them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now

from memoryhub.access.ids import new_id
from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.search.models import IndexRow, Vector
from memoryhub.search.services.search import SearchAnswer, search
from memoryhub.search.services.spaces import active_space

#: May write the rows of every tenant, and global ones.
STAFF = Principal(kind="staff", name="test")

Remember = Callable[..., UUID]
Find = Callable[..., SearchAnswer]


def index_row(content: str, **fields: Any) -> IndexRow:
    at = now()
    defaults = {
        "id": new_id(), "kind": "entry", "tenant_id": "acme", "scope": "tenant", "layer": "long_term",
        "category": "general", "event_at": at, "created_at": at, "version": 1,
    }  # fmt: skip
    return IndexRow(**(defaults | {"content": content} | fields))


def embed(rows: Sequence[IndexRow]) -> None:
    space = active_space()
    assert space is not None
    vectors = zip(rows, space.embedder.embed([row.content for row in rows]), strict=True)
    Vector.objects.bulk_create(
        Vector(row_id=row.id, model=space.name, tenant_id=row.tenant_id, reach=row.reach, version=row.version,
               embedding=vector)
        for row, vector in vectors
    )  # fmt: skip


def add(rows: Sequence[IndexRow], *, vectors: bool = True) -> None:
    with behind_walls(STAFF):
        IndexRow.objects.bulk_create(rows)
        if vectors:
            embed(rows)


@pytest.fixture
def remember(tenant: str) -> Remember:
    """``remember("text", scope="user", user_id="u")`` stores an entry with its index row; gives its id."""

    def make(content: str, *, key: str | None = None, vector: bool = True, **fields: Any) -> UUID:
        row = index_row(content, **fields)
        add([row], vectors=vector)
        with behind_walls(STAFF):
            ContextEntry.objects.create(
                id=row.id, key=key or f"k-{row.id}", layer=row.layer or "long_term", scope=row.scope, value=content,
                tenant_id=row.tenant_id, user_id=row.user_id, session_id=row.session_id, agent_id=row.agent_id,
            )  # fmt: skip
        return row.id

    return make


def caller(**fields: Any) -> Principal:
    defaults = {"kind": "key", "name": "k", "tenant_id": "acme", "permissions": frozenset({"read", "write"})}
    return Principal(**(defaults | fields))


@pytest.fixture
def find(tenant: str) -> Find:
    """``find("query", user="u", mode="keyword")`` searches as an agent of the tenant."""

    def run(query: str, *, principal: Principal | None = None, user: str | None = None, **wanted: Any) -> SearchAnswer:
        return search(principal=principal or caller(agent_id="a", named_user=user), query=query, **wanted)

    return run


def ids(answer: SearchAnswer) -> list[UUID]:
    return [result["id"] for result in answer.results]
