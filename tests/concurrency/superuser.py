"""A connection of one's own to the test database, with every right: for checkers, and for what only an owner may do."""

from __future__ import annotations

from typing import Any

import psycopg
from django.db import connection


def superuser() -> psycopg.Connection[Any]:
    known = connection.get_connection_params()
    wanted = {name: known[name] for name in ("host", "port", "user", "password", "dbname") if known.get(name)}
    return psycopg.connect(**wanted, autocommit=True)
