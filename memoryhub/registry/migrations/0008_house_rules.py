from django.db import migrations

# What higher houses say while an entry is written, in the same round trip: their migrations replace these bodies.
# ``e`` is the entry as it is about to be (was) written, ``p`` the order, ``act`` who does it (services/acts.py).
# before_write may change columns; may_write gives NULL or the code of a refusal (services/entries.py);
# after_write acts on a durable entry that was written; alternatives gives what was offered instead of its value.
HOUSE_RULES = """
CREATE FUNCTION registry_before_write(INOUT e memory_context_registry, p jsonb, act jsonb, created boolean)
LANGUAGE plpgsql AS $$
BEGIN
END $$;
CREATE FUNCTION registry_may_write(e memory_context_registry, p jsonb, act jsonb, created boolean) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  RETURN NULL;
END $$;
CREATE FUNCTION registry_after_write(e memory_context_registry, p jsonb, act jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
END $$;
CREATE FUNCTION registry_alternatives(e memory_context_registry) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN '[]';
END $$;
"""

# NULL, or why the lock of an entry forbids this act. The caller holds the entry's row lock, so that nobody gets the
# lock in between; the clock is read after it.
LOCK = """
CREATE FUNCTION registry_lock_refusal(wanted uuid, act jsonb) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
DECLARE l memory_locks;
BEGIN
  SELECT * INTO l FROM memory_locks WHERE entry_id = wanted AND holder IS NOT NULL AND expires_at > clock_timestamp();
  IF l.entry_id IS NULL THEN
    RETURN CASE WHEN act->>'fence' IS NOT NULL THEN 'stale_fence' END;
  END IF;
  IF l.holder <> act->>'actor' OR act->>'fence' IS NULL THEN RETURN 'locked'; END IF;
  RETURN CASE WHEN l.fence <> (act->>'fence')::bigint THEN 'stale_fence' END;
END $$;
"""

REFUSAL = """
CREATE OR REPLACE FUNCTION registry_refusal(e memory_context_registry, gone boolean, p jsonb, act jsonb) RETURNS text
LANGUAGE plpgsql VOLATILE AS $$
DECLARE locked text;
BEGIN
  IF p ? 'grantee' AND (gone OR NOT EXISTS (
      SELECT 1 FROM memory_grants g WHERE g.tenant_id = e.tenant_id AND g.entry_id = e.id
        AND g.agent_id = p->>'grantee' AND g.can_write)) THEN
    RETURN 'forbidden';
  END IF;
  IF gone AND (p ? 'if_version' OR p ? 'if_present') THEN RETURN 'stale'; END IF;
  IF gone THEN RETURN NULL; END IF;
  locked := registry_lock_refusal(e.id, act);
  IF locked IS NOT NULL THEN RETURN locked; END IF;
  IF p ? 'if_version' AND e.sync_version <> (p->>'if_version')::int THEN RETURN 'stale'; END IF;
  IF p ? 'if_absent' THEN RETURN 'stale'; END IF;
  IF p ? 'fail' THEN RETURN 'exists'; END IF;
  IF p ? 'keep' THEN RETURN 'kept'; END IF;
  IF e.layer = 'permanent' AND coalesce(p->>'layer', 'permanent') <> 'permanent'
     AND NOT (act->>'admin')::boolean THEN
    RETURN 'permanent';
  END IF;
  RETURN NULL;
END $$;
"""

WRITE = """
CREATE OR REPLACE FUNCTION registry_write(walls text, p jsonb, act jsonb, OUT status text, OUT entry_id uuid, OUT key text, OUT layer text,
  OUT scope text, OUT version int, OUT created boolean, OUT expires_at timestamptz, OUT updated_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  e memory_context_registry;
  a jsonb := p->'address';
  wanted uuid;
  durable_id uuid;
  ephemeral_id uuid;
  ephemeral boolean;
  fresh boolean;
BEGIN
  PERFORM registry_walls(walls);
  LOOP
    IF p ? 'entry_id' THEN
      wanted := (p->>'entry_id')::uuid;
      ephemeral := (p->>'ephemeral')::boolean;
    ELSE
      durable_id := registry_durable_at(p->>'key', a);
      ephemeral_id := registry_ephemeral_at(p->>'key', a);
      ephemeral := coalesce(p->>'layer', CASE WHEN durable_id IS NULL AND ephemeral_id IS NOT NULL THEN 'ephemeral' END,
                            'long_term') = 'ephemeral';
      wanted := CASE WHEN ephemeral THEN ephemeral_id ELSE durable_id END;
    END IF;
    e := NULL;
    IF ephemeral AND durable_id IS NOT NULL THEN
      SELECT * INTO e FROM memory_context_registry r WHERE r.id = durable_id FOR NO KEY UPDATE;
      IF NOT registry_gone(e) THEN
        status := 'durable';
        EXIT;
      END IF;
      e := NULL;
    END IF;
    IF wanted IS NOT NULL THEN e := registry_load(e, wanted, ephemeral); END IF;
    fresh := e.id IS NULL;
    created := registry_gone(e) AND (fresh OR NOT p ? 'revive');
    status := registry_refusal(e, created, p, act);
    IF status IS NOT NULL THEN EXIT; END IF;
    IF fresh AND p ? 'entry_id' THEN status := 'missing'; EXIT; END IF;
    IF fresh THEN
      e.id := (p->>'id')::uuid; e.key := p->>'key'; e.scope := a->>'scope'; e.tenant_id := a->>'tenant_id';
      e.user_id := a->>'user_id'; e.session_id := a->>'session_id'; e.agent_id := a->>'agent_id';
      e.sync_version := 0; e.owner := act->>'actor'; e.created_at := clock_timestamp();
    END IF;
    IF created THEN e := registry_fresh(e); END IF;
    e := registry_fill(e, p);
    e.author := act->>'actor';
    e.updated_at := CASE WHEN fresh THEN e.created_at ELSE clock_timestamp() END;
    IF p ? 'address' OR p ? 'revive' THEN e.archived_at := NULL; e.deleted_at := NULL; END IF;
    IF e.encrypted THEN e.content := ''; END IF;
    layer := coalesce(p->>'layer', e.layer, CASE WHEN ephemeral THEN 'ephemeral' ELSE 'long_term' END);
    IF p ? 'address' OR p ? 'revive' OR p ? 'expires_at' OR layer IS DISTINCT FROM e.layer THEN
      e.layer := layer;
      e := registry_end(e, p);
    END IF;
    e := registry_before_write(e, p, act, created);
    status := registry_may_write(e, p, act, created);
    IF status IS NOT NULL THEN EXIT; END IF;
    EXIT WHEN registry_put(e, fresh, ephemeral);
  END LOOP;
  entry_id := e.id; key := e.key; layer := e.layer; scope := e.scope; version := e.sync_version;
  expires_at := e.expires_at; updated_at := e.updated_at;
  IF status IS NULL THEN
    status := 'done';
    IF NOT ephemeral THEN
      IF ephemeral_id IS NOT NULL THEN DELETE FROM memory_context_ephemeral x WHERE x.id = ephemeral_id; END IF;
      PERFORM registry_record(e, coalesce(act->>'did', 'stored'), act);
      PERFORM registry_after_write(e, p, act);
    END IF;
  END IF;
END $$;
"""


def moment(column):
    return f"to_char(e.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


MOMENTS = ("created_at", "updated_at", "expires_at", "archived_at")
SHOWN = """entry_id key value layer scope priority category source tenant_id user_id session_id agent_id metadata memory_type
  importance tags origin_session encrypted author owner created_at updated_at expires_at access_count sync_version
  parent_id archived_at legal_hold""".split()
DOCUMENT = ", ".join(
    f"'{name}', {moment(name) if name in MOMENTS else 'e.id' if name == 'entry_id' else f'e.{name}'}" for name in SHOWN
)
READ = f"""
CREATE OR REPLACE FUNCTION registry_document(e memory_context_registry) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN json_build_object({DOCUMENT}, 'disputed', coalesce(e.disputed, false),
    'alternatives', CASE WHEN e.disputed THEN registry_alternatives(e) ELSE '[]'::json END)::text;
END $$;
"""


class Migration(migrations.Migration):
    """Locks hold for every writer, and agents_app has its say, without a further round trip."""

    dependencies = [("registry", "0007_locks_and_disputes")]
    operations = [
        # before these functions nothing was locked or disputed, and the older ones still run without them
        migrations.RunSQL(HOUSE_RULES + LOCK + REFUSAL + WRITE + READ, migrations.RunSQL.noop),
    ]
