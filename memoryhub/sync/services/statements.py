"""The SQL of the outbox: each verb is one or two statements over a whole batch.

Times are ``clock_timestamp()`` where something is written, and ``statement_timestamp()`` where an index is searched
(a volatile function would prevent that); ``now()`` is the start of a transaction that may have waited.
"""

from __future__ import annotations

INSERT_EVENT = """
INSERT INTO memory_sync_events (event_id, tenant_id, event_type, context_key, object_id, version,
                                source_system, target_systems, priority, payload, processed, processed_at)
VALUES (%(event_id)s, %(tenant_id)s, %(event_type)s, %(context_key)s, %(object_id)s, %(version)s, %(source)s,
        %(targets)s, %(priority)s, %(payload)s, %(processed)s, CASE WHEN %(processed)s THEN clock_timestamp() END)
"""

#: An idle relay asks only this: a claim is dearer to plan than to carry out.
ANY_DUE = """
SELECT 1 FROM memory_sync_deliveries
WHERE store = %s AND status = 'pending' AND next_at <= statement_timestamp() ORDER BY next_at LIMIT 1
"""

#: Claims of one store are made one relay at a time. Two at once could take different deliveries of one object.
LOCK_STORE = "SELECT pg_try_advisory_xact_lock(hashtext('memory_sync_claim'), hashtext(%s))"

# due:     what may be handled now, oldest first; objects that somebody is handling are left alone
# newest:  for each of these objects its newest delivery: it brings the store up to date for all of them
# chosen:  all of them, but at most one of those whose last handling ended without a word (a "suspect")
# older:   deliveries that the chosen ones make superfluous
#
# The planner believes that hardly anything is pending. Subqueries with ORDER BY and LIMIT stay subqueries and follow
# the index that gives their order; coalesce(status, '') keeps the indexes of pending rows out of look-ups by id.
CLAIM = """
WITH due AS MATERIALIZED (
  SELECT d.object_id FROM memory_sync_deliveries d
  WHERE d.store = %(store)s AND d.status = 'pending' AND d.next_at <= statement_timestamp()
    AND ((SELECT c.claimed_until FROM memory_sync_deliveries c
          WHERE c.object_id = d.object_id AND c.store = %(store)s AND c.status = 'pending'
            AND c.claimed_until IS NOT NULL ORDER BY c.claimed_until DESC LIMIT 1)
         > statement_timestamp()) IS NOT TRUE
  ORDER BY d.next_at, d.id LIMIT %(limit)s FOR UPDATE OF d SKIP LOCKED
), newest AS MATERIALIZED (
  SELECT n.id, o.object_id, held.until IS NOT NULL AS suspect
  FROM (SELECT DISTINCT object_id FROM due) o
  CROSS JOIN LATERAL (
    SELECT d.id FROM memory_sync_deliveries d
    WHERE d.object_id = o.object_id AND d.store = %(store)s AND d.status = 'pending'
    ORDER BY d.id DESC LIMIT 1) n
  LEFT JOIN LATERAL (
    SELECT c.claimed_until AS until FROM memory_sync_deliveries c
    WHERE c.object_id = o.object_id AND c.store = %(store)s AND c.status = 'pending'
      AND c.claimed_until IS NOT NULL ORDER BY c.claimed_until DESC LIMIT 1) held ON true
), chosen AS MATERIALIZED (
  SELECT * FROM newest WHERE NOT suspect OR id = (SELECT min(id) FROM newest WHERE suspect)
), older AS (
  UPDATE memory_sync_deliveries d
  SET status = 'superseded', done_at = clock_timestamp(), claimed_until = NULL, error = ''
  WHERE coalesce(d.status, '') = 'pending' AND d.id = ANY(ARRAY(
    SELECT o.id FROM chosen c CROSS JOIN LATERAL (
      SELECT p.id FROM memory_sync_deliveries p
      WHERE p.object_id = c.object_id AND p.store = %(store)s AND p.status = 'pending' AND p.id < c.id
      ORDER BY p.id LIMIT 10000) o))
  RETURNING d.event_id
), claimed AS (
  UPDATE memory_sync_deliveries d
  SET attempts = d.attempts + 1,
      claimed_until = statement_timestamp() + make_interval(secs => %(seconds)s),
      next_at = statement_timestamp() + make_interval(secs => %(seconds)s)
  FROM chosen c WHERE d.id = c.id AND coalesce(d.status, '') = 'pending'
  RETURNING d.id, d.event_id, d.tenant_id, d.store, d.object_id, d.version, d.attempts, d.claimed_until,
            d.created_at, c.suspect
)
SELECT d.*, e.event_type, e.context_key, e.source_system, e.priority, e.payload, e.event_id,
       (SELECT array_agg(event_id) FROM older)
FROM claimed d JOIN memory_sync_events e ON e.id = d.event_id ORDER BY d.id
"""

# claimed_until is the fence: who lost the claim to somebody else changes nothing
FINISH = """
UPDATE memory_sync_deliveries d
SET status = 'done', done_at = clock_timestamp(), claimed_until = NULL, error = ''
FROM unnest(%(ids)s::bigint[], %(fences)s::timestamptz[]) AS c (id, fence)
WHERE d.id = c.id AND coalesce(d.status, '') = 'pending' AND d.claimed_until = c.fence
RETURNING d.event_id, d.store, d.object_id
"""

#: What was parked before a claim was made is covered by its success: stores take over the current state.
SUPERSEDE_PARKED = """
UPDATE memory_sync_deliveries d SET status = 'superseded', done_at = clock_timestamp()
WHERE coalesce(d.status, '') = 'parked' AND d.id = ANY(ARRAY(
  SELECT p.id FROM unnest(%(stores)s::text[], %(objects)s::uuid[]) AS c (store, object_id)
  CROSS JOIN LATERAL (
    SELECT d.id FROM memory_sync_deliveries d
    WHERE d.object_id = c.object_id AND d.store = c.store AND d.status = 'parked' ORDER BY d.id LIMIT 10000) p))
RETURNING d.event_id
"""

FAIL = """
UPDATE memory_sync_deliveries d
SET status = CASE WHEN d.attempts >= %(most)s THEN 'parked' ELSE 'pending' END,
    next_at = clock_timestamp() + make_interval(
      secs => least(%(longest)s, %(base)s * power(2, d.attempts - 1)) * (0.75 + random() / 2)),
    claimed_until = NULL, error = c.error
FROM unnest(%(ids)s::bigint[], %(fences)s::timestamptz[], %(errors)s::text[]) AS c (id, fence, error)
WHERE d.id = c.id AND coalesce(d.status, '') = 'pending' AND d.claimed_until = c.fence
RETURNING d.event_id, d.status, d.store, d.error
"""

POSTPONE = """
UPDATE memory_sync_deliveries d
SET attempts = greatest(d.attempts - 1, 0), claimed_until = NULL, error = c.reason,
    next_at = clock_timestamp() + make_interval(secs => c.pause)
FROM unnest(%(ids)s::bigint[], %(fences)s::timestamptz[], %(pauses)s::float8[], %(reasons)s::text[])
     AS c (id, fence, pause, reason)
WHERE d.id = c.id AND coalesce(d.status, '') = 'pending' AND d.claimed_until = c.fence
"""

#: Two relays may finish the last two deliveries of an event at once: the lock makes the second one see the first.
LOCK_EVENTS = "SELECT id FROM memory_sync_events WHERE id = ANY(%(events)s) ORDER BY id FOR NO KEY UPDATE"
SETTLE = """
UPDATE memory_sync_events e SET processed = true, processed_at = clock_timestamp(), error = NULL
WHERE e.id = ANY(%(events)s) AND NOT e.processed
  AND NOT EXISTS (SELECT FROM memory_sync_deliveries d WHERE d.event_id = e.id AND d.status IN ('pending', 'parked'))
"""
REOPEN = """
UPDATE memory_sync_events SET processed = false, processed_at = NULL WHERE id = ANY(%(events)s) AND processed
"""
NOTE_ERROR = """
UPDATE memory_sync_events e SET error = c.error
FROM unnest(%(events)s::bigint[], %(errors)s::text[]) AS c (id, error) WHERE e.id = c.id
"""

RETRY = """
UPDATE memory_sync_deliveries
SET status = 'pending', attempts = 0, next_at = clock_timestamp(), claimed_until = NULL
WHERE id = ANY(%(ids)s) AND (status = 'parked' OR (status = 'pending' AND claimed_until IS NULL))
RETURNING id, event_id, tenant_id
"""
PARK = """
UPDATE memory_sync_deliveries SET status = 'parked', claimed_until = NULL, error = %(error)s
WHERE id = ANY(%(ids)s) AND status = 'pending'
RETURNING id, event_id, tenant_id
"""

BACKLOG = "SELECT pending, parked, extract(epoch FROM clock_timestamp() - oldest) FROM sync_backlog(%s)"
