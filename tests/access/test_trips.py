"""One message for walls and statement."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection

from memoryhub.access.principals import Principal
from memoryhub.access.trips import one_trip, together
from memoryhub.access.walls import behind_walls

CALLER = Principal(kind="key", name="k", tenant_id="a")
TENANT = "SELECT current_setting('memoryhub.tenant', true)"


@pytest.mark.django_db(transaction=True)
def test_the_walls_stand_during_the_statement_and_not_after():
    assert one_trip(TENANT, [], principal=CALLER) == [("a",)]
    with connection.cursor() as cursor:
        cursor.execute(TENANT)
        assert cursor.fetchone()[0] in ("", None)


@pytest.mark.django_db(transaction=True)
def test_what_fails_leaves_nothing():
    statement = (
        "INSERT INTO memory_agents (id, tenant_id, agent_id, name, active, created_at) "
        "VALUES (gen_random_uuid(), 'a', 'x', '', true, now()); SELECT 1/0"
    )
    with pytest.raises(DatabaseError):
        one_trip(statement, [], principal=CALLER)
    assert one_trip("SELECT count(*) FROM memory_agents", [], principal=CALLER) == [(0,)]


@pytest.mark.django_db
def test_inside_a_transaction_it_joins():
    with behind_walls(Principal(kind="key", name="k", tenant_id="b")):
        assert one_trip(TENANT, [], principal=CALLER) == [("a",)]
        assert one_trip(TENANT, [], principal=Principal(kind="key", name="k", tenant_id="b")) == [("b",)]


@pytest.mark.django_db
def test_several_go_together():
    statement = (
        "INSERT INTO memory_agents (id, tenant_id, agent_id, name, active, created_at) "
        "VALUES (gen_random_uuid(), 'a', %(agent)s, %(name)s, true, now())"
    )
    with behind_walls(CALLER):
        assert together([]) == []
        made = [(statement, {"agent": f"a{n}", "name": "50 % off; %s"}) for n in range(2)]
        assert together([*made, ("UPDATE memory_agents SET active = false WHERE agent_id <> %s", ["-"])]) == [1, 1, 2]
    assert one_trip("SELECT name FROM memory_agents", [], principal=CALLER) == [("50 % off; %s",)] * 2
