from importlib import import_module

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

from memoryhub.access.walls import TenantWall

candidates = import_module("memoryhub.search.migrations.0013_search_candidates")

# What a word is found by when it is misspelled: its trigrams, with two blanks before it and one after, as pg_trgm has
# them; and, marked by "-", what is left of a short word without one of its letters, because a slip leaves it hardly
# any trigram (Garbe's symmetric deletes). Two short words one slip apart always share such a rest.
GRAMS = """
CREATE FUNCTION search_trigrams(word text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(
  SELECT gram FROM (
    SELECT substr('  ' || word || ' ', place, 3) AS gram, min(place) AS place
    FROM generate_series(1, length(word) + 1) place GROUP BY 1) g
  ORDER BY place);

CREATE FUNCTION search_rests(word text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN length(word) > 7 THEN '{}' ELSE ARRAY(
  SELECT '-' || word UNION SELECT '-' || overlay(word PLACING '' FROM place FOR 1) FROM generate_series(1, length(word)) place
) END;

CREATE FUNCTION search_hashes(grams text[], seed bigint) RETURNS bigint[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ARRAY(SELECT hashtextextended(gram, seed) FROM unnest(grams) WITH ORDINALITY g(gram, place) ORDER BY place);
"""
GRAMS_BEFORE = """
DROP FUNCTION search_hashes(text[], bigint);
DROP FUNCTION search_rests(text);
DROP FUNCTION search_trigrams(text);
"""

# Words live and die with the row they were read from. A row that changes is read again by the relay.
FOLLOW = """
ALTER TABLE memory_search_vocabulary ADD CONSTRAINT word_of_row
  FOREIGN KEY (row_id) REFERENCES memory_search_index (id) ON DELETE CASCADE;
ALTER TABLE memory_search_vocabulary_read ADD CONSTRAINT read_row
  FOREIGN KEY (row_id) REFERENCES memory_search_index (id) ON DELETE CASCADE;

CREATE FUNCTION search_vocabulary_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM memory_search_vocabulary WHERE row_id = NEW.id;
  DELETE FROM memory_search_vocabulary_read WHERE row_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER search_vocabulary_unread AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content OR OLD.reach IS DISTINCT FROM NEW.reach
    OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_vocabulary_follows();
"""
UNFOLLOW = """
DROP TRIGGER search_vocabulary_unread ON memory_search_index;
DROP FUNCTION search_vocabulary_follows();
"""


# The reaches of the caller, one by one. Where they are a range, the first 500 in it; their owners ask for a user.
PLACES = """
  WITH RECURSIVE walked(high, reach, steps) AS (
    SELECT b.high, b.low, 0 FROM unnest(v_low, v_high) b(low, high) WHERE b.low = b.high
    UNION ALL
    SELECT b.high, (SELECT min(i.reach) FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high), 0
      FROM unnest(v_low, v_high) b(low, high) WHERE b.low <> b.high
    UNION ALL
    SELECT w.high, (SELECT min(i.reach) FROM memory_search_index i
        WHERE i.tenant_id = v_tenant AND i.reach > w.reach AND i.reach <= w.high), w.steps + 1
      FROM walked w WHERE w.reach < w.high AND w.steps < 500
  ), places AS MATERIALIZED (
    SELECT search_seed(tenant, reach) AS seed FROM (
      SELECT v_tenant AS tenant, reach FROM walked WHERE reach IS NOT NULL
      UNION
      SELECT DISTINCT v_tenant, i.reach FROM memory_search_index i WHERE i.id = ANY (v_extra)
      UNION
      SELECT NULL, reach FROM unnest(ARRAY['g', 'xg']) reach WHERE r.archived OR reach = 'g') p
  )"""

# A word as long as seven letters is looked up by pairs of trigrams: of its n trigrams, taken in s - 1 lots, any word
# that shares s has two of the same lot. s is what the wanted likeness asks for, and at most what one slip leaves over.
# So few words are read, though each trigram alone stands in many. Shorter words are looked up by their rests.
FOUND = """
  asked AS MATERIALIZED (
    SELECT place AS ord, word, search_trigrams(word) AS grams, search_rests(word) AS rests
    FROM unnest(p_words) WITH ORDINALITY a(word, place)
    WHERE length(to_tsvector(search_config(v_tenant), word)) > 0
  ), numbered AS (
    SELECT a.ord, p.seed, cardinality(a.grams) AS n, search_hashes(a.grams, p.seed) AS grams,
      CASE WHEN length(a.word) < 7 THEN search_hashes(a.rests, p.seed) END AS rests,
      greatest(least(ceil(p_least * cardinality(a.grams)), cardinality(a.grams) - 4), 2)::integer - 1 AS lots
    FROM asked a CROSS JOIN places p
  ), pairs AS (
    SELECT q.ord, q.seed, q.grams, q.lots, ARRAY[q.grams[i], q.grams[j]] AS pair
    FROM numbered q CROSS JOIN LATERAL generate_series(1, q.n) i CROSS JOIN LATERAL generate_series(i + 1, q.n) j
    WHERE q.rests IS NULL AND (i - 1) * q.lots / q.n = (j - 1) * q.lots / q.n
  ), found AS MATERIALIZED (
    SELECT q.ord, q.seed, q.grams, NULL::integer AS lots, w.word, w.keys FROM numbered q CROSS JOIN LATERAL (
      SELECT v.word, v.keys FROM memory_search_vocabulary v WHERE v.keys && q.rests OFFSET 0) w
    WHERE q.rests IS NOT NULL
    UNION
    SELECT q.ord, q.seed, q.grams, q.lots, w.word, w.keys FROM pairs q CROSS JOIN LATERAL (
      SELECT v.word, v.keys FROM memory_search_vocabulary v WHERE v.keys @> q.pair OFFSET 0) w
  ), likely AS MATERIALIZED (
    SELECT ord, seed, word, row_number() OVER (PARTITION BY ord, seed ORDER BY shared / (
        cardinality(grams) + length(word) + 1 - shared) DESC, word) AS nth
    FROM (SELECT f.*, (SELECT count(*) FROM unnest(f.keys) k WHERE k = ANY (f.grams))::float8 AS shared FROM found f) f
    WHERE lots IS NULL OR shared > lots
  )"""

# A word is told only to those who see a memory with it: one that it was learned from, or one that was opened to them.
# Word by word: the planner would rather look at all words at once.
KNOWN = f"""
  SELECT c.ord - 1, c.word FROM likely c CROSS JOIN LATERAL (
    SELECT FROM (SELECT w.row_id FROM memory_search_vocabulary w
        WHERE w.hash = hashtextextended(c.word, c.seed) OFFSET 0) w
      CROSS JOIN LATERAL (
        SELECT i.*, i.id = ANY (v_extra) AS granted FROM memory_search_index i WHERE i.id = w.row_id OFFSET 0) l
    WHERE {candidates.VISIBLE} LIMIT 1) seen
  WHERE c.nth <= 32
  UNION
  SELECT c.ord - 1, c.word FROM likely c CROSS JOIN LATERAL (
    SELECT FROM (SELECT p.row_id FROM memory_search_passages p WHERE p.row_id = ANY (v_extra)
        AND p.terms && search_hashes(tsvector_to_array(to_tsvector(search_config(v_tenant), c.word)), c.seed) OFFSET 0) p
      CROSS JOIN LATERAL (SELECT i.*, true AS granted FROM memory_search_index i WHERE i.id = p.row_id OFFSET 0) l
    WHERE lower(l.content) ~ ('(^|[^[:alnum:]])' || c.word || '($|[^[:alnum:]])') AND {candidates.VISIBLE} LIMIT 1) seen
  WHERE c.nth <= 32 AND cardinality(v_extra) > 0"""

SIMILAR = f"""
CREATE FUNCTION search_similar_words(p_who jsonb, p_archived boolean, p_words text[], p_least float8)
RETURNS TABLE (asked bigint, word text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE {candidates.DECLARATIONS}
  v_extra uuid[];
BEGIN
{candidates.FACTS.format(request="p_who || jsonb_build_object('archived', p_archived)")}
{candidates.EXTRA}
  RETURN QUERY {PLACES}, {FOUND} {KNOWN};
END $$;
REVOKE ALL ON FUNCTION search_similar_words(jsonb, boolean, text[], float8) FROM PUBLIC;
"""

# The newest rows of each of these authors that the caller may see, and how many rows they wrote in all.
WRITTEN_BY = f"""
CREATE FUNCTION search_written_by(p_who jsonb, p_filters jsonb, p_options jsonb, p_authors text[]) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE {candidates.DECLARATIONS}
  v_filtered boolean := p_filters <> '{{}}';
  v_extra uuid[];
BEGIN
{candidates.FACTS.format(request="p_who || p_filters || p_options")}
{candidates.EXTRA}
  RETURN (
  WITH written AS MATERIALIZED (
    SELECT i.id, i.author FROM unnest(v_low, v_high) b(low, high) CROSS JOIN LATERAL (
      SELECT i.id, i.author FROM memory_search_index i
      WHERE i.tenant_id = v_tenant AND i.reach >= b.low AND i.reach <= b.high AND i.author = ANY (p_authors)
      LIMIT r.cap) i
    UNION
    SELECT i.id, i.author FROM memory_search_index i WHERE i.id = ANY (v_extra) AND i.author = ANY (p_authors)
  ), newest AS (
    SELECT {candidates.COLUMNS}, NULL::float8 AS bm25, NULL::real AS similarity, false AS neighbor, NULL::json AS terms
    FROM written w CROSS JOIN LATERAL (
      SELECT i.*, i.id = ANY (v_extra) AS granted FROM memory_search_index i WHERE i.id = w.id OFFSET 0) l
    WHERE {candidates.WANTED}
    ORDER BY l.event_at DESC, l.id LIMIT r.depth
  )
  SELECT json_build_object(
    'columns', (SELECT json_build_array({candidates.BY_COLUMN}) FROM newest),
    'memories', (SELECT coalesce(json_object_agg(author, rows), '{{}}')
      FROM (SELECT author, count(*) AS rows FROM written GROUP BY author) w)));
END $$;
REVOKE ALL ON FUNCTION search_written_by(jsonb, jsonb, jsonb, text[]) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    """The words of the memories, found by what a typo leaves of them."""

    dependencies = [("search", "0014_fresh_under_inserts")]
    operations = [
        migrations.CreateModel(
            name="KnownWord",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "row_id", "word", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("row_id", models.UUIDField()),
                ("word", models.TextField(db_collation="C")),
                ("tenant_id", models.TextField(null=True)),
                ("hash", models.BigIntegerField()),
                ("lasting", models.BooleanField()),
                ("keys", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
            ],
            options={
                "db_table": "memory_search_vocabulary",
                "indexes": [
                    models.Index(fields=["hash"], name="vocabulary_by_hash"),
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["keys"], name="vocabulary_by_keys", fastupdate=False
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ReadRow",
            fields=[
                ("row_id", models.UUIDField(primary_key=True, serialize=False)),
                ("tenant_id", models.TextField(null=True)),
                ("version", models.IntegerField()),
            ],
            options={"db_table": "memory_search_vocabulary_read"},
        ),
        TenantWall("memory_search_vocabulary", shared=True),
        TenantWall("memory_search_vocabulary_read", shared=True),
        migrations.RunSQL(GRAMS, GRAMS_BEFORE),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.RunSQL(SIMILAR, "DROP FUNCTION search_similar_words(jsonb, boolean, text[], float8)"),
        migrations.RunSQL(WRITTEN_BY, "DROP FUNCTION search_written_by(jsonb, jsonb, jsonb, text[])"),
    ]
