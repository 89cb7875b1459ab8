from django.db import migrations

# Walls and messages in one statement, which a connection prepares once. NULL: the walls stand already.
APPEND = """
CREATE FUNCTION session_append(
  walls text, p_tenant text, p_session text, p_user text, p_agent text, p_counts jsonb, p_messages jsonb,
  p_targets text[], p_event uuid, p_audit uuid, p_accept_audit uuid, p_actor text, p_actor_kind text, p_key uuid,
  p_request text
) RETURNS TABLE (id uuid, last integer, state_due boolean) LANGUAGE plpgsql AS $$
BEGIN
  PERFORM registry_walls(walls);
  RETURN QUERY SELECT * FROM session_append_messages(p_tenant, p_session, p_user, p_agent, p_counts, p_messages,
    p_targets, p_event, p_audit, p_accept_audit, p_actor, p_actor_kind, p_key, p_request);
END $$;
"""
DROP = (
    "DROP FUNCTION session_append(text, text, text, text, text, jsonb, jsonb, text[], uuid, uuid, uuid, text, text, "
    "uuid, text)"
)


class Migration(migrations.Migration):
    """Adding a message costs no parsing and planning of its statement."""

    dependencies = [("sessions_app", "0006_names_for_people"), ("registry", "0003_one_trip_writing")]
    operations = [migrations.RunSQL(APPEND, DROP)]
