from django.db import migrations

# A store may care for entries of some scopes only (``act.scoped``: store → scopes): the others cost it nothing.
RECORD = """
CREATE OR REPLACE FUNCTION registry_record(e memory_context_registry, did text, act jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  targets text[] := ARRAY(
    SELECT t FROM jsonb_array_elements_text(act->'targets') AS t
    WHERE NOT coalesce(act->'scoped' ? t, false) OR act->'scoped'->t ? e.scope);
BEGIN
  INSERT INTO memory_context_versions (id, entry_id, tenant_id, version, action, value, metadata, attributes, author,
    reason, created_at)
  VALUES ((act->>'version_id')::uuid, e.id, e.tenant_id, e.sync_version, did, e.value, e.metadata,
    registry_attributes(e), e.author, coalesce(act->>'reason', ''), e.updated_at);
  INSERT INTO memory_audit_trail (id, tenant_id, at, action, outcome, actor, actor_kind, agent_id, user_id, key_id,
    request_id, object_type, object_id, old, new, reason)
  VALUES ((act->>'audit_id')::uuid, coalesce(e.tenant_id, act->>'tenant_id'), e.updated_at, 'registry.entry.' || did,
    'done', act->>'actor', act->>'actor_kind', act->>'agent_id', act->>'user_id', (act->>'key_id')::uuid,
    act->>'request_id', 'entry', e.id::text,
    CASE WHEN e.sync_version > 1 THEN jsonb_build_object('version', e.sync_version - 1) END,
    jsonb_strip_nulls(jsonb_build_object('version', e.sync_version, 'digest', act->>'digest')), coalesce(act->>'reason', ''));
  INSERT INTO memory_sync_events (event_id, tenant_id, event_type, context_key, object_id, version, source_system,
    target_systems, priority, payload, processed, processed_at)
  VALUES ((act->>'event_id')::uuid, e.tenant_id, 'entry.' || did, e.key, e.id, e.sync_version, act->>'actor',
    targets, e.priority,
    jsonb_build_object('entry_id', e.id, 'version', e.sync_version, 'layer', e.layer, 'scope', e.scope),
    targets = '{}', CASE WHEN targets = '{}' THEN clock_timestamp() END);
  PERFORM registry_index(e, act->>'label');
END $$;
"""


class Migration(migrations.Migration):
    """What is announced to a store depends on the entry's scope."""

    dependencies = [("registry", "0013_when_it_was_made")]
    # the older body does without: it announces more than is needed
    operations = [migrations.RunSQL(RECORD, migrations.RunSQL.noop)]
