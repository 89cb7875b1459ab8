"""The predicate in Python, the one in SQL and what a search finds are one and the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryhub.access.models import Grant
from memoryhub.access.principals import ALL_PERMISSIONS, Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.search.models import IndexRow
from memoryhub.search.ranking import facts
from memoryhub.search.requests import KINDS, USUAL_KINDS, Filters
from memoryhub.search.services.search import search
from tests.search.conftest import STAFF, embed, index_row

pytestmark = pytest.mark.django_db

USERS = SESSIONS = AGENTS = st.sampled_from(["", "x", "y"])
TENANTS = st.sampled_from(["acme", "other"])


def maybe(names: st.SearchStrategy[str]) -> st.SearchStrategy[str | None]:
    return st.none() | names


def rows() -> st.SearchStrategy[IndexRow]:
    """Rows as entries and messages have them, and those of the other kinds in every scope inside of a tenant."""
    shapes: list[dict[str, st.SearchStrategy[Any]]] = [
        {"scope": st.just("tenant"), "tenant_id": TENANTS, "session_id": maybe(SESSIONS)},
        {"scope": st.just("user"), "tenant_id": TENANTS, "user_id": USERS, "session_id": maybe(SESSIONS)},
        {"scope": st.just("session"), "tenant_id": TENANTS, "session_id": SESSIONS},
        {"scope": st.just("agent"), "tenant_id": TENANTS, "agent_id": AGENTS, "user_id": maybe(USERS)},
    ]
    own = [st.fixed_dictionaries(shape | {"kind": st.sampled_from(KINDS)}) for shape in shapes]
    return st.one_of(st.just({"scope": "global", "tenant_id": None}), *own).map(as_row)


def as_row(columns: Any) -> IndexRow:
    return index_row("theme", **columns)


def principals() -> st.SearchStrategy[Principal]:
    return st.builds(
        Principal,
        kind=st.sampled_from(["key", "key", "key", "staff", "system"]),
        name=st.just("p"),
        tenant_id=TENANTS,
        agent_id=maybe(AGENTS),
        bound_user=maybe(USERS),
        permissions=st.sampled_from([frozenset({"read"}), ALL_PERMISSIONS]),
        named_user=maybe(USERS),
        named_session=maybe(SESSIONS),
    )


def grant(row: IndexRow, agent: str) -> None:
    """Opens an agent's entry to another one; other rows cannot be granted."""
    if row.scope == "agent" and row.tenant_id:
        ContextEntry.objects.get_or_create(
            id=row.id,
            defaults={"key": str(row.id), "layer": "long_term", "scope": "agent", "value": 1}
            | {name: getattr(row, name) for name in ("tenant_id", "agent_id", "user_id")},
        )
        Grant.objects.create(tenant_id=row.tenant_id, entry_id=row.id, agent_id=agent, created_by="t")


@contextmanager
def stored(made: list[IndexRow], grants: set[tuple[int, str]], *, vectors: bool) -> Iterator[None]:
    with transaction.atomic():
        with behind_walls(STAFF):
            IndexRow.objects.bulk_create(made)
            for row, agent in {(made[number % len(made)], agent) for number, agent in grants}:
                grant(row, agent)
            if vectors:
                embed(made)
        yield
        transaction.set_rollback(True)


IN_SQL = """
SELECT i.id FROM memory_search_index i
WHERE memory_visible(i.scope, i.tenant_id, i.user_id, i.session_id, i.agent_id,
  EXISTS (SELECT FROM memory_grants g WHERE g.tenant_id = %(tenant)s AND g.entry_id = i.id
          AND g.agent_id = coalesce(%(agent)s, '')),
  %(tenant)s, %(agent)s, %(named_user)s, %(session)s, %(bound_user)s, %(admin)s, %(everything)s)
"""


def seen_in_sql(principal: Principal) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(IN_SQL, facts(principal) | {"tenant": principal.tenant_id})
        return {row[0] for row in cursor.fetchall()}


def seen_by_searching(principal: Principal, mode: str, kinds: tuple[str, ...], archived: bool) -> set[UUID]:
    filters = Filters(include_archived=archived)
    found = search(principal=principal, query="theme", mode=mode, kinds=kinds, filters=filters, limit=100)
    return {result["id"] for result in found.results}


@pytest.fixture(autouse=True)
def index_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results without their owners: the rows here have none."""
    monkeypatch.setattr("memoryhub.search.presenters._loaders", {})


@given(
    made=st.lists(rows(), min_size=1, max_size=12),
    grants=st.sets(st.tuples(st.integers(0, 11), AGENTS), max_size=6),
    principal=principals(),
    mode=st.sampled_from(["keyword", "semantic", "hybrid"]),
    kinds=st.sampled_from([(), (), ("knowledge",), ("work", "entry"), ("procedure", "knowledge", "message"), KINDS]),
    archived=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_three_ways_to_say_who_sees_what_agree(db, made, grants, principal, mode, *, kinds, archived):
    for row in made:
        row.archived = archived
    with stored(made, grants, vectors=mode != "keyword"), behind_walls(principal):
        visible = IndexRow.objects.visible_to(principal)
        assert seen_in_sql(principal) == set(visible.values_list("id", flat=True))
        wanted = set(visible.filter(kind__in=kinds or USUAL_KINDS).values_list("id", flat=True))
        assert seen_by_searching(principal, mode, kinds, archived) == wanted, (mode, kinds)
