from django.db import migrations

# An address is a scope with its columns; with the key it is the identity of an entry. Its digest stands in a
# column of its own, so that finding by key has one index to use and no other: before the tables have statistics,
# the planner would rather read all entries of the tenant or agent. The lengths keep different identities apart.
# Not unique: that is the identity's own constraint, on which concurrent stores of one key meet.
ADDRESS = """
CREATE FUNCTION registry_address(VARIADIC parts text[]) RETURNS uuid LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  part text;
  whole text := '';
BEGIN
  FOREACH part IN ARRAY parts LOOP
    whole := whole || CASE WHEN part IS NULL THEN '-' ELSE length(part) || ':' || part END;
  END LOOP;
  RETURN left(encode(sha256(convert_to(whole, 'UTF8')), 'hex'), 32)::uuid;
END $$;
"""
ADDRESS_COLUMN = """
ALTER TABLE {table} ADD COLUMN address uuid GENERATED ALWAYS AS
  (registry_address(key, scope, tenant_id, user_id, session_id, agent_id)) STORED;
CREATE INDEX {name}_by_address ON {table} (address);
"""
FINDING = """
CREATE FUNCTION registry_{name}_at(k text, a jsonb) RETURNS uuid LANGUAGE plpgsql STABLE AS $$
DECLARE
  wanted uuid := registry_address(k, a->>'scope', a->>'tenant_id', a->>'user_id', a->>'session_id', a->>'agent_id');
  found uuid;
BEGIN
  SELECT r.id INTO found FROM {table} r WHERE r.address = wanted;
  RETURN found;
END $$;
"""
TABLES = {"durable": "memory_context_registry", "ephemeral": "memory_context_ephemeral"}


def for_both_tables(template):
    return "".join(template.format(name=name, table=table) for name, table in TABLES.items())


SHARED = """id, key, layer, scope, priority, category, source, tenant_id, user_id, session_id, agent_id, value, metadata,
  memory_type, importance, tags, origin_session, encrypted, author, owner, created_at, updated_at, expires_at,
  slides_seconds, access_count, last_accessed_at, sync_version"""
CHANGING = """layer, priority, category, source, value, metadata, memory_type, importance, tags, origin_session, encrypted,
  author, updated_at, expires_at, slides_seconds, sync_version"""
DURABLE = "content, parent_id, stability, reinforcements, archived_at, deleted_at, legal_hold, trust"


def of(row, names):
    return ", ".join(f"{row}.{name.strip()}" for name in names.split(","))


# What the search house shows of an entry: gone when it is deleted; nothing of an encrypted value.
INDEXING = """
CREATE FUNCTION registry_index(e memory_context_registry, label text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF e.deleted_at IS NOT NULL THEN
    DELETE FROM memory_context_vectors WHERE row_id = e.id;
    DELETE FROM memory_search_index WHERE id = e.id;
    RETURN;
  END IF;
  INSERT INTO memory_search_index (id, kind, tenant_id, scope, user_id, session_id, agent_id, layer, category,
    memory_type, priority, source, author, parent_id, tags, importance, event_at, created_at, expires_at, archived,
    version, content)
  VALUES (e.id, 'entry', e.tenant_id, e.scope, e.user_id, e.session_id, e.agent_id, e.layer, e.category,
    e.memory_type, e.priority, e.source, e.author, e.parent_id, e.tags, e.importance, e.updated_at, e.created_at,
    CASE WHEN NOT e.legal_hold THEN e.expires_at END, e.archived_at IS NOT NULL, e.sync_version,
    concat_ws(E'\\n', nullif(label, ''), nullif(e.content, '')))
  ON CONFLICT (id) DO UPDATE SET
    layer = EXCLUDED.layer, category = EXCLUDED.category, memory_type = EXCLUDED.memory_type,
    priority = EXCLUDED.priority, source = EXCLUDED.source, author = EXCLUDED.author, parent_id = EXCLUDED.parent_id,
    tags = EXCLUDED.tags, importance = EXCLUDED.importance, event_at = EXCLUDED.event_at,
    expires_at = EXCLUDED.expires_at, archived = EXCLUDED.archived, version = EXCLUDED.version,
    content = EXCLUDED.content;
END $$;
"""

# The tail of every change of a durable entry. ``act`` says who did it: see services/acts.py.
RECORDING = """
CREATE FUNCTION registry_attributes(e memory_context_registry) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT jsonb_build_object('layer', e.layer, 'priority', e.priority, 'category', e.category, 'source', e.source,
    'memory_type', e.memory_type, 'importance', e.importance, 'tags', to_jsonb(e.tags), 'parent_id', e.parent_id,
    'origin_session', e.origin_session, 'encrypted', e.encrypted, 'expires_at', e.expires_at,
    'archived', e.archived_at IS NOT NULL, 'deleted', e.deleted_at IS NOT NULL, 'legal_hold', e.legal_hold)
$$;
CREATE FUNCTION registry_record(e memory_context_registry, did text, act jsonb) RETURNS void
LANGUAGE plpgsql AS $$
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
    ARRAY(SELECT jsonb_array_elements_text(act->'targets')), e.priority,
    jsonb_build_object('entry_id', e.id, 'version', e.sync_version, 'layer', e.layer, 'scope', e.scope),
    act->'targets' = '[]', CASE WHEN act->'targets' = '[]' THEN clock_timestamp() END);
  PERFORM registry_index(e, act->>'label');
END $$;
"""

# Walls and work travel in one statement, which is a transaction of its own; NULL: the walls stand already.
WALLS = """
CREATE FUNCTION registry_walls(walls text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF walls IS NOT NULL THEN
    PERFORM set_config('memoryhub.tenant', split_part(walls, E'\\n', 1), true),
      set_config('memoryhub.staff', split_part(walls, E'\\n', 2), true),
      set_config('memoryhub.platform', split_part(walls, E'\\n', 3), true);
  END IF;
END $$;
"""

WRITING = f"""
CREATE FUNCTION registry_load(INOUT e memory_context_registry, wanted uuid, ephemeral boolean) LANGUAGE plpgsql AS $$
BEGIN
  IF ephemeral THEN
    SELECT {SHARED} INTO {of("e", SHARED)} FROM memory_context_ephemeral WHERE id = wanted FOR NO KEY UPDATE;
  ELSE
    SELECT * INTO e FROM memory_context_registry WHERE id = wanted FOR NO KEY UPDATE;
  END IF;
END $$;

-- What a new life starts from: everything that the caller does not name is its default.
CREATE FUNCTION registry_fresh(INOUT e memory_context_registry) LANGUAGE plpgsql AS $$
BEGIN
  e.layer := NULL; e.priority := 'medium'; e.category := 'general'; e.source := 'api'; e.metadata := '{{}}';
  e.memory_type := 'general'; e.importance := 0.5; e.tags := '{{}}'; e.origin_session := NULL; e.encrypted := false;
  e.content := ''; e.parent_id := NULL; e.stability := 1; e.reinforcements := 0; e.access_count := 0;
  e.last_accessed_at := NULL; e.archived_at := NULL; e.deleted_at := NULL; e.legal_hold := false; e.trust := 1;
  e.expires_at := NULL; e.slides_seconds := NULL;
END $$;

CREATE FUNCTION registry_fill(INOUT e memory_context_registry, p jsonb) LANGUAGE plpgsql AS $$
BEGIN
  IF p ? 'value' THEN e.value := p->'value'; e.content := coalesce(p->>'content', ''); END IF;
  IF p ? 'metadata' THEN e.metadata := p->'metadata'; END IF;
  IF p ? 'tags' THEN e.tags := ARRAY(SELECT jsonb_array_elements_text(p->'tags')); END IF;
  IF p ? 'parent_id' THEN e.parent_id := (p->>'parent_id')::uuid; END IF;
  e.priority := coalesce(p->>'priority', e.priority);
  e.category := coalesce(p->>'category', e.category);
  e.source := coalesce(p->>'source', e.source);
  e.memory_type := coalesce(p->>'memory_type', e.memory_type);
  e.importance := coalesce((p->>'importance')::float8, e.importance);
  e.encrypted := coalesce((p->>'encrypted')::boolean, e.encrypted);
  e.origin_session := coalesce(p->>'origin_session', e.origin_session);
  e.sync_version := e.sync_version + 1;
END $$;

-- When an entry ends: as said, else as its layer has it (``lives`` in seconds; ``slides`` from the last use on).
CREATE FUNCTION registry_end(INOUT e memory_context_registry, p jsonb) LANGUAGE plpgsql AS $$
BEGIN
  IF p ? 'expires_at' THEN
    e.expires_at := (p->>'expires_at')::timestamptz; e.slides_seconds := NULL;
  ELSE
    e.slides_seconds := (p->'slides'->>e.layer)::int;
    e.expires_at := e.updated_at + make_interval(secs => (p->'lives'->>e.layer)::float8);
  END IF;
END $$;

CREATE FUNCTION registry_gone(e memory_context_registry) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT e.id IS NULL OR e.deleted_at IS NOT NULL
      OR (e.expires_at IS NOT NULL AND e.expires_at <= clock_timestamp() AND NOT e.legal_hold)
$$;

-- NULL, or why the change is refused. ``e`` is the locked row as it stands.
CREATE FUNCTION registry_refusal(e memory_context_registry, gone boolean, p jsonb, act jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p ? 'grantee' AND (gone OR NOT EXISTS (
      SELECT 1 FROM memory_grants g WHERE g.tenant_id = e.tenant_id AND g.entry_id = e.id
        AND g.agent_id = p->>'grantee' AND g.can_write)) THEN
    RETURN 'forbidden';
  END IF;
  IF gone AND (p ? 'if_version' OR p ? 'if_present') THEN RETURN 'stale'; END IF;
  IF gone THEN RETURN NULL; END IF;
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

CREATE FUNCTION registry_put(e memory_context_registry, fresh boolean, ephemeral boolean) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF ephemeral AND fresh THEN
    INSERT INTO memory_context_ephemeral ({SHARED}) VALUES ({of("e", SHARED)})
      ON CONFLICT ON CONSTRAINT ephemeral_identity DO NOTHING;
  ELSIF ephemeral THEN
    UPDATE memory_context_ephemeral SET ({CHANGING}) = ({of("e", CHANGING)}) WHERE id = e.id;
  ELSIF fresh THEN
    INSERT INTO memory_context_registry ({SHARED}, {DURABLE}) VALUES ({of("e", SHARED)}, {of("e", DURABLE)})
      ON CONFLICT ON CONSTRAINT entry_identity DO NOTHING;
  ELSE
    UPDATE memory_context_registry SET ({CHANGING}, {DURABLE}) = ({of("e", CHANGING)}, {of("e", DURABLE)})
      WHERE id = e.id;
  END IF;
  RETURN FOUND;
END $$;

-- Stores or changes one entry and all that belongs to the change, or says why not and changes nothing.
-- ``p`` says what (services/orders.py), ``act`` who. Runs with the rights and walls of the caller.
CREATE FUNCTION registry_write(walls text, p jsonb, act jsonb, OUT status text, OUT entry_id uuid, OUT key text, OUT layer text,
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
    EXIT WHEN registry_put(e, fresh, ephemeral);
  END LOOP;
  entry_id := e.id; key := e.key; layer := e.layer; scope := e.scope; version := e.sync_version;
  expires_at := e.expires_at; updated_at := e.updated_at;
  IF status IS NULL THEN
    status := 'done';
    IF NOT ephemeral THEN
      IF ephemeral_id IS NOT NULL THEN DELETE FROM memory_context_ephemeral x WHERE x.id = ephemeral_id; END IF;
      PERFORM registry_record(e, coalesce(act->>'did', 'stored'), act);
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

# Readers get an entry as one JSON text: nobody takes it apart only to put it together again.
READING = f"""
CREATE FUNCTION registry_document(e memory_context_registry) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN json_build_object({DOCUMENT})::text;
END $$;

-- There for a reader: see EntryQuerySet.present.
CREATE FUNCTION registry_present(e memory_context_registry, archived boolean) RETURNS boolean LANGUAGE sql VOLATILE AS $$
  SELECT e.deleted_at IS NULL AND CASE WHEN e.archived_at IS NULL
    THEN e.expires_at IS NULL OR e.expires_at > clock_timestamp() OR e.legal_hold ELSE archived END
$$;

-- The first entry that is there, of the addresses in their order. Whoever asks has made sure of the addresses.
CREATE FUNCTION registry_find(walls text, k text, addresses jsonb, archived boolean, OUT id uuid, OUT key text,
  OUT layer text, OUT scope text, OUT agent_id text, OUT version int, OUT document text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  a jsonb;
  e memory_context_registry;
  wanted uuid;
BEGIN
  PERFORM registry_walls(walls);
  FOR number IN 0 .. jsonb_array_length(addresses) - 1 LOOP
    a := addresses->number;
    IF a ? 'grantee' THEN
      SELECT r.id INTO wanted FROM memory_grants g JOIN memory_context_registry r ON r.id = g.entry_id
      WHERE g.tenant_id = a->>'tenant_id' AND g.agent_id = a->>'grantee' AND r.tenant_id = a->>'tenant_id'
        AND r.key = k AND r.scope = 'agent' AND (r.agent_id = a->>'agent_id' OR a->>'agent_id' IS NULL)
        AND (r.user_id IS NULL OR r.user_id = a->>'user_id') AND registry_present(r, archived)
      ORDER BY r.user_id NULLS LAST, r.updated_at DESC LIMIT 1;
    ELSE
      wanted := registry_durable_at(k, a);
    END IF;
    IF wanted IS NOT NULL THEN
      SELECT * INTO e FROM memory_context_registry r WHERE r.id = wanted AND registry_present(r, archived);
      EXIT WHEN e.id IS NOT NULL;
    END IF;
    CONTINUE WHEN a ? 'grantee';
    wanted := registry_ephemeral_at(k, a);
    IF wanted IS NOT NULL THEN
      SELECT (registry_ephemeral_as_entry(x)).* INTO e FROM memory_context_ephemeral x
        WHERE x.id = wanted AND x.expires_at > clock_timestamp();
      EXIT WHEN e.id IS NOT NULL;
    END IF;
  END LOOP;
  id := e.id; key := e.key; layer := e.layer; scope := e.scope; agent_id := e.agent_id; version := e.sync_version;
  IF e.id IS NOT NULL THEN document := registry_document(e); END IF;
END $$;
"""

EPHEMERAL_AS_ENTRY = f"""
CREATE FUNCTION registry_ephemeral_as_entry(x memory_context_ephemeral) RETURNS memory_context_registry
LANGUAGE plpgsql STABLE AS $$
DECLARE e memory_context_registry;
BEGIN
  e := registry_fresh(e);
  SELECT {of("x", SHARED)} INTO {of("e", SHARED)};
  RETURN e;
END $$;
"""

FUNCTIONS = (
    ADDRESS
    + for_both_tables(ADDRESS_COLUMN)
    + for_both_tables(FINDING)
    + INDEXING
    + RECORDING
    + WALLS
    + WRITING
    + EPHEMERAL_AS_ENTRY
    + READING
)
DROP = """
DROP FUNCTION registry_find, registry_present, registry_document, registry_ephemeral_as_entry, registry_write,
  registry_walls, registry_put, registry_refusal,
  registry_gone, registry_end, registry_fill, registry_fresh, registry_load, registry_record, registry_attributes,
  registry_index, registry_ephemeral_at, registry_durable_at;
ALTER TABLE memory_context_registry DROP COLUMN address;
ALTER TABLE memory_context_ephemeral DROP COLUMN address;
DROP FUNCTION registry_address;
"""


class Migration(migrations.Migration):
    """A change of an entry is one call: entry, version, audit, sync event and index row, or nothing."""

    dependencies = [
        ("registry", "0002_shared_columns"),
        ("access", "0001_initial"),
        ("sync", "0002_deliveries_fan_out"),
        ("search", "0002_words_by_trigger"),
    ]
    operations = [
        # Room on each page, so that counting an access does not touch the indexes.
        migrations.RunSQL(
            "ALTER TABLE memory_context_registry SET (fillfactor = 85)",
            "ALTER TABLE memory_context_registry RESET (fillfactor)",
        ),
        migrations.RunSQL(FUNCTIONS, DROP),
    ]
