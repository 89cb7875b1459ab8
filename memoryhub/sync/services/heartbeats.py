"""Signs of life: the relay's and the jobs'. The watchdog and health read their age."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import connection

RELAY, JOBS = "relay", "jobs"
BEAT = """
INSERT INTO memory_heartbeats (name, at, detail) VALUES (%s, clock_timestamp(), %s::jsonb)
ON CONFLICT (name) DO UPDATE SET at = excluded.at, detail = excluded.detail
"""
AGE = "SELECT extract(epoch FROM clock_timestamp() - at) FROM memory_heartbeats WHERE name = %s"


def beat(name: str, detail: Mapping[str, Any] | None = None) -> None:
    """``name`` lives, now."""
    with connection.cursor() as cursor:
        cursor.execute(BEAT, [name, json.dumps(detail or {})])


def age(name: str) -> float | None:
    """Seconds since the last sign of life; None if there was none ever."""
    with connection.cursor() as cursor:
        cursor.execute(AGE, [name])
        row = cursor.fetchone()
    return float(row[0]) if row else None
