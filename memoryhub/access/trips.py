"""One round trip to the database: the walls and a statement travel together and commit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections

from memoryhub.access.principals import Principal
from memoryhub.access.walls import SET_WALLS, behind_walls, walls_of

Rows = list[tuple[Any, ...]]
#: With its parameters, by place or by name.
Statement = tuple[str, Sequence[Any] | Mapping[str, Any]]


def one_trip(statement: str, params: Sequence[Any], *, principal: Principal) -> Rows:
    """The rows of one statement behind the principal's walls.

    Outside of a transaction both statements go in one message, which the server runs as one
    transaction: at the answer it is committed. Inside of one the statement simply joins it.
    """
    if connection.in_atomic_block:
        with behind_walls(principal), connection.cursor() as cursor:
            cursor.execute(statement, params)
            return list(cursor.fetchall())
    with connection.cursor() as cursor:
        cursor.execute(f"{SET_WALLS}; {statement}", [*walls_of(principal), *params])
        cursor.nextset()
        return list(cursor.fetchall())


def one_call(statement: str, params: Sequence[Any], *, principal: Principal) -> Rows:
    """As ``one_trip``, for a statement whose first parameter is the walls, one a line (NULL: they stand already),
    and which calls a function that sets them. Prepared once per connection, so for what is asked all day.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.in_atomic_block:
        with behind_walls(principal), connection.cursor() as cursor:
            cursor.execute(statement, [None, *params])
            return list(cursor.fetchall())
    database.close_if_health_check_failed()
    database.ensure_connection()
    with database.wrap_database_errors, psycopg.Cursor(database.connection) as prepared:
        prepared.execute(statement, ["\n".join(walls_of(principal)), *params])
        return list(prepared.fetchall())


def together(statements: Sequence[Statement]) -> list[int]:
    """Carries out statements that answer nothing, in one message; how many rows each of them changed.

    Must run inside a transaction, behind its walls.
    """
    assert connection.in_atomic_block, "they commit together"
    if not statements:
        return []
    with connection.cursor() as cursor:
        cursor.execute("; ".join(cursor.mogrify(*statement) for statement in statements))
        changed = [cursor.rowcount]
        while cursor.nextset():
            changed.append(cursor.rowcount)
    return changed
