"""Counts of entries: a trigger appends what each change adds or takes, a job folds it together, a sum reads it."""

from __future__ import annotations

from django.db import connection

from memoryhub.access.principals import Principal
from memoryhub.access.walls import verb

# One statement, so that a sum taken meanwhile is right: it sees all of the old rows or the new one.
FOLD = """
WITH taken AS (
  DELETE FROM memory_entry_counts WHERE id IN (
    SELECT id FROM memory_entry_counts ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
  ) RETURNING tenant_id, layer, scope, priority, state, n
), folded AS (
  INSERT INTO memory_entry_counts (tenant_id, layer, scope, priority, state, n)
  SELECT tenant_id, layer, scope, priority, state, sum(n) FROM taken GROUP BY 1, 2, 3, 4, 5 HAVING sum(n) <> 0
  RETURNING 1
)
SELECT (SELECT count(*) FROM taken) - (SELECT count(*) FROM folded)
"""


@verb
def fold(*, principal: Principal, limit: int) -> int:
    """Folds up to ``limit`` rows; gives by how many there are fewer now."""
    with connection.cursor() as cursor:
        cursor.execute(FOLD, [limit])
        return int(cursor.fetchone()[0])
