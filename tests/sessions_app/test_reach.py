"""Who sees a conversation, asked of the database and of a row at hand: the answers are the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from memoryhub.access.principals import Principal, system_principal
from memoryhub.access.walls import behind_walls
from procedures_app.models import WorkRecord
from sessions_app.models.reach import reaches

Row = tuple[str, str | None, str | None]
ROWS: list[Row] = list(product(("acme", "other"), (None, "", "pat", "kim"), (None, "", "s1", "s2")))
KEY = Principal(kind="key", name="k", tenant_id="acme", permissions=frozenset({"read"}))
CALLERS = [
    replace(one, named_user=user, named_session=session, bound_user=bound)
    for one in (
        KEY,
        replace(KEY, permissions=frozenset({"read", "admin"})),
        Principal(kind="staff", name="boss", tenant_id="acme", permissions=frozenset({"read"})),
        system_principal("test", "acme"),
    )
    for user, session, bound in product((None, "pat"), (None, "s1"), (None, "pat"))
]


def test_a_row_at_hand_is_seen_as_the_database_shows_it(db: None):
    for tenant, user, session in ROWS:
        with behind_walls(system_principal("test", tenant)):
            made = {"tenant_id": tenant, "user_id": user, "session_id": session}
            WorkRecord.objects.create(kind="k", action="a", input_digest="d", **made)
    for caller in CALLERS:
        with behind_walls(caller):
            seen = set(WorkRecord.objects.visible_to(caller).values_list("tenant_id", "user_id", "session_id"))
        assert seen == {row for row in ROWS if reaches(caller, *row)}, caller


def test_outside_of_every_tenant_nothing_is_at_hand():
    assert not any(reaches(replace(KEY, tenant_id=None, platform=True), *row) for row in ROWS)
