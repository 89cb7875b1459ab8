"""The first wall says what the rules say: the queryset against plain Python, over everybody and everything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memoryhub.access.principals import Principal
from memoryhub.access.walls import behind_walls
from memoryhub.registry.models import ContextEntry
from memoryhub.search.models import IndexRow
from tests.access import visibility_model as model

pytestmark = pytest.mark.django_db
EVERYBODY = st.one_of(model.keys(), model.keys(), model.staff(), model.jobs())
ROWS = model.world()
CHECKED = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.fixture
def world(as_role):
    with as_role("memoryhub_system"):
        model.store(ROWS)


@contextmanager
def granted(as_role: Any, grants: model.Grants) -> Iterator[None]:
    """With these grants, which are taken away again."""
    with transaction.atomic():
        with as_role("memoryhub_system"):
            model.store_grants(ROWS, grants)
        yield
        transaction.set_rollback(True)


def found(rows: Any) -> set[UUID]:
    return set(rows.values_list("pk", flat=True))


def expected(rule: Any, who: Principal, grants: model.Grants, *, messages: bool) -> set[UUID]:
    return {row.id for row in ROWS if (messages or not row.is_message) and rule(who, row, grants)}


def compare(who: Principal, grants: model.Grants) -> None:
    readable = expected(model.may_read, who, grants, messages=False)
    assert found(ContextEntry.objects.visible_to(who)) == readable
    assert found(IndexRow.objects.visible_to(who)) == expected(model.may_read, who, grants, messages=True)
    assert found(ContextEntry.objects.writable_by(who)) == expected(model.may_write, who, grants, messages=False)


@CHECKED
@given(who=EVERYBODY, grants=model.grants_on(ROWS))
def test_the_first_wall_alone_is_the_rule(world, as_role, who, grants):
    """Where no second wall stands: the system role sees every row."""
    with granted(as_role, grants), as_role("memoryhub_system"):
        compare(who, grants)


@CHECKED
@given(who=st.one_of(model.keys(), model.keys(), model.staff()), grants=model.grants_on(ROWS))
def test_the_second_wall_takes_nothing_away_from_it(world, as_role, who, grants):
    with granted(as_role, grants), behind_walls(who):
        compare(who, grants)


def test_there_is_a_row_of_every_kind():
    assert {row.scope for row in ROWS} == {"global", "tenant", "user", "session", "agent"}
    assert len(ROWS) == len(set(ROWS)) == 31


def test_what_is_writable_is_readable():
    for row in ROWS:
        who = Principal(kind="key", name="k", tenant_id="a", agent_id="x", named_user="u", named_session="s")
        assert not model.may_write(who, row, frozenset()) or model.may_read(who, row, frozenset())
