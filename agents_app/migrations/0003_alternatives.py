from django.db import migrations

# What is offered instead of a disputed entry's value. Runs with the rights and walls of the reader.
ALTERNATIVES = """
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
NONE = """
CREATE OR REPLACE FUNCTION registry_alternatives(e memory_context_registry) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN '[]';
END $$;
"""


class Migration(migrations.Migration):
    """Readers of a disputed entry see what was offered."""

    dependencies = [("agents_app", "0002_rules_in_the_write_path"), ("registry", "0008_house_rules")]
    operations = [migrations.RunSQL(ALTERNATIVES, NONE)]
