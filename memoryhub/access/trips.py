"""One round trip to the database: the walls and a statement travel together and commit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from memoryhub.access.principals import Principal
from memoryhub.access.walls import SET_WALLS, behind_walls, walls_of


def one_trip(statement: str, params: Sequence[Any], *, principal: Principal) -> list[tuple[Any, ...]]:
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
