from django.db import migrations

# The newest ten offers, without values over 32 KiB: every reader of the entry gets them. The conflict has them all.
ALTERNATIVES = """
CREATE OR REPLACE FUNCTION registry_alternatives(e memory_context_registry) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT json_agg(json_build_object('conflict_id', o.conflict_id, 'agent_id', o.agent_id,
      'value', CASE WHEN o.too_large THEN NULL ELSE o.value END, 'too_large', o.too_large,
      'deletes', o.deletes, 'base_version', o.base_version,
      'written_at', to_char(o.written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY o.position)
    FROM (
      SELECT c.id AS conflict_id, n.agent_id, n.value, n.deletes, n.base_version, n.written_at, n.position,
        coalesce(octet_length(n.value::text) > 32768, false) AS too_large
      FROM memory_conflicts c JOIN memory_conflict_candidates n ON n.conflict_id = c.id
      WHERE c.entry_id = e.id AND c.status = 'open' ORDER BY n.created_at DESC, n.position DESC LIMIT 10) o), '[]');
END $$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION registry_alternatives(e memory_context_registry) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN coalesce((
    SELECT json_agg(json_build_object('conflict_id', c.id, 'agent_id', o.agent_id, 'value', o.value,
      'deletes', o.deletes, 'base_version', o.base_version,
      'written_at', to_char(o.written_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY o.position)
    FROM memory_conflicts c JOIN memory_conflict_candidates o ON o.conflict_id = c.id
    WHERE c.entry_id = e.id AND c.status = 'open'), '[]');
END $$;
"""


class Migration(migrations.Migration):
    """Readers of a disputed entry see a bounded part of what was offered."""

    dependencies = [("agents_app", "0009_conflicts_that_leave_the_feed")]
    operations = [migrations.RunSQL(ALTERNATIVES, BEFORE)]
