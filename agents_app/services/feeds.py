"""Making the change feeds say what the registry holds: for feeds that are missing, or that somebody doubts."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.db import connection, transaction

from agents_app.selectors_feed import OPEN
from agents_app.stores import FEED_ENTRIES, Grown, notify

SLICE = 500
BEFORE_ALL = UUID(int=0)
WITHOUT = """
SELECT a.tenant_id, a.agent_id FROM memory_agents a
WHERE NOT EXISTS (SELECT FROM memory_change_feeds f WHERE f.tenant_id = a.tenant_id AND f.agent_id = a.agent_id)
"""
# What is in the registry, and what is in a feed only: erased, or not an agent's any more.
NEXT = """
SELECT o.id, o.tenant_id FROM (
  (SELECT e.id, e.tenant_id FROM memory_context_registry e WHERE e.id > %(after)s AND e.scope = 'agent'
   ORDER BY e.id LIMIT %(limit)s)
  UNION
  (SELECT i.object_id, i.tenant_id FROM memory_change_feed i WHERE i.object_id > %(after)s AND i.kind = 'put'
   ORDER BY i.object_id LIMIT %(limit)s)) o
ORDER BY o.id LIMIT %(limit)s
"""


def begin_all() -> int:
    """Begins the feeds of agents that have none; how many. As the system role."""
    with connection.cursor() as cursor:
        cursor.execute(WITHOUT)
        missing = cursor.fetchall()
        for tenant, agent in missing:
            with transaction.atomic():
                cursor.execute(OPEN, [tenant, tenant, agent])
    return len(missing)


def compare_all() -> Iterator[list[Grown]]:
    """Looks at every entry again, a slice at a time; the feeds that grew by it. Repeating it adds nothing."""
    after = BEFORE_ALL
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(NEXT, {"after": after, "limit": SLICE})
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.execute(FEED_ENTRIES, [[row[0] for row in rows], [row[1] for row in rows]])
            grown: list[Grown] = list(cursor.fetchall())
            notify(grown, {})
        after = rows[-1][0]
        yield grown
