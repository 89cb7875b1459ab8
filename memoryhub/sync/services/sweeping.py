"""Upkeep of this house: what the outbox and the jobs leave behind. Each function is one slice of a job."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import OrmQ, Task

from memoryhub.access.principals import Principal
from memoryhub.access.services import idempotency, rates
from memoryhub.sync import stores
from memoryhub.sync.models import JobRun
from memoryhub.sync.services import heartbeats
from memoryhub.sync.services.outbox import note_errors, settle

NOT_SETTLED = """
SELECT e.id FROM memory_sync_events e
WHERE NOT e.processed AND e.timestamp < now() - interval '1 minute'
  AND NOT EXISTS (SELECT FROM memory_sync_deliveries d WHERE d.event_id = e.id AND d.status IN ('pending', 'parked'))
ORDER BY e.id LIMIT %s
"""
PARK_STRANGERS = """
UPDATE memory_sync_deliveries
SET status = 'parked', claimed_until = NULL,
    error = 'No store of this name is registered. Retry when there is one again.'
WHERE id IN (SELECT id FROM memory_sync_deliveries WHERE status = 'pending' AND store <> ALL(%s)
             AND created_at < now() - interval '1 minute' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING event_id, error
"""
PURGE_EVENTS = """
WITH old AS MATERIALIZED (
  SELECT id FROM memory_sync_events
  WHERE timestamp < now() - make_interval(days => %s) AND processed ORDER BY timestamp LIMIT %s
), gone AS (DELETE FROM memory_sync_deliveries WHERE event_id IN (SELECT id FROM old))
DELETE FROM memory_sync_events WHERE id IN (SELECT id FROM old)
"""


def heartbeat(*, principal: Principal, limit: int) -> int:
    """The jobs run: the watchdog outside the cluster reads it."""
    heartbeats.beat(heartbeats.JOBS, {"queued": OrmQ.objects.count()})
    return 0


def sweep_outbox(*, principal: Principal, limit: int) -> dict[str, int]:
    """Settles events whose last delivery was left unsettled, parks deliveries that no store will ever take."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(NOT_SETTLED, [limit])
        settled = settle([row[0] for row in cursor.fetchall()])
        cursor.execute(PARK_STRANGERS, [stores.names(), limit])
        parked = list(cursor.fetchall())
        note_errors(parked)
    return {"settled": settled, "parked": len(parked)}


def purge(*, principal: Principal, limit: int) -> dict[str, int]:
    """Removes processed events, runs of jobs and the queue's own records that are older than ``sync.keep_days``."""
    days = settings.CONFIG.sync.keep_days
    cutoff = timezone.now() - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute(PURGE_EVENTS, [days, limit])
        events = cursor.rowcount
    return {
        "events": events,
        "job_runs": delete_some(JobRun.objects.filter(started_at__lt=cutoff), limit),
        "queue_records": delete_some(Task.objects.filter(stopped__lt=cutoff), limit),
    }


def sweep_access(*, principal: Principal, limit: int) -> dict[str, int]:
    """The ground floor registers no jobs itself: it knows nothing of them."""
    return {"idempotency_keys": idempotency.sweep(principal=principal), "rate_windows": rates.sweep()}


def delete_some(rows: QuerySet[Any], limit: int) -> int:
    some = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    return int(rows.model.objects.filter(pk__in=some).delete()[0])
