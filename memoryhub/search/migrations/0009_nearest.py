from django.db import migrations

# The vectors of a range of reaches, as FROM and WHERE of a statement that is put together. Constants, not
# parameters: only so does the planner know that a partial index holds all that is asked for.
VECTORS = """
CREATE FUNCTION search_vectors_in(p_tenant text, p_model text, p_range text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT format(' FROM memory_context_vectors x WHERE x.tenant_id = %L AND x.model = %L AND %s',
    p_tenant, p_model, p_range)
$$;
"""

# One statement for all ranges, $1 being the query's vector and $2 the number of rows; NULL when an index that it
# takes is not ready, so that comparing all is all that is left. For each range:
#  - a reach with an index of its own: that one;
#  - a reach or range that is large: the tenant's index, read on until enough of its rows lie in the range;
#  - one with few rows: each of them, as the tenant's index would hardly ever come across one. Few is what costs
#    less: measured, one by one takes 0.42 ms a thousand, and the index, read on, 3 ms divided by the share of its
#    rows that are wanted; these are equal at the square root of 7,000 times the tenant's rows.
# The tenant's index holds rows "of any id", and is asked for such: words without effect, but a statement that lacks
# them cannot be answered by it. Otherwise the planner, and not this function, chose between it and a reach's own.
STATEMENT = """
CREATE FUNCTION search_nearest_statement(
  p_tenant text, p_model text, p_dimension integer, p_low text[], p_high text[]
) RETURNS text LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
DECLARE
  v_near text := format('x.embedding::halfvec(%1$s) <#> $1::halfvec(%1$s)', p_dimension);
  v_held text := CASE WHEN p_dimension <= 1200 THEN ' AND vector_dims(x.embedding) <= 1200'
    ELSE ' AND vector_dims(x.embedding) > 1200' END;
  v_whole memory_vector_indexes; v_reaches text[]; v_few bigint; v_count bigint;
  v_range text; v_large text[] := '{}'; v_nearest text[] := '{}'; v_parts text[] := '{}';
BEGIN
  SELECT max(x.exact_up_to), array_agg(x.reach) INTO v_few, v_reaches FROM memory_vector_indexes x
    WHERE x.tenant_id = p_tenant AND x.model = p_model AND x.dimension = p_dimension AND x.status = 'ready';
  IF v_few IS NULL THEN
    RETURN NULL;
  END IF;
  SELECT * INTO v_whole FROM memory_vector_indexes x WHERE x.tenant_id = p_tenant AND x.model = p_model
    AND x.dimension = p_dimension AND x.status = 'ready' AND x.reach IS NULL;
  v_few := greatest(v_few, sqrt(7000.0 * coalesce(v_whole.rows, 0))::bigint);

  FOR i IN 1 .. coalesce(cardinality(p_low), 0) LOOP
    CONTINUE WHEN p_low[i] IS NULL OR p_high[i] IS NULL;
    v_range := CASE WHEN p_low[i] = p_high[i] THEN format('x.reach = %L', p_low[i])
      ELSE format('x.reach >= %L AND x.reach <= %L', p_low[i], p_high[i]) END;
    IF p_low[i] = p_high[i] AND p_low[i] = ANY (v_reaches) THEN
      v_nearest := v_nearest || v_range;
      CONTINUE;
    END IF;
    IF p_low[i] = p_high[i] AND p_low[i] = ANY (v_whole.large_reaches) THEN
      v_large := v_large || v_range;
      CONTINUE;
    END IF;
    SELECT count(*) INTO v_count FROM (
      SELECT 1 FROM memory_search_index s
      WHERE s.tenant_id = p_tenant AND s.reach >= p_low[i] AND s.reach <= p_high[i] LIMIT v_few + 1) n;
    IF v_count > v_few THEN
      v_large := v_large || v_range;
    ELSIF v_count > 0 THEN
      v_parts := v_parts || format('SELECT x.row_id, -(x.embedding <#> $1) AS similarity %s',
        search_vectors_in(p_tenant, p_model, v_range) || v_held);
    END IF;
  END LOOP;

  IF v_large <> '{}' AND v_whole.id IS NULL THEN
    RETURN NULL;
  ELSIF v_large <> '{}' THEN
    v_nearest := v_nearest || format('x.row_id >= %L AND (%s)', '00000000-0000-0000-0000-000000000000',
      array_to_string(v_large, ' OR '));
  END IF;
  FOREACH v_range IN ARRAY v_nearest LOOP
    v_parts := v_parts || format('(SELECT x.row_id, -(%1$s) AS similarity %2$s ORDER BY %1$s LIMIT $2)',
      v_near, search_vectors_in(p_tenant, p_model, v_range));
  END LOOP;
  RETURN 'SELECT n.row_id, n.similarity FROM ('
    || nullif(array_to_string(v_parts, ' UNION ALL '), '')
    || ') n ORDER BY n.similarity DESC, n.row_id LIMIT $2';
END $$;
"""

# Sorting is forbidden as far as it can be helped: an index that gives the nearest first needs none, so the planner
# has nothing to choose. The tenant stands in the setting as well: a caller cannot ask for another's vectors.
# The list of an index scan is twice what is wanted at least, and not below 400: measured with real questions, the ten
# nearest of 40,000 real texts are found with a recall of 0.94 (list of 100), 0.98 (200) and 0.99 (400).
NEAREST = """
CREATE OR REPLACE FUNCTION search_nearest(
  p_tenant text, p_model text, p_vector halfvec, p_low text[], p_high text[], p_top integer
) RETURNS TABLE (row_id uuid, similarity double precision)
LANGUAGE plpgsql STABLE
SET enable_seqscan = off
SET enable_sort = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE v_statement text; v_list text; v_iterative text;
BEGIN
  IF p_tenant IS DISTINCT FROM nullif(current_setting('memoryhub.tenant', true), '') THEN
    RAISE EXCEPTION 'memoryhub.tenant is not the tenant asked for: a search belongs to one tenant'
      USING ERRCODE = '42501';
  END IF;
  v_statement := search_nearest_statement(p_tenant, p_model, vector_dims(p_vector), p_low, p_high);
  IF v_statement IS NULL THEN
    RETURN;
  END IF;
  v_list := current_setting('hnsw.ef_search');
  v_iterative := current_setting('hnsw.iterative_scan');
  PERFORM set_config('hnsw.ef_search', least(1000, greatest(400, 2 * p_top))::text, true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true);
  RETURN QUERY EXECUTE v_statement USING p_vector, p_top;
  PERFORM set_config('hnsw.ef_search', v_list, true), set_config('hnsw.iterative_scan', v_iterative, true);
END $$;
"""

# For health, as numbers about all tenants: they show nobody's rows.
SUMMARY = """
CREATE FUNCTION search_vector_indexes_by_status() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT jsonb_build_object(
    'in_use', count(*) FILTER (WHERE status = 'ready'),
    'building', count(*) FILTER (WHERE status = 'building'),
    'failed', count(*) FILTER (WHERE status = 'failed')) FROM memory_vector_indexes
$$;
"""

OPEN_TO_NOBODY = """
REVOKE ALL ON FUNCTION search_vectors_in(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION search_nearest_statement(text, text, integer, text[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION search_nearest(text, text, halfvec, text[], text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION search_vector_indexes_by_status() FROM PUBLIC;
"""

BEFORE = """
DROP FUNCTION search_vector_indexes_by_status();
DROP FUNCTION search_nearest(text, text, halfvec, text[], text[], integer);
DROP FUNCTION search_nearest_statement(text, text, integer, text[], text[]);
DROP FUNCTION search_vectors_in(text, text, text);
"""


class Migration(migrations.Migration):
    """The nearest vectors of a big tenant, by the indexes that were built for it."""

    dependencies = [("search", "0008_vector_indexes")]
    operations = [migrations.RunSQL(VECTORS + STATEMENT + NEAREST + SUMMARY + OPEN_TO_NOBODY, BEFORE)]
