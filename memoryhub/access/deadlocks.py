"""Work that is done again because it and another transaction waited for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

#: What PostgreSQL says to the one that it ends: a deadlock, or an order that no sequence of both could have had.
ENDED = frozenset({"40P01", "40001"})
T = TypeVar("T")


def once_more(turn: Callable[[], T]) -> T:
    """Repeats work once that PostgreSQL ended for the sake of another one: nothing of it stayed.

    Not inside of a transaction: that one is lost as a whole, and its owner repeats it.
    """
    try:
        return turn()
    except OperationalError as error:
        if connection.in_atomic_block or getattr(error.__cause__, "sqlstate", None) not in ENDED:
            raise
    return turn()
