from django.db import migrations

# As in 0011; but the act may name as whom it holds the lock: a reviewer holds an entry under another name than the
# one that is written as author.
REFUSAL = """
CREATE OR REPLACE FUNCTION registry_lock_refusal(wanted uuid, act jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE l memory_locks;
BEGIN
  SELECT * INTO l FROM memory_locks WHERE entry_id = wanted AND holder IS NOT NULL AND expires_at > clock_timestamp();
  IF l.entry_id IS NULL THEN
    RETURN CASE WHEN act->>'fence' IS NOT NULL THEN 'stale_fence' END;
  END IF;
  IF l.holder <> coalesce(act->>'holder', act->>'actor') OR act->>'fence' IS NULL THEN
    RETURN concat_ws(E'\\n', 'locked', l.holder,
                     to_char(l.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                     extract(epoch FROM l.expires_at - clock_timestamp()));
  END IF;
  RETURN CASE WHEN l.fence <> (act->>'fence')::bigint THEN 'stale_fence' END;
END $$;
"""


class Migration(migrations.Migration):
    """A reviewer writes under the lock that holds the entry for the review."""

    dependencies = [("registry", "0011_lock_verbs")]
    operations = [migrations.RunSQL(REFUSAL, migrations.RunSQL.noop)]
