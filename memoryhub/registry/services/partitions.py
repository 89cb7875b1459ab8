"""Daily partitions of the access log. Runs as the owner: the app's roles make and drop no tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

LOG = "memory_context_access_log"
#: Holds rows of days that had no partition yet, so that logging never fails.
REST = f"{LOG}_rest"
#: Making or dropping a partition waits for readers; it would rather be tried again than hold up others behind it.
LONGEST_WAIT = "2s"
KNOWN = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = %s::regclass AND c.relname ~ '_\\d{8}$' ORDER BY 1
"""


def name_of(day: date) -> str:
    return f"{LOG}_{day:%Y%m%d}"


def today() -> date:
    return datetime.now(UTC).date()


def existing() -> list[date]:
    """The days that have a partition."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [LOG])
        names = [row[0] for row in cursor.fetchall()]
    return [datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC).date() for name in names]


def ensure_partitions(days_ahead: int = 7) -> list[date]:
    """Makes the missing partitions from today to that many days ahead; gives the days made."""
    first, have = today(), set(existing())
    wanted = [first + timedelta(days=n) for n in range(days_ahead + 1)]
    made = [day for day in wanted if day not in have]
    for day in made:
        make(day)
    return made


def make(day: date) -> None:
    """One partition, with the rows of that day that waited in the default one."""
    bounds = {"start": sql.Literal(day.isoformat()), "end": sql.Literal((day + timedelta(days=1)).isoformat())}
    statement = sql.SQL(
        "SET LOCAL lock_timeout = {wait}; SET LOCAL timezone = 'UTC';"
        "LOCK TABLE {rest} IN SHARE ROW EXCLUSIVE MODE;"
        "CREATE TABLE {name} (LIKE {log} INCLUDING DEFAULTS);"
        "WITH moved AS (DELETE FROM {rest} WHERE timestamp >= {start} AND timestamp < {end} RETURNING *) "
        "INSERT INTO {name} SELECT * FROM moved;"
        "ALTER TABLE {log} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end})"
    ).format(
        wait=sql.Literal(LONGEST_WAIT),
        log=sql.Identifier(LOG),
        rest=sql.Identifier(REST),
        name=sql.Identifier(name_of(day)),
        **bounds,
    )
    run(statement)


def drop_old_partitions(keep_days: int | None = None) -> list[date]:
    """Drops partitions older than ``lifecycle.access_log_days``; gives their days."""
    keep = settings.CONFIG.lifecycle.access_log_days if keep_days is None else keep_days
    oldest = today() - timedelta(days=keep)
    old = [day for day in existing() if day < oldest]
    for day in old:
        run(
            sql.SQL("SET LOCAL lock_timeout = {wait}; DROP TABLE {name}").format(
                wait=sql.Literal(LONGEST_WAIT), name=sql.Identifier(name_of(day))
            )
        )
    return old


def run(statement: sql.Composed) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.connection))
