"""Steps of a sync run that only look: what changed in the agent's slice, and how far its replicas are behind."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import F, Q

from agents_app.models import AgentProfile, Conflict, Replica, SyncRun
from memoryhub.access.principals import Principal

# What changed is found by its time; the grants by the entries, so that neither reads the whole slice.
CHANGED = """
WITH changed AS MATERIALIZED (
  SELECT r.id, r.agent_id FROM memory_context_registry r
  WHERE r.tenant_id = %(tenant)s AND r.scope = 'agent'
    AND r.updated_at >= %(since)s AND (%(user)s::text IS NULL OR r.user_id = %(user)s)
), granted AS MATERIALIZED (
  SELECT g.entry_id, g.agent_id FROM memory_grants g
  WHERE g.tenant_id = %(tenant)s AND g.entry_id = ANY (ARRAY(SELECT id FROM changed))
)
SELECT
  (SELECT count(*) FROM changed WHERE agent_id = %(agent)s)
    + (SELECT count(*) FROM granted WHERE agent_id = %(agent)s),
  (SELECT count(*) FROM granted JOIN changed ON changed.id = granted.entry_id WHERE changed.agent_id = %(agent)s)
"""

EVERYTHING = """
WITH own AS MATERIALIZED (
  SELECT r.id FROM memory_context_registry r
  WHERE r.tenant_id = %(tenant)s AND r.agent_id = %(agent)s AND r.scope = 'agent'
    AND r.deleted_at IS NULL AND r.archived_at IS NULL AND (%(user)s::text IS NULL OR r.user_id = %(user)s)
)
SELECT
  (SELECT count(*) FROM own) + (
    SELECT count(*) FROM memory_grants g WHERE g.tenant_id = %(tenant)s AND g.agent_id = %(agent)s
      AND (%(user)s::text IS NULL OR EXISTS (
        SELECT FROM memory_context_registry r WHERE r.id = g.entry_id AND r.user_id = %(user)s))),
  (SELECT count(*) FROM memory_grants g WHERE g.tenant_id = %(tenant)s AND g.entry_id IN (SELECT id FROM own))
"""


def counts(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """What is new since the last good run, forced: all: memories of the slice, grants to others, conflicts."""
    profile = AgentProfile.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id).first()
    since = None if run.forced or profile is None else profile.last_synced_at
    asked = {"tenant": run.tenant_id, "agent": run.agent_id, "user": run.user_id, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(EVERYTHING if since is None else CHANGED, asked)
        synced, shared = cursor.fetchone()
    return {
        "memories_synced": int(synced),
        "memories_shared": int(shared),
        "conflicts_detected": conflicts_since(run, since),
    }


def conflicts_since(run: SyncRun, since: datetime | None) -> int:
    """Conflicts about the agent's memories, or with a value that it offers; forced: those that are open."""
    concerned = Q(agent_id=run.agent_id) | Q(candidates__agent_id=run.agent_id)
    found = Conflict.objects.filter(concerned, tenant_id=run.tenant_id)
    if run.user_id is not None:
        found = found.filter(user_id=run.user_id)
    new = Q(status=Conflict.Status.OPEN) if since is None else Q(created_at__gte=since)
    return int(found.filter(new).distinct().count())


def replicas(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """The agent's replicas, and how many numbers of the feed they have not taken yet, all together."""
    through = run.through_seq or 0
    found = Replica.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id)
    behind = found.filter(acked_seq__lt=through).annotate(lag=through - F("acked_seq"))
    lags = list(behind.values_list("lag", flat=True))
    return {"replicas": found.count(), "replicas_behind": len(lags), "replica_lag": sum(lags)}
