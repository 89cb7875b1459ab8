from django.db import migrations, models

# Numbers of a feed must become visible in their order, and an old state must never follow a newer one: whoever
# writes feeds of a tenant does so alone, and reads what to write after getting the lock. Every statement of these
# functions has a snapshot of its own (READ COMMITTED), taken when the lock is held.
LOCK = """
CREATE FUNCTION agents_feed_lock(tenants text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('agents_feed'), t.number)
    FROM (SELECT DISTINCT hashtext(name) AS number FROM unnest(tenants) AS name ORDER BY 1) t;
END $$;
"""

# Who has these entries in the slice: the owner and those with a grant, as far as they are agents at all. An agent
# that is switched off keeps its feed.
HOLDERS = """
CREATE FUNCTION agents_feed_holders(ids uuid[])
RETURNS TABLE (object_id uuid, tenant_id text, agent_id text, version int, can_write boolean, grant_id uuid,
  user_id text) LANGUAGE sql STABLE AS $$
  SELECT e.id, e.tenant_id, h.agent_id, e.sync_version, h.can_write, h.grant_id, e.user_id
  FROM memory_context_registry e
  CROSS JOIN LATERAL (
    SELECT e.agent_id, true AS can_write, NULL::uuid AS grant_id
    UNION ALL
    SELECT g.agent_id, g.can_write, g.id FROM memory_grants g
    WHERE g.entry_id = e.id AND g.tenant_id = e.tenant_id AND g.agent_id <> e.agent_id) h
  JOIN memory_agents a ON a.tenant_id = e.tenant_id AND a.agent_id = h.agent_id
  WHERE e.id = ANY (ids) AND e.scope = 'agent' AND registry_present(e, false)
$$;
"""

# Begins a feed with all that is in the slice by now, so that a feed that exists is complete. Gives the id of the feed
# that began; NULL where there is one.
OPEN = """
CREATE FUNCTION agents_feed_open(tenant text, agent text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  feed bigint;
  numbered bigint;
BEGIN
  INSERT INTO memory_change_feeds (tenant_id, agent_id) VALUES (tenant, agent) ON CONFLICT DO NOTHING
    RETURNING id INTO feed;
  IF feed IS NULL THEN RETURN NULL; END IF;
  INSERT INTO memory_change_feed (tenant_id, agent_id, seq, kind, object_id, version, can_write, grant_id, user_id, at)
  SELECT tenant, agent, row_number() OVER (ORDER BY s.updated_at, s.id), 'put', s.id, s.sync_version, s.can_write,
    s.grant_id, s.user_id, clock_timestamp()
  FROM (
    SELECT e.id, e.sync_version, e.updated_at, e.user_id, true AS can_write, NULL::uuid AS grant_id
    FROM memory_context_registry e
    WHERE e.tenant_id = tenant AND e.agent_id = agent AND e.scope = 'agent' AND registry_present(e, false)
    UNION ALL
    SELECT e.id, e.sync_version, e.updated_at, e.user_id, g.can_write, g.id
    FROM memory_grants g JOIN memory_context_registry e ON e.id = g.entry_id AND e.tenant_id = g.tenant_id
    WHERE g.tenant_id = tenant AND g.agent_id = agent AND e.scope = 'agent' AND e.agent_id <> agent
      AND registry_present(e, false)) s;
  GET DIAGNOSTICS numbered = ROW_COUNT;
  UPDATE memory_change_feeds f SET last_seq = numbered WHERE f.id = feed;
  RETURN feed;
END $$;
"""

# Numbers items, in their order, and writes each in the place of the older one about the same object.
APPEND = """
CREATE TYPE agents_feed_news AS (tenant_id text, agent_id text, kind text, object_id uuid, version int,
  can_write boolean, user_id text, reason text, grant_id uuid);
CREATE FUNCTION agents_feed_append(items agents_feed_news[])
RETURNS TABLE (tenant_id text, agent_id text, last_seq bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH news AS MATERIALIZED (
    SELECT i.*, row_number() OVER (PARTITION BY i.tenant_id, i.agent_id ORDER BY i.position) AS step
    FROM unnest(items) WITH ORDINALITY AS i (tenant_id, agent_id, kind, object_id, version, can_write, user_id, reason,
      grant_id, position)
  ), counted AS (
    UPDATE memory_change_feeds f SET last_seq = f.last_seq + c.n, updated_at = clock_timestamp()
    FROM (SELECT n.tenant_id, n.agent_id, count(*) AS n FROM news n GROUP BY 1, 2) c
    WHERE f.tenant_id = c.tenant_id AND f.agent_id = c.agent_id
    RETURNING f.tenant_id, f.agent_id, f.last_seq, f.last_seq - c.n AS before
  ), written AS (
    INSERT INTO memory_change_feed (tenant_id, agent_id, seq, kind, object_id, version, can_write, user_id, reason, at,
      grant_id)
    SELECT n.tenant_id, n.agent_id, c.before + n.step, n.kind, n.object_id, n.version, n.can_write, n.user_id, n.reason,
      clock_timestamp(), n.grant_id
    FROM news n JOIN counted c ON c.tenant_id = n.tenant_id AND c.agent_id = n.agent_id
    ON CONFLICT (object_id, tenant_id, agent_id) DO UPDATE SET seq = excluded.seq, kind = excluded.kind,
      version = excluded.version, can_write = excluded.can_write, user_id = excluded.user_id,
      reason = excluded.reason, at = excluded.at, grant_id = excluded.grant_id
  )
  SELECT c.tenant_id, c.agent_id, c.last_seq FROM counted c;
END $$;
"""

# What these entries are now, against what the feeds say of them. Gives the feeds that grew.
ENTRIES = """
CREATE FUNCTION agents_feed_entries(ids uuid[], tenants text[])
RETURNS TABLE (tenant_id text, agent_id text, last_seq bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  items agents_feed_news[];
  begun bigint[];
BEGIN
  PERFORM agents_feed_lock(tenants);
  SELECT array_agg(agents_feed_open(h.tenant_id, h.agent_id)) INTO begun
    FROM (SELECT DISTINCT n.tenant_id, n.agent_id FROM agents_feed_holders(ids) n) h
    WHERE NOT EXISTS (
      SELECT FROM memory_change_feeds f WHERE f.tenant_id = h.tenant_id AND f.agent_id = h.agent_id);
  IF begun IS NOT NULL THEN
    RETURN QUERY SELECT f.tenant_id, f.agent_id, f.last_seq FROM memory_change_feeds f WHERE f.id = ANY (begun);
  END IF;
  WITH asked AS MATERIALIZED (
    SELECT id, position FROM unnest(ids) WITH ORDINALITY AS a (id, position)
  ), holders AS MATERIALIZED (
    SELECT * FROM agents_feed_holders(ids)
  ), news AS (
    SELECT a.position, h.object_id, h.tenant_id, h.agent_id, 'put' AS kind, h.version, h.can_write, h.grant_id,
      h.user_id, '' AS reason
    FROM holders h JOIN asked a ON a.id = h.object_id
    LEFT JOIN memory_change_feed i
      ON i.object_id = h.object_id AND i.tenant_id = h.tenant_id AND i.agent_id = h.agent_id
    WHERE (i.kind, i.version, i.can_write, i.grant_id, i.user_id)
      IS DISTINCT FROM ('put', h.version, h.can_write, h.grant_id, h.user_id)
    UNION ALL
    SELECT a.position, i.object_id, i.tenant_id, i.agent_id, 'gone', coalesce(e.sync_version, i.version), false, NULL,
      i.user_id, CASE
        WHEN e.id IS NULL THEN 'erased'
        WHEN e.deleted_at IS NOT NULL THEN 'deleted'
        WHEN NOT registry_present(e, false) THEN 'archived'
        WHEN e.scope <> 'agent' OR i.grant_id IS NULL THEN 'moved'
        ELSE 'revoked' END
    FROM asked a JOIN memory_change_feed i ON i.object_id = a.id AND i.kind = 'put'
    LEFT JOIN memory_context_registry e ON e.id = a.id
    WHERE NOT EXISTS (
      SELECT FROM holders h
      WHERE h.object_id = i.object_id AND h.tenant_id = i.tenant_id AND h.agent_id = i.agent_id)
  )
  SELECT array_agg((n.tenant_id, n.agent_id, n.kind, n.object_id, n.version, n.can_write, n.user_id, n.reason,
    n.grant_id)::agents_feed_news ORDER BY n.position, n.agent_id) INTO items FROM news n;
  IF items IS NOT NULL THEN RETURN QUERY SELECT * FROM agents_feed_append(items); END IF;
END $$;
"""

# Tells those concerned, and those who were told before, how a conflict stands. Its entry follows once more: whether it
# is disputed, and by what, is part of its document and no version of it. ``concerned``: a list of agents for each id.
CONFLICTS = """
CREATE FUNCTION agents_feed_conflicts(ids uuid[], tenants text[], concerned jsonb)
RETURNS TABLE (tenant_id text, agent_id text, last_seq bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE items agents_feed_news[];
BEGIN
  PERFORM agents_feed_lock(tenants);
  PERFORM agents_feed_open(w.tenant_id, w.agent_id) FROM (
    SELECT DISTINCT a.tenant_id, a.agent_id FROM unnest(ids) WITH ORDINALITY AS c (id, position)
    JOIN memory_conflicts m ON m.id = c.id
    CROSS JOIN LATERAL jsonb_array_elements_text(concerned -> (c.position::int - 1)) AS name
    JOIN memory_agents a ON a.tenant_id = m.tenant_id AND a.agent_id = name) w
    WHERE NOT EXISTS (
      SELECT FROM memory_change_feeds f WHERE f.tenant_id = w.tenant_id AND f.agent_id = w.agent_id);
  WITH told AS MATERIALIZED (
    SELECT c.position, m.id AS object_id, m.tenant_id, a.agent_id, m.version, m.user_id, m.entry_id
    FROM unnest(ids) WITH ORDINALITY AS c (id, position)
    JOIN memory_conflicts m ON m.id = c.id
    CROSS JOIN LATERAL (
      SELECT name FROM jsonb_array_elements_text(concerned -> (c.position::int - 1)) AS name
      UNION SELECT i.agent_id FROM memory_change_feed i WHERE i.object_id = m.id AND i.tenant_id = m.tenant_id) w
    JOIN memory_agents a ON a.tenant_id = m.tenant_id AND a.agent_id = w.name
    LEFT JOIN memory_change_feed i
      ON i.object_id = m.id AND i.tenant_id = m.tenant_id AND i.agent_id = a.agent_id
    WHERE i.version IS NULL OR i.version < m.version
  ), again AS (
    SELECT DISTINCT ON (i.id) t.position, i.* FROM told t JOIN memory_change_feed i
      ON i.object_id = t.entry_id AND i.tenant_id = t.tenant_id AND i.agent_id = t.agent_id AND i.kind = 'put'
    ORDER BY i.id, t.position
  ), news AS (
    SELECT t.position, 0 AS place, t.tenant_id, t.agent_id, 'conflict' AS kind, t.object_id, t.version,
      false AS can_write, t.user_id, NULL::uuid AS grant_id
    FROM told t
    UNION ALL
    SELECT r.position, 1, r.tenant_id, r.agent_id, 'put', r.object_id, r.version, r.can_write, r.user_id, r.grant_id
    FROM again r
  )
  SELECT array_agg((n.tenant_id, n.agent_id, n.kind, n.object_id, n.version, n.can_write, n.user_id, '',
    n.grant_id)::agents_feed_news ORDER BY n.position, n.place, n.agent_id) INTO items FROM news n;
  IF items IS NOT NULL THEN RETURN QUERY SELECT * FROM agents_feed_append(items); END IF;
END $$;
"""

# A queue's and a feed's statistics are wrong while they grow: the plans of these functions hold whatever they say.
PLANS = """
ALTER FUNCTION agents_feed_entries(uuid[], text[]) SET enable_seqscan = off;
ALTER FUNCTION agents_feed_conflicts(uuid[], text[], jsonb) SET enable_seqscan = off;
ALTER FUNCTION agents_feed_append(agents_feed_news[]) SET enable_seqscan = off;
"""

# Grants are announced to the feed alone, one event for each entry of a statement. An entry that was written in the
# same transaction is announced already, and what falls with its entry needs no word: erasing announces that.
GRANTS = """
CREATE FUNCTION agents_announce_grants() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  made text := CASE TG_OP WHEN 'INSERT' THEN 'grant.made' WHEN 'UPDATE' THEN 'grant.changed' ELSE 'grant.revoked' END;
BEGIN
  INSERT INTO memory_sync_events (event_id, tenant_id, event_type, context_key, object_id, version, source_system,
    target_systems, priority, payload)
  SELECT gen_random_uuid(), e.tenant_id, made, e.key, e.id, e.sync_version, g.who, ARRAY['feed'], e.priority,
    jsonb_build_object('entry_id', e.id, 'version', e.sync_version)
  FROM (SELECT c.tenant_id, c.entry_id, min(c.created_by) AS who FROM changed c GROUP BY 1, 2) g
  JOIN memory_context_registry e ON e.id = g.entry_id AND e.tenant_id = g.tenant_id
  WHERE NOT EXISTS (
    SELECT FROM memory_sync_events v
    WHERE v.object_id = e.id AND v.version = e.sync_version AND v.xmin = pg_current_xact_id()::xid
      AND 'feed' = ANY (v.target_systems))
  ORDER BY e.id;
  RETURN NULL;
END $$;
CREATE TRIGGER grants_made AFTER INSERT ON memory_grants REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION agents_announce_grants();
CREATE TRIGGER grants_changed AFTER UPDATE ON memory_grants REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION agents_announce_grants();
CREATE TRIGGER grants_revoked AFTER DELETE ON memory_grants REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION agents_announce_grants();
"""
NO_GRANTS = "DROP FUNCTION agents_announce_grants() CASCADE"

DROP = """
DROP FUNCTION agents_feed_conflicts, agents_feed_entries, agents_feed_append, agents_feed_open, agents_feed_holders,
  agents_feed_lock;
DROP TYPE agents_feed_news;
"""

# What agents stored before they had a feed.
FILL = """
SELECT agents_feed_open(a.tenant_id, a.agent_id) FROM memory_agents a
WHERE EXISTS (SELECT FROM memory_context_registry e WHERE e.tenant_id = a.tenant_id AND e.agent_id = a.agent_id)
   OR EXISTS (SELECT FROM memory_grants g WHERE g.tenant_id = a.tenant_id AND g.agent_id = a.agent_id)
"""


class Migration(migrations.Migration):
    """The change feed is computed in the database, a batch at a time."""

    dependencies = [
        ("agents_app", "0003_alternatives"),
        ("registry", "0008_house_rules"),
        ("sync", "0002_deliveries_fan_out"),
    ]
    operations = [
        migrations.AddField(
            model_name="feeditem",
            name="grant_id",
            field=models.UUIDField(
                help_text="What opened it; a grant made anew is news. Empty: its own.", null=True
            ),
        ),
        migrations.AddField(
            model_name="replica",
            name="fill_floor",
            field=models.BigIntegerField(
                db_default=0,
                default=0,
                help_text="Up to here tombstones were gone already when it last began at 0.",
            ),
        ),
        migrations.RunSQL(LOCK + HOLDERS + OPEN + APPEND + ENTRIES + CONFLICTS + PLANS, DROP),
        migrations.RunSQL(GRANTS, NO_GRANTS),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
