"""The second wall: row-level security, and the transaction-local settings that it reads.

Three settings, always local to a transaction, say whose rows the connection may touch:
``memoryhub.tenant`` (one tenant), ``memoryhub.staff`` ('*' or a comma-separated list: a staff user
in the admin), ``memoryhub.platform`` ('on': may write rows of no tenant). Unset means no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import connection, transaction
from django.db.migrations.operations import RunSQL

from memoryhub.access.principals import Principal

P = ParamSpec("P")
R = TypeVar("R")

Walls = tuple[str, str, str]
NOBODY: Walls = ("", "", "")
SET_WALLS = (
    "SELECT set_config('memoryhub.tenant', %s, true), set_config('memoryhub.staff', %s, true), "
    "set_config('memoryhub.platform', %s, true)"
)

# Compared with nullif: after a SET LOCAL the setting reads '' rather than NULL.
OWN = "tenant_id = nullif(current_setting('memoryhub.tenant', true), '')"
STAFF = (
    "(current_setting('memoryhub.staff', true) = '*' OR tenant_id = ANY "
    "(string_to_array(nullif(current_setting('memoryhub.staff', true), ''), ',')))"
)
SHARED = "tenant_id IS NULL"
PLATFORM = "(tenant_id IS NULL AND current_setting('memoryhub.platform', true) = 'on')"


def walls_of(principal: Principal) -> Walls:
    """The three settings for a principal: tenant, staff, platform."""
    staff = ""
    if principal.kind == "staff" and principal.tenant_id is None:
        staff = "*" if principal.staff_tenants is None else ",".join(principal.staff_tenants)
    return principal.tenant_id or "", staff, "on" if writes_global(principal) else ""


def writes_global(principal: Principal) -> bool:
    """Only the system, platform admin keys and staff not limited to tenants write rows of no tenant."""
    if principal.kind == "staff":
        return principal.staff_tenants is None
    return principal.kind == "system" or (principal.platform and principal.is_admin)


@contextmanager
def behind_walls(principal: Principal) -> Iterator[None]:
    """One transaction in which the database shows only what this principal's tenant owns.

    Nested use in the same walls joins the outer transaction; in other walls it puts them back at the end.
    """
    wanted = walls_of(principal)
    outer = current_walls()
    with transaction.atomic(savepoint=outer is not None and outer != wanted):
        if outer == wanted:
            yield
            return
        set_walls(wanted)
        try:
            yield
        except BaseException:
            # Rolling back to the savepoint puts the settings back; a broken transaction takes no statement anyway.
            connection._memoryhub_walls = outer  # type: ignore[attr-defined]
            raise
        restore_walls(outer)


def current_walls() -> Walls | None:
    """The walls of the transaction that is open; None outside of one."""
    if not connection.in_atomic_block:
        return None
    return getattr(connection, "_memoryhub_walls", None) or NOBODY


def set_walls(walls: Walls) -> None:
    with connection.cursor() as cursor:
        cursor.execute(SET_WALLS, walls)
    connection._memoryhub_walls = walls  # type: ignore[attr-defined]


def restore_walls(outer: Walls | None) -> None:
    if outer is None or connection.needs_rollback:  # rolling back puts the settings back
        connection._memoryhub_walls = outer  # type: ignore[attr-defined]
    else:
        set_walls(outer)


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """A service verb: atomic, behind the walls of its keyword-only ``principal``."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        principal = kwargs["principal"]
        assert isinstance(principal, Principal)
        with behind_walls(principal):
            return function(*args, **kwargs)

    return run


class TenantWall(RunSQL):
    """Migration operation: row-level security on a table with ``tenant_id``.

    ``shared=True``: rows without a tenant are readable by everybody (global entries) and written only
    by the platform. Otherwise rows without a tenant are for staff and the system alone.
    """

    def __init__(self, table: str, *, shared: bool = False) -> None:
        self.table, self.shared = table, shared
        read = f"{OWN} OR {STAFF}" + (f" OR {SHARED}" if shared else "")
        write = f"{OWN} OR {STAFF} OR {PLATFORM}"
        super().__init__(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY tenant_read ON {table} FOR SELECT USING ({read});"
            f"CREATE POLICY tenant_write ON {table} FOR ALL USING ({write}) WITH CHECK ({write});",
            f"DROP POLICY tenant_write ON {table}; DROP POLICY tenant_read ON {table};"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;",
        )

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.table], {"shared": self.shared} if self.shared else {}
