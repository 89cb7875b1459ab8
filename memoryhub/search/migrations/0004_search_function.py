from django.db import migrations

# The same as memoryhub.access.visibility.visible; a property test holds the two equal.
VISIBLE = """
CREATE FUNCTION memory_visible(
  row_scope text, row_tenant text, row_user text, row_session text, row_agent text, row_granted boolean,
  tenant text, agent text, named_user text, named_session text, bound_user text, admin boolean, everything boolean
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT row_scope = 'global' OR (row_tenant = tenant AND (everything
    OR row_scope = 'tenant'
    OR (row_scope = 'user' AND (
      (named_user IS NULL AND admin)
      OR row_user = coalesce(named_user, '')
      OR (row_session = named_session AND named_session <> '' AND coalesce(bound_user, '') = '')))
    OR (row_scope = 'agent' AND (row_agent = coalesce(agent, '') OR row_granted)
      AND (coalesce(bound_user, '') = '' OR row_user IS NULL OR row_user = bound_user))
    OR (row_scope = 'session' AND row_session = named_session AND named_session <> '')))
$$;
"""

# ts_rank of one word is sum(1/i^2, i = 1..tf) / (pi^2/6): a scan in C, where unnest(tsvector) makes rows.
# The sum is pi^2/6 - 1/(tf + 0.5) to within what rounding takes away, so this gives back the frequency.
FREQUENCY = """
CREATE FUNCTION search_frequency(rank double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT round(1 / (1.6449340668::float8 * (1 - rank) + 0.000001::float8) - 0.5::float8)
$$;
"""

# At most 64 words, in the order of the query; NULL when the configuration drops all of them.
QUERY_WORDS = """
CREATE FUNCTION search_query_words(config regconfig, query text) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT array_agg(lexeme ORDER BY place, lexeme) FROM (
    SELECT lexeme, positions[1] AS place FROM unnest(to_tsvector(config, search_text(query)))
    ORDER BY place, lexeme LIMIT 64) words
$$;
"""

DECLARATIONS = """
  v_tenant text := nullif(current_setting('memoryhub.tenant', true), '');
  r record;
  v_filtered boolean := p_filters <> '{}';
  v_low text[]; v_high text[]; v_extra uuid[]; v_opened text;
"""

# The request r: who asks, what for, and how; which reaches that is, as ranges; and the few rows outside
# of these: global ones, entries granted to the agent, messages of a session that is named.
FACTS = """
  SELECT * INTO r FROM jsonb_to_record(p_who || p_filters || p_options) AS x(
    agent text, named_user text, session text, bound_user text, admin boolean, everything boolean,
    kinds text[], scope text, layer text, category text, tags text[], memory_type text, source text, agent_id text,
    author text, since timestamptz, until timestamptz, importance_min float8, parent_id uuid,
    top integer, depth integer, cap integer, dense_weight float8, archived boolean, explain boolean);

  IF r.everything THEN
    v_low := '{a}'; v_high := '{v}';
  ELSIF r.named_user IS NULL AND r.admin THEN
    v_low := ARRAY['t', 'a:' || coalesce(r.agent, ''), 's:' || nullif(r.session, ''), 'u:'];
    v_high := ARRAY[v_low[1], v_low[2], v_low[3], 'u;'];
  ELSE
    v_low := ARRAY['t', 'a:' || coalesce(r.agent, ''), 's:' || nullif(r.session, ''), 'u:' || coalesce(r.named_user, '')];
    v_high := v_low;
    v_opened := CASE WHEN coalesce(r.bound_user, '') = '' THEN nullif(r.session, '') END;
  END IF;
  v_extra := ARRAY(
    SELECT i.id FROM memory_search_index i WHERE i.tenant_id IS NULL AND i.reach = 'g'
    UNION ALL
    SELECT i.id FROM memory_grants g JOIN memory_search_index i ON i.id = g.entry_id
      WHERE NOT r.everything AND g.tenant_id = v_tenant AND g.agent_id = coalesce(r.agent, '')
        AND i.scope = 'agent' AND i.agent_id IS DISTINCT FROM coalesce(r.agent, '')
    UNION ALL
    SELECT i.id FROM memory_search_index i
      WHERE i.tenant_id = v_tenant AND i.session_id = v_opened AND i.scope = 'user'
        AND i.user_id IS DISTINCT FROM coalesce(r.named_user, ''));
"""

# What makes a row l a candidate. A row of another agent is only ever reached through a grant.
WANTED = """
        memory_visible(l.scope, l.tenant_id, l.user_id, l.session_id, l.agent_id, l.granted,
          v_tenant, r.agent, r.named_user, r.session, r.bound_user, r.admin, r.everything)
        AND (l.expires_at IS NULL OR l.expires_at > now())
        AND (r.archived OR NOT l.archived)
        AND (NOT v_filtered OR (
          (r.kinds IS NULL OR l.kind = ANY (r.kinds))
          AND (r.scope IS NULL OR l.scope = r.scope)
          AND (r.layer IS NULL OR l.layer = r.layer)
          AND (r.category IS NULL OR l.category = r.category)
          AND (r.tags IS NULL OR l.tags @> r.tags)
          AND (r.memory_type IS NULL OR l.memory_type = r.memory_type)
          AND (r.source IS NULL OR l.source = r.source)
          AND (r.agent_id IS NULL OR l.agent_id = r.agent_id)
          AND (r.author IS NULL OR l.author = r.author)
          AND (r.since IS NULL OR l.event_at >= r.since)
          AND (r.until IS NULL OR l.event_at < r.until)
          AND (r.importance_min IS NULL OR l.importance >= r.importance_min)
          AND (r.parent_id IS NULL OR l.parent_id = r.parent_id)))
"""

# More candidates than are compared exactly: the newest ones, and the newest ones that hold a word of the query.
ABOVE_CAP = f"""
CREATE FUNCTION search_above_cap(p_who jsonb, p_filters jsonb, p_options jsonb, p_any tsquery, p_cap integer)
RETURNS uuid[] LANGUAGE plpgsql STABLE SET plan_cache_mode = force_custom_plan AS $$
DECLARE {DECLARATIONS}
BEGIN
{FACTS}
  RETURN ARRAY(
    (SELECT n.id FROM (
      SELECT l.id, l.event_at FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
        SELECT i.*, false AS granted FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high OFFSET 0) l WHERE {WANTED}
      UNION ALL
      SELECT l.id, l.event_at FROM (SELECT i.*, true AS granted FROM memory_search_index i WHERE i.id = ANY (v_extra)) l
        WHERE {WANTED}
    ) n ORDER BY n.event_at DESC, n.id LIMIT p_cap)
    UNION
    (SELECT l.id FROM (
        SELECT i.*, i.id = ANY (v_extra) AS granted FROM memory_search_index i
        WHERE i.tsv @@ p_any AND (i.tenant_id = v_tenant OR i.tenant_id IS NULL)) l
      WHERE {WANTED} ORDER BY l.event_at DESC, l.id LIMIT p_cap));
END $$;
"""

# Cosines of all vectors of the caller's reaches, from the covering index.
SWEEP = """SELECT v.row_id, v.cosine FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
        SELECT x.row_id, 1 - (x.embedding <=> p_vector) AS cosine FROM memory_context_vectors x
        WHERE x.tenant_id = v_tenant AND x.model = p_model AND x.reach >= b.low AND x.reach <= b.high
          AND vector_dims(x.embedding) <= 1200 OFFSET 0) v"""

# What the caller is told of a hit b and its row i.
HIT = """jsonb_build_object(
          'id', i.id, 'kind', i.kind, 'scope', i.scope, 'user_id', i.user_id, 'session_id', i.session_id,
          'agent_id', i.agent_id, 'score', b.score, 'keyword', b.keyword, 'semantic', b.semantic,
          'bm25', b.bm25, 'cosine', b.cosine)"""

# The plan is decided here: visibility first, by btree; then words and vectors of those rows alone. An index
# over all tenants would look cheaper to the planner, and leave a small tenant with half a row out of ten.
SEARCH = f"""
CREATE FUNCTION memory_search(
  p_who jsonb, p_query text, p_mode text, p_vector halfvec, p_model text, p_filters jsonb, p_options jsonb
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET work_mem = '64MB'
AS $$
DECLARE {DECLARATIONS}
  v_words text[]; v_terms tsquery[]; v_any tsquery;
  v_plain boolean := false; v_large boolean := false; v_sweep boolean;
  v_dense boolean := p_mode <> 'keyword' AND p_vector IS NOT NULL;
  v_cap integer;
  answer jsonb;
BEGIN
  IF v_tenant IS NULL THEN
    RAISE EXCEPTION 'memoryhub.tenant is not set: a search belongs to one tenant' USING ERRCODE = '42501';
  END IF;
{FACTS}
  v_cap := r.cap;
  IF p_mode <> 'semantic' OR NOT v_dense THEN
    v_words := search_query_words(coalesce((
      SELECT t.text_search_config::regconfig FROM memory_tenants t WHERE t.tenant_id = v_tenant), 'english'), p_query);
    IF v_words IS NULL THEN
      -- only stop words: look for them as they stand, which means reading the texts themselves
      v_plain := true;
      v_cap := least(v_cap, 2000);
      v_words := search_query_words('simple', p_query);
    END IF;
    v_terms := ARRAY(SELECT quote_literal(word)::tsquery FROM unnest(v_words) WITH ORDINALITY u(word, n) ORDER BY n);
    v_any := array_to_string(v_terms, ' | ')::tsquery;
  END IF;
  -- one run over consecutive pages where all of the reach is wanted, else a look-up per candidate
  v_sweep := v_dense AND NOT v_filtered AND vector_dims(p_vector) <= 1200;

  IF v_sweep AND p_mode = 'semantic' THEN
    -- without words the nearest vectors are the result, once their rows are looked at: a few more than are asked for
    WITH swept AS MATERIALIZED (
      {SWEEP} LIMIT v_cap + 1
    ), looked_at AS MATERIALIZED (
      SELECT l.id, l.cosine, l.granted FROM (
        SELECT i.*, n.cosine, false AS granted FROM (
            SELECT * FROM swept ORDER BY cosine DESC, row_id LIMIT r.top * 2 + 10) n
          CROSS JOIN LATERAL (SELECT * FROM memory_search_index x WHERE x.id = n.row_id OFFSET 0) i
        UNION ALL
        SELECT i.*, n.cosine, true FROM memory_search_index i CROSS JOIN LATERAL (
            SELECT 1 - (x.embedding <=> p_vector) AS cosine FROM memory_context_vectors x
            WHERE x.row_id = i.id AND x.model = p_model OFFSET 0) n
          WHERE i.id = ANY (v_extra)
      ) l WHERE {WANTED}
    )
    SELECT jsonb_build_object(
      'candidates', s.n + (SELECT count(*) FROM looked_at WHERE granted), 'truncated', false,
      'complete', s.n <= v_cap AND (s.n <= r.top * 2 + 10 OR (SELECT count(*) >= r.top FROM looked_at WHERE NOT granted)),
      'hits', (SELECT coalesce(jsonb_agg({HIT} ORDER BY b.score DESC, b.id), '[]') FROM (
          SELECT id, cosine AS score, cosine, cosine AS semantic, NULL AS keyword, NULL AS bm25 FROM looked_at
          ORDER BY cosine DESC, id LIMIT r.top) b JOIN memory_search_index i USING (id)))
    INTO answer FROM (SELECT count(*) AS n FROM swept) s;
    IF (answer ->> 'complete')::boolean THEN
      RETURN answer;
    END IF;
  END IF;

  LOOP
    WITH candidates AS MATERIALIZED (
      SELECT l.id, l.length, l.swept, CASE
          WHEN v_plain THEN to_tsvector('simple', search_text(left(l.content, 10000)))
          WHEN l.tsv @@ v_any THEN l.tsv END AS tsv
      FROM (
        SELECT i.*, false AS granted, v_sweep AS swept FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
          SELECT * FROM memory_search_index x
          WHERE x.tenant_id = v_tenant AND x.reach >= b.low AND x.reach <= b.high OFFSET 0) i
        UNION ALL
        SELECT i.*, true, false FROM memory_search_index i WHERE i.id = ANY (v_extra)
      ) l
      WHERE {WANTED}
      LIMIT CASE WHEN NOT v_large THEN v_cap + 1 END
    ), stats AS MATERIALIZED (
      SELECT count(*)::float8 AS n, greatest(avg(length), 1)::float8 AS mean_length,
        v_large OR count(*) <= v_cap AS complete
      FROM candidates
    ), hits AS MATERIALIZED (
      SELECT c.id, t.n AS term, search_frequency(ts_rank('{{1,1,1,1}}', c.tsv, t.word)) AS tf,
        1.2::float8 * (0.25::float8 + 0.75::float8 * c.length / (SELECT mean_length FROM stats)) AS norm
      FROM candidates c JOIN unnest(v_terms) WITH ORDINALITY t(word, n) ON c.tsv @@ t.word
      WHERE c.tsv IS NOT NULL AND (SELECT complete FROM stats)
    ), terms AS MATERIALIZED (
      -- Robertson and Zaragoza 2009, with the idf that stays positive; counted among the caller's own candidates
      SELECT h.term, count(*) AS df,
        ln(1 + ((SELECT n FROM stats) - count(*)::float8 + 0.5::float8) / (count(*)::float8 + 0.5::float8)) AS idf
      FROM hits h GROUP BY h.term
    ), keyword AS MATERIALIZED (
      SELECT h.id, round(sum(t.idf * h.tf * 2.2::float8 / (h.tf + h.norm)) * 1e9::float8) / 1e9::float8 AS bm25
      FROM hits h JOIN terms t USING (term)
      GROUP BY h.id ORDER BY bm25 DESC, h.id LIMIT r.depth
    ), cosines AS MATERIALIZED (
      {SWEEP}
        WHERE v_sweep AND (SELECT complete FROM stats)
      UNION ALL
      SELECT c.id, v.cosine FROM candidates c CROSS JOIN LATERAL (
          SELECT 1 - (x.embedding <=> p_vector) AS cosine FROM memory_context_vectors x
          WHERE x.row_id = c.id AND x.model = p_model OFFSET 0) v
        WHERE v_dense AND NOT c.swept AND (SELECT complete FROM stats)
    ), dense AS MATERIALIZED (
      SELECT c.id, v.cosine FROM cosines v JOIN candidates c ON c.id = v.row_id
      ORDER BY v.cosine DESC, c.id LIMIT r.depth
    ), bounds AS MATERIALIZED (
      SELECT (SELECT max(bm25) FROM keyword) AS best, min(cosine) AS low, nullif(max(cosine) - min(cosine), 0) AS span FROM dense
    ), best AS (
      SELECT p.*, coalesce(keyword, 0) + coalesce(semantic, 0) AS score FROM (
        SELECT id, k.bm25, d.cosine,
          CASE WHEN v_dense THEN (1 - r.dense_weight) * k.bm25 / (SELECT best FROM bounds) ELSE k.bm25 END AS keyword,
          CASE WHEN p_mode = 'semantic' THEN d.cosine
            ELSE r.dense_weight * coalesce((d.cosine - (SELECT low FROM bounds)) / (SELECT span FROM bounds),
              CASE WHEN d.cosine IS NOT NULL THEN 1 END)
          END AS semantic
        FROM keyword k FULL JOIN dense d USING (id)) p
      ORDER BY score DESC, id LIMIT r.top
    )
    SELECT jsonb_build_object(
      'candidates', s.n, 'complete', s.complete, 'truncated', v_large,
      'hits', (SELECT coalesce(jsonb_agg({HIT} || jsonb_build_object(
          'terms', CASE WHEN r.explain THEN (
            SELECT jsonb_agg(jsonb_build_object('term', v_words[h.term], 'frequency', h.tf, 'memories', t.df, 'idf', t.idf,
                'bm25', t.idf * h.tf * 2.2::float8 / (h.tf + h.norm)) ORDER BY h.term)
            FROM hits h JOIN terms t USING (term) WHERE h.id = b.id) END
        ) ORDER BY b.score DESC, b.id), '[]') FROM best b JOIN memory_search_index i USING (id)))
    INTO answer FROM stats s;

    EXIT WHEN (answer ->> 'complete')::boolean;
    v_extra := search_above_cap(p_who, p_filters, p_options, v_any, v_cap);
    v_low := '{{}}'; v_high := '{{}}'; v_sweep := false; v_large := true;
  END LOOP;
  RETURN answer;
END $$;
"""

OPEN_TO_NOBODY = """
REVOKE ALL ON FUNCTION memory_search(jsonb, text, text, halfvec, text, jsonb, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION search_above_cap(jsonb, jsonb, jsonb, tsquery, integer) FROM PUBLIC;
"""

BEFORE = """
DROP FUNCTION memory_search(jsonb, text, text, halfvec, text, jsonb, jsonb);
DROP FUNCTION search_above_cap(jsonb, jsonb, jsonb, tsquery, integer);
DROP FUNCTION search_query_words(regconfig, text);
DROP FUNCTION search_frequency(double precision);
DROP FUNCTION memory_visible(text, text, text, text, text, boolean, text, text, text, text, text, boolean, boolean);
"""


class Migration(migrations.Migration):
    """One function searches, whoever asks: it reads the tenant from the setting and decides the plan itself."""

    dependencies = [("search", "0003_reach"), ("access", "0001_initial")]
    operations = [
        migrations.RunSQL(VISIBLE + FREQUENCY + QUERY_WORDS + ABOVE_CAP + SEARCH + OPEN_TO_NOBODY, BEFORE),
    ]
