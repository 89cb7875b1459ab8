import django.contrib.postgres.fields
from django.db import migrations, models


# What each agent's own memories take, counted where they stand. The rights of the owner, and so the tenant from the
# setting and never from an argument: row-level security hides from the planner how many rows there are, and it would
# look every one of 100,000 up by itself.
ALLOCATION = """
CREATE FUNCTION agents_allocation(wanted_user text, wanted_agent text)
RETURNS TABLE (agent_id text, memory_type text, layer text, n bigint, bytes bigint, shared bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
SET enable_nestloop = off SET work_mem = '32MB' AS $$
#variable_conflict use_column
DECLARE here text := nullif(current_setting('memoryhub.tenant', true), '');
BEGIN
  IF here IS NULL THEN RAISE EXCEPTION 'agents_allocation needs a tenant'; END IF;
  RETURN QUERY
  WITH shared AS (SELECT DISTINCT g.entry_id FROM memory_grants g WHERE g.tenant_id = here)
  SELECT e.agent_id, e.memory_type, e.layer, count(*), sum(e.size)::bigint, count(shared.entry_id)
  FROM (
    SELECT r.id, r.agent_id, r.memory_type, r.layer,
      pg_column_size(r.value) + pg_column_size(r.content) + pg_column_size(r.metadata) AS size
    FROM memory_context_registry r
    WHERE r.tenant_id = here AND r.scope = 'agent' AND r.agent_id IS NOT NULL
      AND r.deleted_at IS NULL AND r.archived_at IS NULL
      AND (r.expires_at IS NULL OR r.expires_at > clock_timestamp() OR r.legal_hold)
      AND (wanted_user IS NULL OR r.user_id = wanted_user) AND (wanted_agent IS NULL OR r.agent_id = wanted_agent)
    OFFSET 0
  ) e LEFT JOIN shared ON shared.entry_id = e.id
  GROUP BY 1, 2, 3;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('agents_app', '0004_change_feed'),
    ]

    operations = [
        migrations.AddField(
            model_name='agentprofile',
            name='retention_applied',
            field=models.FloatField(blank=True, help_text='Days by which its stored short_term memories end; empty: not looked at yet.', null=True),
        ),
        migrations.AddField(
            model_name='agentprofile',
            name='sync_totals',
            field=models.JSONField(blank=True, db_default={}, default=dict, help_text='What all its runs did together; runs themselves are purged.'),
        ),
        migrations.AddField(
            model_name='agentprofile',
            name='synced_seq',
            field=models.BigIntegerField(db_default=0, default=0, help_text='Number in its feed up to which the last good run came.'),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='attempts',
            field=models.IntegerField(db_default=0, default=0, help_text='Times that its process ended without notice.'),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='claimed_until',
            field=models.DateTimeField(help_text='Whoever works on it is given up for lost after this.', null=True),
        ),
        migrations.AddField(
            model_name='syncrun',
            name='steps_done',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), db_default=[], default=list, help_text='Steps that need no more work.', size=None),
        ),
        migrations.AddIndex(
            model_name='syncrun',
            index=models.Index(condition=models.Q(('status__in', ['waiting', 'running'])), fields=['claimed_until', 'created_at'], name='sync_runs_open'),
        ),
        migrations.RunSQL(ALLOCATION, "DROP FUNCTION agents_allocation"),
    ]
