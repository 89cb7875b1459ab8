from django.db import migrations

# A number about all tenants, for health: it shows nobody's rows.
WAITING = """
CREATE FUNCTION search_vectors_waiting(most integer) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT count(*)::integer FROM (
    SELECT 1 FROM memory_sync_deliveries d WHERE d.store = 'vector' AND d.status = 'pending' LIMIT most) waiting
$$;
REVOKE ALL ON FUNCTION search_vectors_waiting(integer) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    """How far the vectors lag behind, for every role."""

    dependencies = [("search", "0004_search_function"), ("sync", "0003_claims_by_store")]
    operations = [migrations.RunSQL(WAITING, "DROP FUNCTION search_vectors_waiting(integer)")]
