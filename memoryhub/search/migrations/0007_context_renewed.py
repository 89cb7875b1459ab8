from django.db import migrations

# Words before a message are embedded with it. When a message goes or changes, the vectors of the next ones hold
# words that are there no more: a higher version makes them count as lacking, also one that is being made just now,
# and the event has them made anew. 200 words are the most that a vector may be made with.
RENEW = r"""
CREATE FUNCTION search_renew_after(p_tenant text, p_session text, p_sequence integer) RETURNS void
LANGUAGE sql AS $$
  WITH next AS (
    SELECT id, sequence, array_length(regexp_split_to_array(btrim(content), '\s+'), 1) AS words
    FROM memory_search_index
    WHERE tenant_id = p_tenant AND session_id = p_session AND kind = 'message' AND sequence > p_sequence
    ORDER BY sequence LIMIT 200
  ), said_between AS (
    SELECT id, coalesce(sum(words) OVER (ORDER BY sequence ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS n
    FROM next
  ), renewed AS (
    UPDATE memory_search_index i SET version = i.version + 1 FROM said_between b WHERE b.id = i.id AND b.n < 200
    RETURNING i.id, i.sequence
  )
  INSERT INTO memory_sync_events
    (event_id, tenant_id, event_type, context_key, object_id, version, source_system, target_systems, priority, payload)
  SELECT gen_random_uuid(), p_tenant, 'messages.context_changed', p_session, (array_agg(id ORDER BY sequence))[1],
         max(sequence), 'search', '{vector}', 'medium', '{}' FROM renewed HAVING count(*) > 0
$$;

CREATE FUNCTION search_messages_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM search_renew_after(g.tenant_id, g.session_id, g.sequence) FROM gone g
  WHERE g.kind = 'message' AND NOT EXISTS (
    SELECT FROM gone n WHERE n.kind = 'message' AND n.tenant_id = g.tenant_id AND n.session_id = g.session_id
      AND n.sequence = g.sequence + 1);
  RETURN NULL;
END $$;
CREATE TRIGGER search_index_gone AFTER DELETE ON memory_search_index REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION search_messages_gone();

CREATE FUNCTION search_message_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM search_renew_after(NEW.tenant_id, NEW.session_id, NEW.sequence);
  RETURN NULL;
END $$;
CREATE TRIGGER search_index_changed AFTER UPDATE OF content ON memory_search_index FOR EACH ROW
  WHEN (NEW.kind = 'message' AND OLD.content IS DISTINCT FROM NEW.content)
  EXECUTE FUNCTION search_message_changed();
"""
BEFORE = """
DROP FUNCTION search_message_changed() CASCADE;
DROP FUNCTION search_messages_gone() CASCADE;
DROP FUNCTION search_renew_after(text, text, integer);
"""


class Migration(migrations.Migration):
    """Erased words do not live on in the vectors of the messages after them."""

    dependencies = [("search", "0006_names_for_people"), ("sync", "0002_deliveries_fan_out")]
    operations = [migrations.RunSQL(RENEW, BEFORE)]
