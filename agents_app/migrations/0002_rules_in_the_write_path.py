from django.contrib.postgres.fields import ArrayField
from django.db import migrations, models

# A version 7 id: the time in milliseconds, then chance. PostgreSQL makes them itself from version 18 on.
NEW_ID = """
CREATE FUNCTION agents_new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
    substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
    'hex')::uuid
$$;
"""

# The canonical name of a category: by alias, else in the spelling that a rule uses. What no rule or alias speaks
# of stays as its author wrote it.
CATEGORY = """
CREATE FUNCTION agents_slug(category text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT regexp_replace(lower(btrim(category)), '[\\s-]+', '_', 'g')
$$;
CREATE FUNCTION agents_category(tenant text, given text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  slug text := agents_slug(given);
  found text;
BEGIN
  SELECT a.category INTO found FROM memory_category_aliases a WHERE a.tenant_id = tenant AND a.alias = slug;
  IF found IS NULL AND slug <> given THEN
    SELECT r.category INTO found FROM memory_sharing_rules r WHERE r.tenant_id = tenant AND r.category = slug LIMIT 1;
  END IF;
  RETURN coalesce(found, given);
END $$;
CREATE FUNCTION agents_restricted(tenant text, canonical text, agent text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN EXISTS (SELECT FROM memory_sharing_rules r WHERE r.tenant_id = tenant AND r.category = canonical
    AND r.action = 'restrict' AND r.active AND (r.from_agent IS NULL OR r.from_agent = agent));
END $$;
"""

PROFILES = """
CREATE FUNCTION agents_rank(tenant text, agent text) RETURNS int LANGUAGE plpgsql STABLE AS $$
DECLARE found text;
BEGIN
  SELECT f.priority INTO found FROM memory_agent_profiles f WHERE f.tenant_id = tenant AND f.agent_id = agent;
  RETURN memory_agent_rank(coalesce(found, 'medium'));
END $$;
"""

# Category, memory type and end. The agent that acts says which types it stores; an agent's memory lives as long
# as that agent's profile says, whoever wrote it. The layer's own end was set a moment ago if it stands there now.
BEFORE_WRITE = """
CREATE OR REPLACE FUNCTION registry_before_write(INOUT e memory_context_registry, p jsonb, act jsonb, created boolean)
LANGUAGE plpgsql AS $$
DECLARE
  whose text := CASE WHEN e.scope = 'agent' THEN e.agent_id ELSE act->>'agent_id' END;
  days int;
  types text[];
BEGIN
  IF e.tenant_id IS NULL THEN RETURN; END IF;
  IF e.category <> 'general' THEN e.category := agents_category(e.tenant_id, e.category); END IF;
  IF whose IS NULL THEN RETURN; END IF;
  IF created AND NOT p ? 'memory_type' AND NOT p ? 'by_hub' THEN
    SELECT f.memory_types INTO types FROM memory_agent_profiles f
      WHERE f.tenant_id = e.tenant_id AND f.agent_id = coalesce(act->>'agent_id', whose);
    e.memory_type := coalesce(types[1], e.memory_type);
  END IF;
  IF e.layer = 'short_term' AND NOT p ? 'expires_at'
     AND e.expires_at = e.updated_at + make_interval(secs => (p->'lives'->>'short_term')::float8) THEN
    SELECT f.retention_days INTO days FROM memory_agent_profiles f WHERE f.tenant_id = e.tenant_id AND f.agent_id = whose;
    IF days IS NOT NULL THEN e.expires_at := e.updated_at + make_interval(days => days); END IF;
  END IF;
END $$;
"""

# An order without content is an amendment (deleting, archiving, …): that takes nothing out of its agent's hands, so
# that only rank counts. What the hub keeps of its own accord, as of a session that ends, no profile or rule forbids.
MAY_WRITE = """
CREATE OR REPLACE FUNCTION registry_may_write(e memory_context_registry, p jsonb, act jsonb, created boolean) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  tenant text := coalesce(e.tenant_id, act->>'tenant_id');
  actor text := act->>'agent_id';
BEGIN
  IF p ? 'by_hub' THEN RETURN NULL; END IF;
  IF e.scope = 'agent' THEN
    IF NOT created AND actor <> e.agent_id AND agents_rank(tenant, actor) < agents_rank(tenant, e.agent_id) THEN
      RETURN 'lower_priority';
    END IF;
  ELSIF p <> '{}' AND agents_restricted(
      tenant, CASE WHEN e.tenant_id IS NULL THEN agents_category(tenant, e.category) ELSE e.category END, actor) THEN
    RETURN 'restricted';
  END IF;
  IF p ? 'memory_type' AND actor IS NOT NULL AND EXISTS (
      SELECT FROM memory_agent_profiles f WHERE f.tenant_id = tenant AND f.agent_id = actor
        AND f.memory_types <> '{}' AND e.memory_type <> ALL (f.memory_types))
     AND (created OR NOT EXISTS (
      SELECT FROM memory_context_registry r WHERE r.id = e.id AND r.memory_type = e.memory_type)) THEN
    RETURN 'memory_type';
  END IF;
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION registry_may_share(e memory_context_registry) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN CASE WHEN agents_restricted(e.tenant_id, agents_category(e.tenant_id, e.category), e.agent_id)
    THEN 'restricted' END;
END $$;
"""

# What separates the grants of these entries from what the rules say. One definition for the store that applies it
# at once, the job that applies it to what is stored, and the preview that only counts. Agents that are switched
# off get nothing new and keep what they have.
CHANGES = """
CREATE FUNCTION agents_grant_changes(entries uuid[]) RETURNS TABLE (kind text, grant_id uuid, entry_id uuid,
  tenant_id text, category text, owner text, agent_id text, can_write boolean, reason text, old_can_write boolean,
  old_reason text)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  WITH stored AS MATERIALIZED (
    SELECT r.id, r.tenant_id, r.agent_id, r.category
    FROM memory_context_registry r WHERE r.id = ANY (entries) AND r.scope = 'agent'
  ), names AS MATERIALIZED (
    SELECT s.tenant_id, s.category AS spelled, agents_category(s.tenant_id, s.category) AS category
    FROM (SELECT DISTINCT stored.tenant_id, stored.category FROM stored) s
  ), e AS MATERIALIZED (
    SELECT stored.id, stored.tenant_id, stored.agent_id, names.category
    FROM stored JOIN names ON names.tenant_id = stored.tenant_id AND names.spelled = stored.category
  ), rules AS MATERIALIZED (
    SELECT e.id, e.agent_id AS owner, s.action, s.to_agents, s.can_write
    FROM e JOIN memory_sharing_rules s ON s.tenant_id = e.tenant_id AND s.category = e.category AND s.active
      AND (s.from_agent IS NULL OR s.from_agent = e.agent_id)
  ), shut AS MATERIALIZED (
    SELECT DISTINCT rules.id FROM rules WHERE rules.action = 'restrict'
  ), wanted AS (
    SELECT rules.id, receiver, bool_or(rules.can_write) AS can_write,
      CASE WHEN bool_or(rules.action = 'propagate') THEN 'propagation' ELSE 'rule' END AS reason
    FROM rules CROSS JOIN unnest(rules.to_agents) AS receiver
    WHERE receiver <> rules.owner AND NOT EXISTS (SELECT FROM shut WHERE shut.id = rules.id)
    GROUP BY rules.id, receiver
  ), given AS (
    SELECT g.id AS grant_id, g.entry_id AS id, g.agent_id AS receiver, g.can_write, g.reason
    FROM memory_grants g JOIN e ON e.id = g.entry_id AND e.tenant_id = g.tenant_id
  ), compared AS (
    SELECT grant_id, id, receiver, w.can_write, w.reason, given.can_write AS old_can_write, given.reason AS old_reason
    FROM wanted w FULL JOIN given USING (id, receiver)
  )
  SELECT CASE WHEN c.grant_id IS NULL THEN 'made' WHEN c.reason IS NULL THEN 'revoked' ELSE 'changed' END,
    c.grant_id, e.id, e.tenant_id, e.category, e.agent_id, c.receiver, c.can_write, c.reason, c.old_can_write,
    c.old_reason
  FROM compared c JOIN e ON e.id = c.id
  WHERE CASE
    WHEN c.grant_id IS NULL THEN EXISTS (
      SELECT FROM memory_agents a WHERE a.tenant_id = e.tenant_id AND a.agent_id = c.receiver AND a.active)
    WHEN c.reason IS NULL THEN c.old_reason <> 'explicit' OR EXISTS (SELECT FROM shut WHERE shut.id = c.id)
    ELSE c.old_reason <> 'explicit' AND (c.can_write, c.reason) <> (c.old_can_write, c.old_reason)
  END;
END $$;
"""

# The caller holds the row locks of the entries; whoever grants by hand takes them too.
APPLY = """
CREATE FUNCTION agents_apply_rules(entries uuid[], act jsonb, OUT granted int, OUT revoked int) LANGUAGE plpgsql AS $$
BEGIN
  WITH todo AS MATERIALIZED (
    SELECT * FROM agents_grant_changes(entries)
  ), gone AS (
    DELETE FROM memory_grants g USING todo WHERE g.id = todo.grant_id AND todo.kind = 'revoked'
  ), changed AS (
    UPDATE memory_grants g SET can_write = todo.can_write, reason = todo.reason
    FROM todo WHERE g.id = todo.grant_id AND todo.kind = 'changed'
  ), made AS (
    INSERT INTO memory_grants (id, tenant_id, entry_id, agent_id, can_write, reason, note, created_at, created_by)
    SELECT agents_new_id(), tenant_id, entry_id, agent_id, can_write, reason, '', clock_timestamp(), act->>'actor'
    FROM todo WHERE kind = 'made'
  ), told AS (
    INSERT INTO memory_audit_trail (id, tenant_id, at, action, outcome, actor, actor_kind, agent_id, user_id, key_id,
      request_id, object_type, object_id, old, new, reason)
    SELECT agents_new_id(), tenant_id, clock_timestamp(), 'access.grant.' || kind, 'done', act->>'actor',
      act->>'actor_kind', act->>'agent_id', act->>'user_id', (act->>'key_id')::uuid,
      coalesce(act->>'request_id', ''), 'entry', entry_id::text,
      CASE WHEN kind <> 'made' THEN
        jsonb_build_object('agent_id', agent_id, 'can_write', old_can_write, 'reason', old_reason) END,
      CASE WHEN kind <> 'revoked' THEN
        jsonb_build_object('agent_id', agent_id, 'can_write', can_write, 'reason', reason) END, ''
    FROM todo
  )
  SELECT count(*) FILTER (WHERE kind = 'made'), count(*) FILTER (WHERE kind = 'revoked') INTO granted, revoked FROM todo;
END $$;
CREATE OR REPLACE FUNCTION registry_after_write(e memory_context_registry, p jsonb, act jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  IF e.scope <> 'agent' THEN RETURN; END IF;
  IF EXISTS (SELECT FROM memory_sharing_rules r WHERE r.tenant_id = e.tenant_id AND r.category = e.category)
     OR EXISTS (SELECT FROM memory_grants g WHERE g.entry_id = e.id AND g.reason <> 'explicit') THEN
    PERFORM agents_apply_rules(ARRAY[e.id], act);
  END IF;
END $$;
"""

# An agent that appears, or is switched on again, gets what the rules promise it, whichever door it came through.
ARRIVAL = """
CREATE FUNCTION agents_regrant_arrival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO memory_regrants (id, tenant_id, categories, reason, started_by)
  SELECT agents_new_id(), NEW.tenant_id, array_agg(DISTINCT r.category), 'Agent ' || NEW.agent_id || ' became active.',
    'system:agents'
  FROM memory_sharing_rules r
  WHERE r.tenant_id = NEW.tenant_id AND r.active AND NEW.agent_id = ANY (r.to_agents)
  HAVING count(*) > 0;
  RETURN NULL;
END $$;
CREATE TRIGGER agent_arrives AFTER INSERT ON memory_agents FOR EACH ROW WHEN (NEW.active)
  EXECUTE FUNCTION agents_regrant_arrival();
CREATE TRIGGER agent_returns AFTER UPDATE OF active ON memory_agents FOR EACH ROW WHEN (NEW.active AND NOT OLD.active)
  EXECUTE FUNCTION agents_regrant_arrival();
"""

# Back to the empty bodies.
BACK = """
DROP TRIGGER agent_arrives ON memory_agents; DROP TRIGGER agent_returns ON memory_agents;
CREATE OR REPLACE FUNCTION registry_before_write(INOUT e memory_context_registry, p jsonb, act jsonb, created boolean)
LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE OR REPLACE FUNCTION registry_may_write(e memory_context_registry, p jsonb, act jsonb, created boolean) RETURNS text
LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE OR REPLACE FUNCTION registry_after_write(e memory_context_registry, p jsonb, act jsonb) RETURNS void
LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE OR REPLACE FUNCTION registry_may_share(e memory_context_registry) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN NULL; END $$;
DROP FUNCTION agents_regrant_arrival, agents_apply_rules, agents_grant_changes, agents_rank, agents_restricted,
  agents_category, agents_slug, agents_new_id;
"""


class Migration(migrations.Migration):
    """Rules are kept where entries are written: one round trip, whoever writes."""

    dependencies = [("agents_app", "0001_initial"), ("registry", "0009_may_share"), ("access", "0005_names_for_people")]
    operations = [
        # one agent may read and another write what the same rule is about
        migrations.RemoveConstraint("sharingrule", "one_rule_of_a_kind"),
        migrations.AddConstraint(
            "sharingrule",
            models.UniqueConstraint(
                fields=["tenant_id", "category", "action", "from_agent", "can_write"],
                name="one_rule_of_a_kind",
                nulls_distinct=False,
            ),
        ),
        migrations.AddField(
            "regrant",
            "starts_after",
            models.BigIntegerField(null=True, help_text="Transactions before this one may have read the older rules."),
        ),
        migrations.AddField("regrant", "cursor_agent", models.TextField(default="", db_default="")),
        migrations.AddField(
            "regrant",
            "skipped",
            ArrayField(
                models.UUIDField(),
                default=list,
                db_default=[],
                help_text="Somebody was writing them: taken again at the end.",
            ),
        ),
        migrations.RunSQL(
            NEW_ID + CATEGORY + PROFILES + BEFORE_WRITE + MAY_WRITE + CHANGES + APPLY + ARRIVAL, BACK
        ),
    ]
