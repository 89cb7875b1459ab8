from importlib import import_module

from django.db import migrations

# One row per stem of the query: its group and the word as it was typed. A group is a word with its alternatives and
# counts as one; without groups every word of the query is one. At most 64 groups; each stem in the first one only.
GROUPS = """
CREATE FUNCTION search_query_groups(p_config regconfig, p_query text, p_words jsonb)
RETURNS TABLE (grp integer, word text, stem text) LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT DISTINCT ON (lexeme) s.grp::integer, s.word, lexeme FROM (
    SELECT place AS grp, lower(word) AS word, word AS raw
    FROM unnest(search_split(search_text(p_query))) WITH ORDINALITY q(word, place) WHERE jsonb_typeof(coalesce(p_words, 'null')) = 'null'
    UNION ALL
    SELECT place, words ->> 0, word
    FROM jsonb_array_elements(CASE WHEN jsonb_typeof(p_words) = 'array' THEN p_words ELSE '[]' END) WITH ORDINALITY g(words, place)
      CROSS JOIN LATERAL (SELECT * FROM jsonb_array_elements_text(words) LIMIT 64) w(word)
    ORDER BY 1 LIMIT 1000
  ) s CROSS JOIN LATERAL unnest(to_tsvector(p_config, search_text(s.raw)))
  ORDER BY lexeme, s.grp
$$;
"""

DECLARATIONS = """
  v_tenant text := nullif(current_setting('memoryhub.tenant', true), '');
  r record;
  v_low text[]; v_high text[]; v_opened text;
"""

# The request r: who asks, what for, and how; and which reaches that is, as ranges.
FACTS = """
  IF v_tenant IS NULL THEN
    RAISE EXCEPTION 'memoryhub.tenant is not set: a search belongs to one tenant' USING ERRCODE = '42501';
  END IF;
  SELECT * INTO r FROM jsonb_to_record({request}) AS x(
    agent text, named_user text, session text, bound_user text, admin boolean, everything boolean,
    kinds text[], scope text, layer text, category text, tags text[], memory_type text, source text, agent_id text,
    author text, since timestamptz, until timestamptz, importance_min float8, parent_id uuid,
    top integer, depth integer, beside integer, cap integer, k1 float8, b float8, words jsonb, archived boolean, explain boolean);

  r.k1 := coalesce(r.k1, 0.9);
  r.b := coalesce(r.b, 0.4);
  IF r.everything THEN
    v_low := '{{a}}'; v_high := '{{v}}';
  ELSIF r.named_user IS NULL AND r.admin THEN
    v_low := array_remove(ARRAY['t', 'a:' || coalesce(r.agent, ''), 's:' || nullif(r.session, ''), 'u:'], NULL);
    v_high := array_replace(v_low, 'u:', 'u;');
  ELSE
    v_low := array_remove(ARRAY['t', 'a:' || coalesce(r.agent, ''), 's:' || nullif(r.session, ''),
      'u:' || coalesce(r.named_user, '')], NULL);
    v_high := v_low;
    v_opened := CASE WHEN coalesce(r.bound_user, '') = '' THEN nullif(r.session, '') END;
  END IF;
"""

# The few rows outside of the reaches: entries granted to the agent, messages of a session that is named.
EXTRA = """
  IF r.archived THEN
    v_low := v_low || ARRAY(SELECT 'x' || low FROM unnest(v_low) low);
    v_high := v_high || ARRAY(SELECT 'x' || high FROM unnest(v_high) high);
  END IF;
  v_extra := ARRAY(
    SELECT i.id FROM memory_grants g JOIN memory_search_index i ON i.id = g.entry_id
      WHERE NOT r.everything AND g.tenant_id = v_tenant AND g.agent_id = coalesce(r.agent, '')
        AND i.scope = 'agent' AND i.agent_id IS DISTINCT FROM coalesce(r.agent, '')
    UNION ALL
    SELECT i.id FROM memory_search_index i
      WHERE i.tenant_id = v_tenant AND i.session_id = v_opened AND i.scope = 'user'
        AND i.user_id IS DISTINCT FROM coalesce(r.named_user, ''));
"""

VISIBLE = """memory_visible(l.scope, l.tenant_id, l.user_id, l.session_id, l.agent_id, l.granted,
          v_tenant, r.agent, r.named_user, r.session, r.bound_user, r.admin, r.everything)
        AND (l.expires_at IS NULL OR l.expires_at > now())
        AND (r.archived OR NOT l.archived)"""
# What makes a row l a candidate. A row of another agent is only ever reached through a grant.
WANTED = f"""{VISIBLE}
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
          AND (r.parent_id IS NULL OR l.parent_id = r.parent_id)))"""

# How many rows each reach has, up to the cap, and how many words: from an index alone. Empty reaches are left out.
COUNTS = """
  SELECT coalesce(array_agg(c.low), '{}'), coalesce(array_agg(c.high), '{}'), coalesce(sum(c.rows), 0), coalesce(sum(c.words), 0)
  INTO v_low, v_high, v_rows, v_words_in_reach
  FROM (
    SELECT b.low, b.high, c.rows, c.words FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
      SELECT count(*) AS rows, sum(least(words, 110)) AS words FROM (
        SELECT i.words FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high LIMIT r.cap + 1) i) c
    WHERE c.rows > 0) c;
  SELECT count(*), coalesce(sum(least(words, 110)), 0) INTO v_global, v_words_of_global FROM (
    SELECT i.words FROM memory_search_index i
    WHERE i.tenant_id IS NULL AND (i.reach = 'g' OR (r.archived AND i.reach = 'xg')) LIMIT r.cap + 1) i;
  SELECT v_words_in_reach + v_words_of_global + coalesce(sum(least(i.words, 110)), 0) INTO v_words_in_reach
  FROM memory_search_index i WHERE i.id = ANY (v_extra);
  v_rows := v_rows + v_global + cardinality(v_extra);
  v_mean := greatest(v_words_in_reach / greatest(v_rows, 1), 1);
"""

# The hashes to look for: every stem with every reach that has rows. Ranges are walked from reach to reach.
KEYS = """
    v_config := search_config(v_tenant);
    SELECT array_agg(g.grp), array_agg(g.word), array_agg(g.stem) INTO v_grp, v_word, v_stem
    FROM search_query_groups(v_config, p_query, r.words) g;
    v_plain := v_stem IS NULL;
    IF v_plain THEN
      SELECT array_agg(g.grp), array_agg(g.word), array_agg(g.stem) INTO v_grp, v_word, v_stem
      FROM search_query_groups('simple', p_query, r.words) g;
    ELSE
      WITH RECURSIVE walked(high, reach) AS (
        SELECT b.high, b.low FROM unnest(v_low, v_high) b(low, high) WHERE b.low = b.high
        UNION ALL
        SELECT b.high, (SELECT min(i.reach) FROM memory_search_index i
            WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high)
          FROM unnest(v_low, v_high) b(low, high) WHERE b.low <> b.high
        UNION ALL
        SELECT w.high, (SELECT min(i.reach) FROM memory_search_index i
            WHERE i.tenant_id = v_tenant AND i.reach > w.reach AND i.reach <= w.high)
          FROM walked w WHERE w.reach < w.high
      ), reached AS (
        SELECT reach, false AS extra FROM walked WHERE reach IS NOT NULL
        UNION ALL
        SELECT DISTINCT i.reach, true FROM memory_search_index i WHERE i.id = ANY (v_extra)
      ), numbered AS (
        SELECT reach, extra, row_number() OVER () AS place, search_seed(v_tenant, reach) AS seed FROM reached
      )
      SELECT array_agg(k.place), array_agg(k.extra), array_agg(k.grp), array_agg(k.hash)
      INTO v_key_place, v_key_extra, v_key_grp, v_key_hash FROM (
        SELECT n.place, n.extra, s.grp, hashtextextended(s.stem, n.seed) AS hash
        FROM numbered n CROSS JOIN unnest(v_grp, v_stem) s(grp, stem)
        UNION ALL
        SELECT g.place, false, s.grp, hashtextextended(s.stem, search_seed(NULL, g.reach))
        FROM (VALUES (-1, 'g'), (-2, 'xg')) g(place, reach)
          CROSS JOIN search_query_groups('english', p_query, r.words) s
        WHERE v_global > 0 AND (r.archived OR g.reach = 'g')) k;
    END IF;
"""

# How often the words of a group k occur in a passage p.
TF = """CASE WHEN cardinality(k.hashes) = 1 THEN p.frequencies[array_position(p.terms, k.hashes[1])]::float8
        ELSE (SELECT sum(p.frequencies[array_position(p.terms, h)])::float8 FROM unnest(k.hashes) h) END AS tf"""

# Above the cap, a word that very many rows hold does not choose rows: it counts for those that rarer words and the
# vectors chose. How many hold it is not counted beyond the limit; it weighs little anyway. Where rarer words choose
# too few, rows that hold all of the common ones are taken as well, then those that lack one of them, then any.
BIG = f"""
CREATE FUNCTION search_words_of_big(
  p_place integer[], p_extra boolean[], p_grp integer[], p_hash bigint[], p_near uuid[], p_limit integer, p_enough integer
) RETURNS TABLE (grp integer, row_id uuid, number integer, length integer, tf float8, common boolean)
LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  k record; v_place integer; v_set bigint[]; v_all bigint[];
  v_found uuid[]; v_common bigint[] := '{{}}'; v_common_place integer[] := '{{}}'; v_rows uuid[] := '{{}}';
BEGIN
  FOR k IN SELECT place, array_agg(hash ORDER BY hash) AS hashes
      FROM unnest(p_place, p_extra, p_grp, p_hash) u(place, extra, grp, hash) WHERE NOT extra
      GROUP BY place, grp ORDER BY place, grp LOOP
    v_found := ARRAY(SELECT p.row_id FROM memory_search_passages p WHERE p.terms && k.hashes LIMIT p_limit + 1);
    IF cardinality(v_found) <= p_limit THEN
      v_rows := v_rows || v_found;
    ELSE
      v_common := v_common || k.hashes;
      v_common_place := v_common_place || array_fill(k.place, ARRAY[cardinality(k.hashes)]);
    END IF;
  END LOOP;
  FOR v_place IN SELECT DISTINCT place FROM unnest(v_common_place) place LOOP
    v_all := ARRAY(SELECT hash FROM unnest(v_common_place, v_common) c(place, hash) WHERE place = v_place ORDER BY hash LIMIT 8);
    FOR step IN 0 .. 2 * cardinality(v_all) LOOP
      EXIT WHEN cardinality(v_rows) >= p_enough;
      v_set := CASE WHEN step = 0 THEN v_all
        WHEN step <= cardinality(v_all) THEN array_remove(v_all, v_all[step])
        ELSE ARRAY[v_all[step - cardinality(v_all)]] END;
      CONTINUE WHEN v_set = '{{}}';
      v_rows := v_rows || ARRAY(SELECT p.row_id FROM memory_search_passages p WHERE p.terms @> v_set LIMIT p_limit);
    END LOOP;
  END LOOP;
  RETURN QUERY
    SELECT k.grp, p.row_id, p.number, p.length, {TF}, k.hashes && v_common
    FROM (SELECT DISTINCT id FROM unnest(v_rows || p_near) id) c
      JOIN memory_search_passages p ON p.row_id = c.id
      JOIN (
        SELECT place, grp, array_agg(hash ORDER BY hash) AS hashes
        FROM unnest(p_place, p_extra, p_grp, p_hash) u(place, extra, grp, hash) WHERE NOT extra GROUP BY place, grp) k
      ON p.terms && k.hashes;
END $$;
"""

# A query of stop words alone: they are in no index, so the newest texts themselves are read.
PLAIN = """
CREATE FUNCTION search_plain_words(
  p_tenant text, p_low text[], p_high text[], p_extra uuid[], p_grp integer[], p_stem text[]
) RETURNS TABLE (grp integer, row_id uuid, number smallint, length integer, tf float8) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT s.grp, i.id, 1::smallint, least(i.words, 110), sum(cardinality(u.positions))::float8
  FROM (
    SELECT * FROM (
      SELECT i.id, i.words, i.content, i.event_at FROM unnest(p_low, p_high) b(low, high) CROSS JOIN LATERAL (
        SELECT * FROM memory_search_index x
        WHERE x.tenant_id = p_tenant AND x.reach >= b.low AND x.reach <= b.high
        ORDER BY x.tenant_id, x.reach, x.event_at DESC LIMIT 2000) i
      UNION ALL
      SELECT i.id, i.words, i.content, i.event_at FROM memory_search_index i WHERE i.id = ANY (p_extra)
      UNION ALL
      (SELECT i.id, i.words, i.content, i.event_at FROM memory_search_index i
        WHERE i.tenant_id IS NULL AND i.reach = 'g' ORDER BY i.event_at DESC LIMIT 2000)) a
    ORDER BY event_at DESC, id LIMIT 2000) i
  CROSS JOIN LATERAL unnest(to_tsvector('simple', search_text(left(i.content, 10000)))) u
  JOIN unnest(p_grp, p_stem) s(grp, stem) ON s.stem = u.lexeme
  GROUP BY s.grp, i.id, i.words;
END $$;
"""

# All that may be found at all: for filters, and for what the short way left open.
CANDIDATES = f"""
    v_candidates := ARRAY(
      SELECT l.id FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
        SELECT i.*, false AS granted FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high OFFSET 0) l WHERE {WANTED}
      UNION ALL
      SELECT l.id FROM (
        SELECT i.*, false AS granted FROM memory_search_index i
        WHERE i.tenant_id IS NULL AND (i.reach = 'g' OR i.reach = 'xg') OFFSET 0) l WHERE {WANTED}
      UNION ALL
      SELECT l.id FROM (SELECT i.*, true AS granted FROM memory_search_index i WHERE i.id = ANY (v_extra)) l
        WHERE {WANTED});
"""

# Inner products of all vectors of a reach, from the covering index: one statement a range, as simple as can be.
SIMILARITY = "-(x.embedding <#> p_vector)"
NEAREST = f"""
      FOR place IN 1 .. coalesce(cardinality(v_low), 0) LOOP
        SELECT v_near || array_agg(n.row_id), v_similarity || array_agg(n.similarity) INTO v_near, v_similarity FROM (
          SELECT x.row_id, {SIMILARITY} AS similarity FROM memory_context_vectors x
          WHERE x.tenant_id = v_tenant AND x.model = p_model AND x.reach >= v_low[place] AND x.reach <= v_high[place]
            AND vector_dims(x.embedding) <= 1200
          ORDER BY similarity DESC, x.row_id LIMIT v_fetch) n;
      END LOOP;
"""
NEAREST_BY_INDEX = """
      SELECT array_agg(n.row_id), array_agg(n.similarity) INTO v_near, v_similarity
      FROM search_nearest(v_tenant, p_model, p_vector, v_low, v_high, v_fetch) n;
"""
# Global rows, and those outside of the reaches, are few.
NEAREST_OUTSIDE = f"""
      IF v_global > 0 THEN
        SELECT v_near || array_agg(n.row_id), v_similarity || array_agg(n.similarity) INTO v_near, v_similarity FROM (
          SELECT x.row_id, {SIMILARITY} AS similarity FROM memory_context_vectors x
          WHERE x.tenant_id IS NULL AND x.model = p_model AND (x.reach = 'g' OR (r.archived AND x.reach = 'xg'))
            AND vector_dims(x.embedding) <= 1200
          ORDER BY similarity DESC, x.row_id LIMIT v_fetch) n;
      END IF;
      IF v_extra <> '{{}}' OR v_long THEN
        SELECT v_near || array_agg(x.row_id), v_similarity || array_agg({SIMILARITY}) INTO v_near, v_similarity
        FROM (
          SELECT id FROM unnest(v_extra) id
          UNION ALL
          SELECT i.id FROM memory_search_index i
          WHERE v_long AND i.tenant_id IS NULL AND (i.reach = 'g' OR (r.archived AND i.reach = 'xg'))) e
        JOIN memory_context_vectors x ON x.row_id = e.id AND x.model = p_model;
      END IF;
      IF cardinality(v_near) > v_fetch OR v_global > 0 OR v_extra <> '{{}}' THEN
        SELECT array_agg(n.row_id), array_agg(n.similarity) INTO v_near, v_similarity FROM (
          SELECT * FROM unnest(v_near, v_similarity) n(row_id, similarity)
          ORDER BY similarity DESC, row_id LIMIT v_fetch) n;
      END IF;
"""
# All of the candidates, by one run over the reaches or by looking each up, whichever reads less.
NEAREST_OF_CANDIDATES = f"""
      IF v_long OR cardinality(v_candidates) < v_rows / 8 THEN
        SELECT array_agg(n.row_id), array_agg(n.similarity) INTO v_near, v_similarity FROM (
          SELECT c.row_id, v.similarity FROM unnest(v_candidates) c(row_id) CROSS JOIN LATERAL (
            SELECT {SIMILARITY} AS similarity FROM memory_context_vectors x
            WHERE x.row_id = c.row_id AND x.model = p_model OFFSET 0) v
          ORDER BY v.similarity DESC, c.row_id LIMIT v_fetch) n;
      ELSE
        SELECT array_agg(n.row_id), array_agg(n.similarity) INTO v_near, v_similarity FROM (
          SELECT n.row_id, n.similarity FROM (
            SELECT v.row_id, v.similarity FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
              SELECT x.row_id, {SIMILARITY} AS similarity FROM memory_context_vectors x
              WHERE x.tenant_id = v_tenant AND x.model = p_model AND x.reach >= b.low AND x.reach <= b.high
                AND vector_dims(x.embedding) <= 1200 OFFSET 0) v
            UNION ALL
            SELECT x.row_id, {SIMILARITY} FROM memory_context_vectors x
            WHERE x.tenant_id IS NULL AND x.model = p_model AND x.reach >= 'g' AND x.reach <= 'xg'
              AND vector_dims(x.embedding) <= 1200
            UNION ALL
            SELECT x.row_id, {SIMILARITY} FROM memory_context_vectors x WHERE x.row_id = ANY (v_extra) AND x.model = p_model
          ) n WHERE n.row_id IN (SELECT unnest(v_candidates))
          ORDER BY n.similarity DESC, n.row_id LIMIT v_fetch) n;
      END IF;
"""

# What the caller is told of each row, in the order of ranking.py, which reads it.
FEATURES = """id kind scope user_id session_id agent_id author sequence event_at words question tells_time addresses
  importance priority bm25 similarity neighbor terms""".split()
COLUMNS = """l.id, l.kind, l.scope, l.user_id, l.session_id, l.agent_id, l.author, l.sequence,
        date_part('epoch', l.event_at) AS event_at, l.words, l.question, l.tells_time, l.addresses, l.importance, l.priority"""
# By column, not by row: that is half the work.
BY_COLUMN = ", ".join(f"coalesce(array_to_json(array_agg({name})), '[]')" for name in FEATURES)

# What is seldom needed: rows outside of the reaches, texts read for stop words, and explanations.
MATCHES_OUTSIDE = f"""
    UNION ALL
    SELECT k.grp, p.row_id, p.number, p.length, {TF}, false
    FROM unnest(v_extra) e(id) JOIN memory_search_passages p ON p.row_id = e.id JOIN keys k ON k.extra AND p.terms && k.hashes
    UNION ALL
    SELECT w.grp, w.row_id, w.number, w.length, w.tf, false
    FROM search_plain_words(v_tenant, v_low, v_high, v_extra, v_grp, v_stem) w WHERE v_plain
    UNION ALL
    SELECT w.grp, w.row_id, w.number, w.length, w.tf, w.common
    FROM search_words_of_big(v_key_place, v_key_extra, v_key_grp, v_key_hash, v_near, v_limit, v_fetch) w WHERE v_large"""
DETAILS = """
    SELECT DISTINCT ON (row_id) row_id, terms FROM (
      SELECT p.row_id, p.number, sum(p.part) AS total, json_agg(json_build_array(
          (SELECT min(w.word) FROM unnest(v_grp, v_word) w(grp, word) WHERE w.grp = p.grp),
          p.tf, p.df, p.idf, p.part / 1e7::float8) ORDER BY p.grp) AS terms
      FROM parts p WHERE r.explain AND p.row_id IN (SELECT id FROM hits UNION SELECT id FROM neighbors)
      GROUP BY p.row_id, p.number) d
    ORDER BY row_id, total DESC, number"""


def answer(outside, details):
    """Words: a look-up per group and reach, then BM25 (Robertson and Zaragoza 2009, with the idf that stays positive)
    of each passage, in ten-millionths, so that sums do not depend on their order. A row is worth its best passage.
    The mean length is that of the rows in reach, 110 words at most each. Rows are looked at only when a leg chose them.
    """
    return f"""
      WITH keys AS MATERIALIZED (
        SELECT k.grp, k.extra, array_agg(k.hash ORDER BY k.hash) AS hashes
        FROM unnest(v_key_place, v_key_extra, v_key_grp, v_key_hash) k(place, extra, grp, hash)
        GROUP BY k.place, k.grp, k.extra
      ), matches AS MATERIALIZED (
        SELECT k.grp, p.row_id, p.number, p.length, p.tf, false AS common
        FROM keys k CROSS JOIN LATERAL (
          SELECT p.row_id, p.number, p.length, {TF}
          FROM memory_search_passages p WHERE p.terms && k.hashes OFFSET 0) p
        WHERE NOT k.extra {"AND NOT v_large" if outside else ""} {outside}
      ), counts AS MATERIALIZED (
        SELECT m.grp, count(*) AS passages, max(m.number) AS number, bool_or(m.common) AS common FROM matches m GROUP BY m.grp
      ), terms AS MATERIALIZED (
        SELECT grp, df, ln(1 + greatest(v_rows - df + 0.5::float8, 0.5::float8) / (df + 0.5::float8)) AS idf FROM (
          SELECT c.grp, CASE WHEN c.common THEN v_limit + 1 WHEN c.number = 1 THEN c.passages
            ELSE (SELECT count(DISTINCT m.row_id) FROM matches m WHERE m.grp = c.grp) END::float8 AS df FROM counts c) t
      ), parts AS {"MATERIALIZED" if details else "NOT MATERIALIZED"} (
        SELECT m.row_id, m.number, m.grp, m.tf, t.df, t.idf,
          (t.idf * 1e7::float8 * (r.k1 + 1) * m.tf / (m.tf + v_norm + v_norm_by_length * m.length))::integer AS part
        FROM matches m JOIN terms t USING (grp)
        WHERE v_candidates IS NULL OR m.row_id IN (SELECT unnest(v_candidates))
      ), scored_passages AS MATERIALIZED (
        SELECT row_id, number, sum(part) / 1e7::float8 AS bm25 FROM parts GROUP BY row_id, number
      ), scored AS MATERIALIZED (
        SELECT row_id, bm25 FROM scored_passages WHERE (SELECT max(number) = 1 FROM counts)
        UNION ALL
        SELECT row_id, max(bm25) FROM scored_passages WHERE (SELECT max(number) > 1 FROM counts) GROUP BY row_id
      ), lexical AS MATERIALIZED (
        SELECT row_id FROM scored ORDER BY bm25 DESC, row_id LIMIT v_fetch
      ), near AS MATERIALIZED (
        SELECT n.row_id, n.similarity FROM unnest(v_near, v_similarity) n(row_id, similarity)
      ), hits AS MATERIALIZED (
        SELECT {COLUMNS}, false AS neighbor
        FROM (SELECT row_id FROM near UNION SELECT row_id FROM lexical) f CROSS JOIN LATERAL (
          SELECT i.*, {"i.id IN (SELECT unnest(v_extra))" if outside else "false"} AS granted
          FROM memory_search_index i WHERE i.id = f.row_id OFFSET 0) l
        WHERE {WANTED}
      ), beside AS (
        SELECT h.session_id, h.sequence + d.step AS sequence
        FROM (
          SELECT row_id FROM (SELECT row_id FROM near LIMIT r.beside) n
          UNION SELECT row_id FROM (SELECT row_id FROM lexical LIMIT r.beside) n) f
        JOIN hits h ON h.id = f.row_id CROSS JOIN (VALUES (-1), (1)) d(step)
        WHERE h.kind = 'message' AND p_mode = 'hybrid'
        EXCEPT SELECT h.session_id, h.sequence FROM hits h
      ), neighbors AS {"MATERIALIZED" if details else "NOT MATERIALIZED"} (
        SELECT {COLUMNS}, true AS neighbor
        FROM beside n CROSS JOIN LATERAL (
          SELECT i.*, false AS granted FROM memory_search_index i
          WHERE i.tenant_id = v_tenant AND i.session_id = n.session_id AND i.sequence = n.sequence OFFSET 0) l
        WHERE l.kind = 'message' AND {WANTED}
      ), details AS ({details or "SELECT NULL::uuid AS row_id, NULL::json AS terms WHERE false"}
      ), shown AS (
        SELECT l.*, s.bm25, coalesce(n.similarity, v.similarity)::real AS similarity, {"d.terms" if details else "NULL AS terms"}
        FROM (SELECT * FROM hits UNION ALL SELECT * FROM neighbors) l
        LEFT JOIN scored s ON s.row_id = l.id
        LEFT JOIN near n ON n.row_id = l.id
        LEFT JOIN LATERAL (
          SELECT {SIMILARITY} AS similarity FROM memory_context_vectors x
          WHERE n.row_id IS NULL AND x.row_id = l.id AND x.model = p_model AND p_mode <> 'keyword' OFFSET 0) v ON true
        {"LEFT JOIN details d ON d.row_id = l.id" if details else ""}
        ORDER BY l.id
      )
      SELECT (SELECT json_build_array({BY_COLUMN}) FROM shown),
        cardinality(v_near) IS NULL OR (cardinality(v_near) < v_fetch AND NOT (v_large AND v_filtered))
          OR (SELECT count(*) >= v_enough FROM hits JOIN near ON row_id = id),
        (SELECT count(*) < v_fetch FROM lexical)
            AND NOT (v_large AND v_filtered AND (SELECT coalesce(bool_or(common), false) FROM counts))
          OR (SELECT count(*) >= v_enough FROM hits JOIN lexical ON row_id = id),
        coalesce((SELECT bool_or(common) FROM counts), false)
      INTO v_answer, v_near_enough, v_lexical_enough, v_truncated;
"""


SEARCH = f"""
CREATE FUNCTION memory_search(
  p_who jsonb, p_query text, p_mode text, p_vector halfvec, p_model text, p_filters jsonb, p_options jsonb
) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
SET work_mem = '64MB'
AS $$
DECLARE {DECLARATIONS}
  v_filtered boolean := p_filters <> '{{}}';
  v_extra uuid[];
  v_dense boolean := p_mode <> 'keyword' AND p_vector IS NOT NULL;
  v_long boolean := coalesce(vector_dims(p_vector), 0) > 1200;
  v_plain boolean := false;
  v_large boolean; v_whole boolean; v_norm float8; v_norm_by_length float8;
  v_rows bigint; v_global bigint; v_words_in_reach float8; v_words_of_global float8; v_mean float8;
  v_config regconfig; v_grp integer[]; v_word text[]; v_stem text[];
  v_key_place integer[]; v_key_extra boolean[]; v_key_grp integer[]; v_key_hash bigint[];
  v_fetch integer; v_candidates uuid[]; v_near uuid[]; v_similarity float8[];
  v_enough integer; v_answer json; v_near_enough boolean; v_lexical_enough boolean; v_truncated boolean; v_limit integer;
BEGIN
{FACTS.format(request="p_who || p_filters || p_options")}
{EXTRA}
{COUNTS}
  v_large := v_rows > r.cap;
  v_norm := r.k1 * (1 - r.b);
  v_norm_by_length := r.k1 * r.b / v_mean;
  -- a few more than are wanted: some may have expired, or belong to others
  v_fetch := r.depth + greatest(r.depth / 10, 10);
  v_limit := greatest(v_fetch, least(1000, r.cap / 4));
  v_enough := CASE WHEN v_large THEN r.top ELSE r.depth END;
  IF p_mode <> 'semantic' OR NOT v_dense THEN
{KEYS}
  END IF;

  -- the short way lets the legs choose and looks at their rows only; the whole way looks at all rows first, which
  -- filters need that leave few. The kind leaves many, as a rule: if not, the whole way follows.
  v_whole := NOT v_large AND (v_long OR p_filters - 'kinds' <> '{{}}');
  IF v_large AND v_dense THEN
{NEAREST_BY_INDEX}
    -- without an index of the tenant, or with one that knows too few, all vectors are compared
    v_whole := v_long AND coalesce(cardinality(v_near), 0) < r.top;
  END IF;
  LOOP
    IF v_whole THEN
{CANDIDATES}
      -- filters that leave no more than is compared make a small search of a large one
      v_large := v_large AND cardinality(v_candidates) > r.cap;
    END IF;
    IF v_whole AND v_dense THEN
{NEAREST_OF_CANDIDATES}
    ELSIF v_dense THEN
      IF coalesce(cardinality(v_near), 0) < r.top THEN
        v_near := '{{}}'; v_similarity := '{{}}';
{NEAREST}
      END IF;
{NEAREST_OUTSIDE}
    END IF;
    IF v_large OR v_plain OR r.explain OR v_extra <> '{{}}' THEN
{answer(MATCHES_OUTSIDE, DETAILS)}
    ELSE
{answer("", "")}
    END IF;
    EXIT WHEN v_whole OR (v_near_enough AND v_lexical_enough);
    v_whole := true;
  END LOOP;
  RETURN json_build_object(
    'candidates', CASE WHEN v_candidates IS NULL THEN v_rows ELSE cardinality(v_candidates) END,
    'truncated', v_truncated OR (v_plain AND v_rows > 2000), 'columns', v_answer);
END $$;
"""

# The names of those who wrote what the caller may search: from name to name through an index. At most 200.
AUTHORS = f"""
CREATE FUNCTION search_authors(p_who jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE {DECLARATIONS}
BEGIN
{FACTS.format(request="p_who")}
  RETURN ARRAY(
    WITH RECURSIVE walked(high, reach, author, steps) AS (
      SELECT b.high, i.reach, i.author, 1 FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
        SELECT i.reach, i.author FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.author IS NOT NULL AND i.reach >= b.low AND i.reach <= b.high
        ORDER BY i.reach, i.author LIMIT 1) i
      UNION ALL
      SELECT w.high, i.reach, i.author, w.steps + 1 FROM walked w CROSS JOIN LATERAL (
        SELECT i.reach, i.author FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.author IS NOT NULL AND (i.reach, i.author) > (w.reach, w.author)
          AND i.reach <= w.high
        ORDER BY i.reach, i.author LIMIT 1) i
      WHERE w.steps < 1000
    )
    SELECT DISTINCT author FROM (
      SELECT author FROM walked
      UNION ALL
      (SELECT i.author FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.session_id = v_opened AND i.author IS NOT NULL
        ORDER BY i.sequence LIMIT 1000)) a
    ORDER BY author LIMIT 200);
END $$;
"""

RIGHTS = """
REVOKE ALL ON FUNCTION memory_search(jsonb, text, text, halfvec, text, jsonb, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION search_authors(jsonb) FROM PUBLIC;
"""
DROP_OLD = """
DROP FUNCTION memory_search(jsonb, text, text, halfvec, text, jsonb, jsonb);
DROP FUNCTION search_above_cap(jsonb, jsonb, jsonb, tsquery, integer);
DROP FUNCTION search_query_words(regconfig, text);
DROP FUNCTION search_frequency(double precision);
"""
DROP_NEW = """
DROP FUNCTION memory_search(jsonb, text, text, halfvec, text, jsonb, jsonb);
DROP FUNCTION search_authors(jsonb);
DROP FUNCTION search_words_of_big(integer[], boolean[], integer[], bigint[], uuid[], integer, integer);
DROP FUNCTION search_plain_words(text, text[], text[], uuid[], integer[], text[]);
DROP FUNCTION search_query_groups(regconfig, text, jsonb);
"""


def search_of_0004():
    before = import_module("memoryhub.search.migrations.0004_search_function")
    return before.FREQUENCY + before.QUERY_WORDS + before.ABOVE_CAP + before.SEARCH + before.OPEN_TO_NOBODY


class Migration(migrations.Migration):
    """The search finds candidates with their features and leaves it to Python to rank them."""

    dependencies = [("search", "0012_passages_of_all_rows")]
    operations = [
        migrations.RunSQL(DROP_OLD, search_of_0004()),
        migrations.RunSQL(GROUPS + PLAIN + BIG + AUTHORS + SEARCH + RIGHTS, DROP_NEW),
    ]
