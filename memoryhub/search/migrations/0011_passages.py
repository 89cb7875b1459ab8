import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.functions.text
from django.db import migrations, models

from memoryhub.access.walls import TenantWall

# What is known of a text before anybody asks: kept in columns, because asking many rows is dear.
# A word is what stands between blanks. May and March count with a capital only: they are verbs, too.
TRAITS = r"""
CREATE FUNCTION search_split(content text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN array_remove(string_to_array(translate(left(content, 200000), E'\n\r\t\f\v', '     '), ' '), '');

CREATE FUNCTION search_word_count(content text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN cardinality(search_split(content));

CREATE FUNCTION search_is_question(content text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN right(rtrim(right(content, 100), E' \n\r\t'), 1) = '?';

CREATE FUNCTION search_tells_time(content text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(content, 10000) ~* ('\m(yesterday|today|tonight|tomorrow|ago|recently|weekend|20\d\d'
    || '|(last|next|this) (week|month|year|weekend|morning|evening)'
    || '|monday|tuesday|wednesday|thursday|friday|saturday|sunday'
    || '|january|february|april|june|july|august|september|october|november|december)\M')
  OR left(content, 10000) ~ '\m(March|May)\M';

CREATE FUNCTION search_addresses(content text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN left(content, 10000) ~* '\m(you|your|yours|yourself)\M'
  AND left(content, 10000) !~* '\m(i|me|my|mine|myself|we|us|our|ours)\M';
"""
TRAITS_BEFORE = """
DROP FUNCTION search_addresses(text);
DROP FUNCTION search_tells_time(text);
DROP FUNCTION search_is_question(text);
DROP FUNCTION search_word_count(text);
DROP FUNCTION search_split(text);
"""

WORDS_BEFORE = """
CREATE FUNCTION search_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE config regconfig;
BEGIN
  SELECT t.text_search_config::regconfig INTO config FROM memory_tenants t WHERE t.tenant_id = NEW.tenant_id;
  NEW.tsv := to_tsvector(coalesce(config, 'english'), search_text(left(NEW.content, 200000)));
  NEW.length := length(NEW.tsv);
  RETURN NEW;
END $$;
CREATE TRIGGER search_index_words BEFORE INSERT OR UPDATE OF content, tenant_id ON memory_search_index
  FOR EACH ROW EXECUTE FUNCTION search_words();
UPDATE memory_search_index SET content = content;
"""

FOLLOW = """
CREATE TRIGGER search_vectors_reach AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.reach IS DISTINCT FROM NEW.reach OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_vectors_follow();
UPDATE memory_context_vectors v SET reach = i.reach FROM memory_search_index i
  WHERE i.id = v.row_id AND v.reach IS DISTINCT FROM i.reach;
"""
UNFOLLOW = "DROP TRIGGER search_vectors_reach ON memory_search_index"

# A term is the hash of a stem, seeded by the tenant and the reach of its row: one index over all tenants, and yet
# a look-up finds rows of that reach and no others. 64 bits: among a billion terms a clash is not to be expected.
PASSAGES = """
ALTER TABLE memory_search_passages ADD CONSTRAINT passage_of_row
  FOREIGN KEY (row_id) REFERENCES memory_search_index (id) ON DELETE CASCADE;

CREATE FUNCTION search_seed(tenant text, reach text) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN hashtextextended(concat(tenant, E'\\x1f', reach), 0);

CREATE FUNCTION search_config(tenant text) RETURNS regconfig LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce((SELECT t.text_search_config::regconfig FROM memory_tenants t WHERE t.tenant_id = tenant), 'english')
$$;

CREATE FUNCTION search_make_passages(p_row uuid, p_tenant text, p_reach text, p_content text, p_words integer)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  config regconfig := search_config(p_tenant);
  seed bigint := search_seed(p_tenant, p_reach);
BEGIN
  IF p_words <= 110 THEN
    INSERT INTO memory_search_passages (row_id, number, tenant_id, terms, frequencies, length)
    SELECT p_row, 1, p_tenant, array_agg(hashtextextended(lexeme, seed)), array_agg(cardinality(positions)::smallint), p_words
    FROM unnest(to_tsvector(config, search_text(left(p_content, 200000)))) HAVING count(*) > 0;
  ELSE
    INSERT INTO memory_search_passages (row_id, number, tenant_id, terms, frequencies, length)
    SELECT p_row, w.number, p_tenant, t.terms, t.frequencies, w.length
    FROM (
      SELECT (place - 1) / 110 + 1 AS number, string_agg(word, ' ' ORDER BY place) AS body, count(*) AS length
      FROM unnest(search_split(p_content)) WITH ORDINALITY s(word, place) GROUP BY 1) w
    CROSS JOIN LATERAL (
      SELECT array_agg(hashtextextended(lexeme, seed)) AS terms, array_agg(cardinality(positions)::smallint) AS frequencies
      FROM unnest(to_tsvector(config, search_text(w.body)))) t
    WHERE t.terms IS NOT NULL;
  END IF;
END $$;

CREATE FUNCTION search_passages_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM memory_search_passages WHERE row_id = NEW.id;
  END IF;
  PERFORM search_make_passages(NEW.id, NEW.tenant_id, NEW.reach, NEW.content, NEW.words);
  RETURN NULL;
END $$;
CREATE TRIGGER search_passages_made AFTER INSERT ON memory_search_index
  FOR EACH ROW EXECUTE FUNCTION search_passages_follow();
CREATE TRIGGER search_passages_moved AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content OR OLD.reach IS DISTINCT FROM NEW.reach
    OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_passages_follow();

-- For a text search configuration that changed: the words of these rows anew.
CREATE FUNCTION search_make_words(p_rows uuid[]) RETURNS void LANGUAGE sql AS $$
  DELETE FROM memory_search_passages WHERE row_id = ANY (p_rows);
  SELECT search_make_passages(i.id, i.tenant_id, i.reach, i.content, i.words)
  FROM memory_search_index i WHERE i.id = ANY (p_rows) FOR NO KEY UPDATE;
$$;

-- Counting from an index alone needs a fresh visibility map.
ALTER TABLE memory_search_index SET (autovacuum_vacuum_insert_scale_factor = 0.02);
"""
PASSAGES_BEFORE = """
ALTER TABLE memory_search_index RESET (autovacuum_vacuum_insert_scale_factor);
DROP FUNCTION search_make_words(uuid[]);
DROP TRIGGER search_passages_moved ON memory_search_index;
DROP TRIGGER search_passages_made ON memory_search_index;
DROP FUNCTION search_passages_follow();
DROP FUNCTION search_make_passages(uuid, text, text, text, integer);
DROP FUNCTION search_config(text);
DROP FUNCTION search_seed(text, text);
"""

TEXT = models.TextField()


def value(text):
    return models.Value(text, TEXT)


def joined(letter, column):
    return django.db.models.functions.text.Concat(value(letter), column)


SCOPES = models.Case(
    models.When(scope="global", then=value("g")),
    models.When(scope="tenant", then=value("t")),
    models.When(scope="user", then=joined("u:", "user_id")),
    models.When(scope="session", then=joined("s:", "session_id")),
    models.When(scope="agent", then=joined("a:", "agent_id")),
)
ARCHIVED = models.Case(models.When(archived=True, then=value("x")), default=value(""))
REACH = django.db.models.functions.text.Concat(ARCHIVED, SCOPES)


def reach(expression):
    return models.GeneratedField(
        expression=expression, output_field=models.TextField(db_collation="C"), db_persist=True
    )


def made(function, field):
    return models.GeneratedField(
        expression=models.Func("content", function=function), output_field=field, db_persist=True
    )


class Migration(migrations.Migration):
    """Words by passage, hashed with whom they reach, instead of one tsvector over all tenants; and archived rows
    lie apart from live ones.

    Rewrites the index once for the new columns. Rows get their passages in the next migration.
    """

    dependencies = [("search", "0010_long_vectors_by_reach"), ("access", "0001_initial")]
    operations = [
        migrations.RunSQL(TRAITS, TRAITS_BEFORE),
        migrations.RemoveIndex(model_name="indexrow", name="search_words"),
        migrations.RunSQL("DROP FUNCTION search_words() CASCADE", WORDS_BEFORE),
        migrations.RemoveField(model_name="indexrow", name="tsv"),
        migrations.RemoveField(model_name="indexrow", name="length"),
        migrations.AddField("indexrow", "words", made("search_word_count", models.IntegerField())),
        migrations.AddField("indexrow", "question", made("search_is_question", models.BooleanField())),
        migrations.AddField("indexrow", "tells_time", made("search_tells_time", models.BooleanField())),
        migrations.AddField("indexrow", "addresses", made("search_addresses", models.BooleanField())),
        migrations.RunSQL(UNFOLLOW, FOLLOW),
        migrations.RemoveIndex(model_name="indexrow", name="search_by_reach"),
        migrations.RemoveField(model_name="indexrow", name="reach"),
        migrations.AddField("indexrow", "reach", reach(REACH)),
        migrations.AddIndex(
            "indexrow",
            models.Index(fields=["tenant_id", "reach", "-event_at"], include=["words"], name="search_by_reach"),
        ),
        migrations.AddIndex(
            "indexrow",
            models.Index(
                fields=["tenant_id", "reach", "author"],
                condition=models.Q(author__isnull=False),
                name="search_by_author",
            ),
        ),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.CreateModel(
            name="Passage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "row_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("row_id", models.UUIDField()),
                ("number", models.IntegerField()),
                ("tenant_id", models.TextField(null=True)),
                ("terms", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField())),
                ("frequencies", django.contrib.postgres.fields.ArrayField(base_field=models.SmallIntegerField())),
                ("length", models.IntegerField()),
            ],
            options={"db_table": "memory_search_passages"},
        ),
        TenantWall("memory_search_passages", shared=True),
        migrations.RunSQL(PASSAGES, PASSAGES_BEFORE),
    ]
