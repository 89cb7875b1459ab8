"""Notices a job cluster that looks alive but does nothing.

A killed worker may keep the queue's lock; then every process lives and no job runs. So a job
writes a heartbeat, and the supervisor, outside the cluster, reads its age.
"""

from __future__ import annotations

import psycopg

HEARTBEAT = "jobs"
AGE = "SELECT extract(epoch FROM clock_timestamp() - at) FROM memory_heartbeats WHERE name = %s"


def heartbeat_age(url: str, name: str = HEARTBEAT) -> float | None:
    """Seconds since the heartbeat; None where there is none yet or the database cannot be asked."""
    try:
        with psycopg.connect(
            url, connect_timeout=3, options="-c statement_timeout=3000", autocommit=True
        ) as connection:
            row = connection.execute(AGE, [name]).fetchone()
    except psycopg.Error:
        return None
    return float(row[0]) if row else None


def is_stale(age: float | None, running_for: float, limit: float) -> bool:
    """A cluster that has just started gets the whole limit to write its first heartbeat."""
    return running_for > limit and (age is None or age > limit)
