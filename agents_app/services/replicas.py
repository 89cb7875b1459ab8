"""The registry of replicas, and what the feed keeps no longer."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from agents_app import selectors_feed
from agents_app.models import PushedChange, Replica
from memoryhub.access.principals import Principal
from memoryhub.access.services import audit
from memoryhub.access.walls import verb
from memoryhub.sync.models import HubEpoch

# Tombstones older than allowed, and conflicts that nobody has to decide any more. A reader that stands before the
# last of them starts afresh.
PURGE = """
WITH old AS MATERIALIZED (
  SELECT i.id, i.tenant_id, i.agent_id, i.seq FROM memory_change_feed i
  WHERE i.at < now() - make_interval(days => %(days)s) AND i.kind IN ('gone', 'conflict')
    AND (i.kind = 'gone' OR NOT EXISTS (
      SELECT FROM memory_conflicts c WHERE c.id = i.object_id AND c.status = 'open'))
  ORDER BY i.at, i.id LIMIT %(limit)s
), locked AS MATERIALIZED (
  SELECT agents_feed_lock(ARRAY(SELECT DISTINCT tenant_id FROM old)) AS taken
), gone AS (
  DELETE FROM memory_change_feed i USING old o, locked l WHERE i.id = o.id AND i.seq = o.seq
  RETURNING i.tenant_id, i.agent_id, i.seq
), noted AS (
  UPDATE memory_change_feeds f SET purged_through = greatest(f.purged_through, g.seq)
  FROM (SELECT tenant_id, agent_id, max(seq) AS seq FROM gone GROUP BY 1, 2) g
  WHERE f.tenant_id = g.tenant_id AND f.agent_id = g.agent_id
)
SELECT count(*) FROM gone
"""


@verb
def register(*, principal: Principal, user_id: str | None = None, name: str = "") -> Replica:
    """A new replica of the principal's agent, with its feed begun. ``user_id``: of what is about that user alone."""
    assert principal.tenant_id is not None  # acting_as has found the agent in it
    assert principal.agent_id is not None
    selectors_feed.begin(principal)
    replica: Replica = Replica.objects.create(
        tenant_id=principal.tenant_id,
        agent_id=principal.agent_id,
        user_id=user_id or principal.bound_user,
        name=name,
        epoch=HubEpoch.objects.get().epoch,
        created_by=principal.actor,
    )
    audit.record(
        "agents.replica.registered",
        principal=principal,
        object_type="replica",
        object_id=replica.pk,
        new={"agent_id": replica.agent_id, "user_id": replica.user_id, "name": name},
    )
    return replica


def registered(*, principal: Principal, agent_id: str | None = None) -> QuerySet[Replica]:
    """The replicas that the principal may know of: all of the tenant for admins and callers without an agent,
    else those of its own agent, and of its own user."""
    rows: QuerySet[Replica] = Replica.objects.visible_to(principal)
    if agent_id is not None:
        rows = rows.filter(agent_id=agent_id)
    if principal.agent_id and not principal.is_admin:
        rows = rows.filter(agent_id=principal.agent_id)
    return rows.filter(user_id=principal.bound_user) if principal.bound_user else rows


@verb
def purge(*, principal: Principal, limit: int) -> dict[str, int]:
    """Removes what left a slice longer ago than ``agents.feed_keep_days``, and answers to pushes as old."""
    days = settings.CONFIG.agents.feed_keep_days
    with connection.cursor() as cursor:
        cursor.execute(PURGE, {"days": days, "limit": limit})
        [(items,)] = cursor.fetchall()
    cutoff = timezone.now() - timedelta(days=days)
    old = PushedChange.objects.filter(at__lt=cutoff).order_by("at").values_list("pk", flat=True)
    pushed, _ = PushedChange.objects.filter(pk__in=list(old[:limit])).delete()
    return {"feed_items": items, "pushed_changes": pushed}
