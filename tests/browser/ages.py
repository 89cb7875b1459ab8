"""What only time brings to the seeded hub, written straight into its tables: ages, and totals of days gone by."""

from __future__ import annotations

from django.db import connection

from memoryhub.registry.models import ContextEntry, EntryVersion

SPREAD = """
UPDATE memory_context_versions SET created_at = created_at - make_interval(hours => n),
  id = uuidv7(make_interval(hours => -n))
FROM (SELECT id AS of, ((hashtext(id::text) & 65535) % 310)::int AS n
      FROM memory_context_versions WHERE version = 1) AS pick
WHERE id = of;
UPDATE memory_context_registry e SET created_at = v.created_at,
  updated_at = CASE WHEN sync_version = 1 THEN v.created_at ELSE updated_at END
FROM memory_context_versions v WHERE v.entry_id = e.id AND v.version = 1;
UPDATE memory_session_messages m SET created_at = m.created_at - minutes * interval '1 minute',
  at = m.at - minutes * interval '1 minute'
FROM (SELECT m.id, (s.message_count - m.sequence + 2) * 4 AS minutes
      FROM memory_session_messages m JOIN memory_session_context s ON s.id = m.session_id) AS back
WHERE back.id = m.id;
UPDATE memory_session_context SET start_time = start_time - (message_count + 2) * interval '4 minutes';
"""
BETWEEN = """
WITH spot AS (SELECT session_id, sequence, created_at FROM memory_session_messages)
UPDATE {table} r SET {column} = spot.created_at + interval '{minutes} minutes'
FROM spot JOIN memory_session_context s ON s.id = spot.session_id
WHERE s.session_id = 'renewal-maya-chen' AND spot.sequence = {after} AND {which}
"""
TOTALS = """
INSERT INTO memory_access_totals (tenant_id, day, accesses)
SELECT 'acme', (now() AT TIME ZONE 'UTC')::date - n, 180 + ((n * 37) % 11) * 21 FROM generate_series(1, 13) AS n
"""
PLACES = [
    ("memory_session_tasks", "created_at", 1, 5, "r.task_id = 'estimate-archive'"),
    ("memory_session_handoffs", "created_at", 1, 7, "r.session_id = s.id"),
    ("memory_session_handoffs", "answered_at", 2, 7, "r.session_id = s.id"),
    ("decision_logs", "created_at", 1, 8, "r.session_id = s.session_id"),
    ("memory_session_tasks", "created_at", 2, 8, "r.task_id = 'rollback-steps'"),
    ("context_snapshots", "timestamp", 3, 8, "r.session_id = s.session_id"),
]


def spread_over_days() -> None:
    """What only time brings: ages, and the totals of days gone by."""
    with connection.cursor() as cursor:
        cursor.execute(SPREAD)
        cursor.execute(TOTALS)
        for table, column, minutes, after, which in PLACES:
            cursor.execute(BETWEEN.format(table=table, column=column, minutes=minutes, after=after, which=which))
    assert ContextEntry.objects.exists()
    assert EntryVersion.objects.exists()
