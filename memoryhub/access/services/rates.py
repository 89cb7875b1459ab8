"""Rate limits that hold across processes: each leases blocks of tokens of the minute from one row.

A request costs no statement, a block costs one. A block is at most a tenth of the limit, so that what
one process holds unused keeps little from the others; together they never admit more than the limit.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

LEASE = """
INSERT INTO memory_rate_buckets AS bucket (name, "window", used)
VALUES (%s, floor(extract(epoch FROM clock_timestamp()) / 60)::bigint, %s)
ON CONFLICT (name) DO UPDATE SET "window" = excluded."window",
  used = CASE WHEN bucket."window" = excluded."window" THEN bucket.used ELSE 0 END + excluded.used
RETURNING used, 60 - mod(extract(epoch FROM clock_timestamp()), 60)
"""
SWEEP = """
DELETE FROM memory_rate_buckets WHERE "window" < floor(extract(epoch FROM clock_timestamp()) / 60)::bigint - 1
"""
MOST_LEASES = 10_000


@dataclass(slots=True)
class Lease:
    """Tokens of this minute, until ``ends`` on the monotonic clock; ``last`` when the minute has no more."""

    left: int
    ends: float
    last: bool


# the threads of a process share its leases: two that renewed one together would lose a block of tokens
_leasing = threading.Lock()
_leases: dict[str, Lease] = {}


def take(name: str, per_minute: int) -> float:
    """Takes one token. Seconds to wait where there is none, else 0. A limit of 0 admits everything."""
    if not per_minute:
        return 0.0
    now = time.monotonic()
    with _leasing:
        lease = _leases.get(name)
        if lease is None or now >= lease.ends or (lease.left == 0 and not lease.last):
            lease = renew(name, per_minute, now)
        if lease.left == 0:
            return lease.ends - now
        lease.left -= 1
    return 0.0


def renew(name: str, per_minute: int, now: float) -> Lease:
    if len(_leases) >= MOST_LEASES:
        _leases.clear()
    block = max(1, min(settings.CONFIG.rates.lease_block, per_minute // 10))
    with connection.cursor() as cursor:
        cursor.execute(LEASE, [name, block])
        used, seconds_left = cursor.fetchone()
    granted = max(0, min(block, per_minute - (used - block)))
    lease = Lease(left=granted, ends=now + float(seconds_left), last=used >= per_minute)
    _leases[name] = lease
    return lease


def forget_leases() -> None:
    _leases.clear()


def sweep() -> int:
    """Removes the buckets of past minutes; gives their number."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEP)
        return int(cursor.rowcount)
