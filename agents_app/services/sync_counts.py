"""Steps of a sync run that only look: what changed in the agent's slice, and how far its replicas are behind."""

from __future__ import annotations

from django.db import connection
from django.db.models import F

from agents_app.models import AgentProfile, Replica, SyncRun
from memoryhub.access.principals import Principal

# What changed is found by its time; the grants by the entries, so that neither reads the whole slice.
CHANGED = """
WITH changed AS MATERIALIZED (
  SELECT r.id, r.agent_id FROM memory_context_registry r
  WHERE r.tenant_id = %(tenant)s AND r.scope = 'agent'
    AND (%(since)s::timestamptz IS NULL OR r.updated_at >= %(since)s)
    AND (%(user)s::text IS NULL OR r.user_id = %(user)s)
), granted AS MATERIALIZED (
  SELECT g.entry_id, g.agent_id FROM memory_grants g
  WHERE g.tenant_id = %(tenant)s AND g.entry_id = ANY (ARRAY(SELECT id FROM changed))
)
SELECT
  (SELECT count(*) FROM changed WHERE agent_id = %(agent)s)
    + (SELECT count(*) FROM granted WHERE agent_id = %(agent)s),
  (SELECT count(*) FROM granted JOIN changed ON changed.id = granted.entry_id WHERE changed.agent_id = %(agent)s)
"""


def counts(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """Memories of the slice that changed since the last good run, and grants to others among them; forced: all."""
    profile = AgentProfile.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id).first()
    since = None if run.forced or profile is None else profile.last_synced_at
    asked = {"tenant": run.tenant_id, "agent": run.agent_id, "user": run.user_id, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, asked)
        synced, shared = cursor.fetchone()
    return {"memories_synced": int(synced), "memories_shared": int(shared)}


def replicas(run: SyncRun, *, principal: Principal, limit: int) -> dict[str, int]:
    """The agent's replicas, and how many numbers of the feed they have not taken yet, all together."""
    through = run.through_seq or 0
    found = Replica.objects.filter(tenant_id=run.tenant_id, agent_id=run.agent_id)
    behind = found.filter(acked_seq__lt=through).annotate(lag=through - F("acked_seq"))
    lags = list(behind.values_list("lag", flat=True))
    return {"replicas": found.count(), "replicas_behind": len(lags), "replica_lag": sum(lags)}
