from django.db import migrations

# Reads of an entry that was erased before they were written leave no trace of its key.
LOG = """
-- A row: [entry id, key, seconds since the epoch, latency, from the cache, operation, actor, user].
CREATE FUNCTION registry_log_accesses(accesses jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  tenant text := nullif(current_setting('memoryhub.tenant', true), '');
BEGIN
  INSERT INTO memory_context_access_log (tenant_id, entry_id, context_key, "timestamp", latency_ms, hit_cache,
    operation, actor, user_id)
  SELECT tenant, (r->>0)::uuid, r->>1, to_timestamp((r->>2)::float8), (r->>3)::float8, (r->>4)::boolean, r->>5, r->>6,
    r->>7
  FROM jsonb_array_elements(accesses) AS r
  WHERE r->>0 IS NULL OR EXISTS (SELECT FROM memory_context_registry x WHERE x.id = (r->>0)::uuid)
    OR EXISTS (SELECT FROM memory_context_ephemeral x WHERE x.id = (r->>0)::uuid);
  INSERT INTO memory_access_totals (tenant_id, day, accesses)
  SELECT tenant, (to_timestamp((r->>2)::float8) AT TIME ZONE 'UTC')::date, count(*)
  FROM jsonb_array_elements(accesses) AS r GROUP BY 2 ORDER BY 2
  ON CONFLICT ON CONSTRAINT access_total_once
    DO UPDATE SET accesses = memory_access_totals.accesses + EXCLUDED.accesses;
END $$;
"""

# Entries that somebody is changing right now are skipped, and answered so that they are counted with the next
# batch: waiting for them, or being waited for, could end in a deadlock. Global entries are counted whoever reads
# them, which no tenant's walls allow, so the owner's rights are lent; only counters and sliding ends are touched.
COUNT_ONE_TABLE = """
  WITH used AS (
    SELECT (r->>0)::uuid AS id, (r->>1)::int AS n, to_timestamp((r->>2)::float8) AS at
    FROM jsonb_array_elements(uses) AS r
  ), free AS (
    SELECT r.id FROM {table} r JOIN used USING (id)
    WHERE r.tenant_id = tenant OR r.tenant_id IS NULL ORDER BY r.id FOR NO KEY UPDATE OF r SKIP LOCKED
  ), counted AS (
    UPDATE {table} r SET access_count = r.access_count + used.n,
      last_accessed_at = greatest(r.last_accessed_at, used.at),
      expires_at = CASE WHEN r.slides_seconds IS NULL THEN r.expires_at
                   ELSE greatest(r.expires_at, used.at + make_interval(secs => r.slides_seconds)) END
    FROM used JOIN free USING (id) WHERE r.id = used.id RETURNING r.id
  )
  SELECT skipped || coalesce(array_agg(r.id), '{{}}') INTO skipped FROM {table} r JOIN used USING (id)
  WHERE (r.tenant_id = tenant OR r.tenant_id IS NULL) AND r.id NOT IN (SELECT id FROM counted);
"""
COUNT = f"""
-- A use: [entry id, how often, seconds since the epoch].
CREATE FUNCTION registry_count_uses(uses jsonb) RETURNS uuid[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
  tenant text := nullif(current_setting('memoryhub.tenant', true), '');
  skipped uuid[] := '{{}}';
BEGIN
  {COUNT_ONE_TABLE.format(table="public.memory_context_registry")}
  {COUNT_ONE_TABLE.format(table="public.memory_context_ephemeral")}
  RETURN skipped;
END $$;
REVOKE ALL ON FUNCTION registry_count_uses(jsonb) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    """Reads are logged and counted in batches, one call per tenant and batch."""

    dependencies = [("registry", "0003_one_trip_writing")]
    operations = [migrations.RunSQL(LOG + COUNT, "DROP FUNCTION registry_log_accesses, registry_count_uses")]
