from django.db import migrations

# The session's row is locked by the UPDATE until the transaction ends, so numbers follow one
# another without gaps whatever number of writers there is. last_activity moves once a second at
# most: it is indexed, and leaving it alone keeps the update on the page (HOT).
APPEND = """
CREATE FUNCTION session_append_messages(
  p_tenant text, p_session text, p_user text, p_agent text, p_counts jsonb, p_messages jsonb,
  p_targets text[], p_event uuid, p_audit uuid, p_accept_audit uuid, p_actor text, p_actor_kind text, p_key uuid, p_request text
) RETURNS TABLE (id uuid, last integer, state_due boolean) LANGUAGE plpgsql AS $$
DECLARE
  s record;
  n integer := jsonb_array_length(p_messages);
  at_now timestamptz := clock_timestamp();
  taken uuid;
BEGIN
  UPDATE memory_session_context c SET
    message_count = c.message_count + n,
    role_counts = c.role_counts || (
      SELECT coalesce(jsonb_object_agg(r.key, r.value::integer + coalesce((c.role_counts ->> r.key)::integer, 0)), '{}')
      FROM jsonb_each_text(p_counts) r),
    last_activity = CASE WHEN c.last_activity > at_now - interval '1 second' THEN c.last_activity ELSE at_now END,
    active_agents = CASE WHEN p_agent IS NULL OR p_agent = ANY (c.active_agents) THEN c.active_agents
                         ELSE c.active_agents || p_agent END,
    current_agent = coalesce(c.current_agent, p_agent)
  WHERE c.tenant_id = p_tenant AND c.session_id = p_session AND c.status = 'active'
    AND (p_user IS NULL OR c.user_id IS NULL OR c.user_id = p_user)
  RETURNING c.id, c.user_id, c.message_count, c.state_written_at INTO s;
  IF NOT FOUND THEN
    RETURN;
  END IF;

  WITH added AS (
    INSERT INTO memory_session_messages
      (id, tenant_id, session_id, sequence, role, name, content, metadata, author, at, created_at)
    SELECT m.id, p_tenant, s.id, s.message_count - n + m.number::integer, m.role, m.name, m.content,
           coalesce(m.metadata, '{}'), p_actor, coalesce(m.at, at_now), at_now
    FROM ROWS FROM (
      jsonb_to_recordset(p_messages)
        AS (id uuid, role text, name text, content text, metadata jsonb, at timestamptz)
    ) WITH ORDINALITY AS m (id, role, name, content, metadata, at, number)
    RETURNING *
  )
  INSERT INTO memory_search_index
    (id, kind, tenant_id, scope, user_id, session_id, tags, author, sequence, event_at, created_at, version, content)
  SELECT a.id, 'message', p_tenant, CASE WHEN s.user_id IS NULL THEN 'tenant' ELSE 'user' END, s.user_id,
         p_session, '{}', coalesce(a.name, a.role), a.sequence, a.at, a.created_at, 1, a.content
  FROM added a WHERE a.content <> '';

  INSERT INTO memory_sync_events
    (event_id, tenant_id, event_type, context_key, object_id, version, source_system, target_systems, priority,
     payload, timestamp, processed, processed_at)
  VALUES (p_event, p_tenant, 'messages.added', p_session, s.id, s.message_count, 'sessions', p_targets, 'medium',
          jsonb_build_object('session_id', p_session, 'first', s.message_count - n + 1, 'last', s.message_count), at_now,
          p_targets = '{}', CASE WHEN p_targets = '{}' THEN at_now END);

  INSERT INTO memory_audit_trail
    (id, tenant_id, at, action, outcome, actor, actor_kind, agent_id, user_id, key_id, request_id, object_type,
     object_id, new, reason)
  VALUES (p_audit, p_tenant, at_now, 'sessions.messages.added', 'done', p_actor, p_actor_kind, p_agent, s.user_id,
          p_key, p_request, 'session', s.id::text,
          jsonb_build_object('first', s.message_count - n + 1, 'last', s.message_count), '');

  IF p_agent IS NOT NULL THEN
    UPDATE memory_session_handoffs h SET status = 'accepted', answered_at = at_now, answer_reason = 'first message'
    WHERE h.session_id = s.id AND h.status = 'pending' AND h.to_agent = p_agent AND h.times_out_at > at_now
    RETURNING h.id INTO taken;
    IF taken IS NOT NULL THEN
      UPDATE memory_session_context c SET version = c.version + 1 WHERE c.id = s.id;
      INSERT INTO memory_audit_trail
        (id, tenant_id, at, action, outcome, actor, actor_kind, agent_id, user_id, key_id, request_id, object_type,
         object_id, new, reason)
      VALUES (p_accept_audit, p_tenant, at_now, 'sessions.handoff.accepted', 'done', p_actor, p_actor_kind, p_agent,
              s.user_id, p_key, p_request, 'session', s.id::text, jsonb_build_object('handoff', taken), '');
    END IF;
  END IF;
  RETURN QUERY SELECT s.id, s.message_count,
    taken IS NOT NULL OR s.state_written_at IS NULL OR s.state_written_at < at_now - interval '3 minutes';
END $$;
"""
DROP = (
    "DROP FUNCTION session_append_messages(text, text, text, text, jsonb, jsonb, text[], uuid, uuid, uuid, "
    "text, text, uuid, text)"
)


class Migration(migrations.Migration):
    """Messages, their index rows, the audit line and the sync event in one call to the database."""

    dependencies = [
        ("sessions_app", "0002_states_known_to_the_database"),
        ("access", "0001_initial"),
        ("search", "0002_words_by_trigger"),
        ("sync", "0002_deliveries_fan_out"),
    ]
    operations = [
        migrations.RunSQL(APPEND, DROP),
        migrations.RunSQL(
            "ALTER TABLE memory_session_context SET (fillfactor = 70)",
            "ALTER TABLE memory_session_context RESET (fillfactor)",
        ),
    ]
