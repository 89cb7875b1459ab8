import django.db.models.expressions
import django.db.models.functions.text
from django.db import migrations, models

# Characters that join words in keys, paths and addresses: "user_prefs.theme" is found by "theme".
# Without '<' and '>' the parser takes "a<b and c>d" for a tag and drops what is between.
WORDS = r"""
CREATE FUNCTION search_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(content, E'._/\\:@-<>&=?''', '             ');

CREATE OR REPLACE FUNCTION search_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE config regconfig;
BEGIN
  SELECT t.text_search_config::regconfig INTO config FROM memory_tenants t WHERE t.tenant_id = NEW.tenant_id;
  NEW.tsv := to_tsvector(coalesce(config, 'english'), search_text(left(NEW.content, 200000)));
  NEW.length := length(NEW.tsv);
  RETURN NEW;
END $$;
UPDATE memory_search_index SET content = content;
"""

WORDS_BEFORE = """
CREATE OR REPLACE FUNCTION search_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE config regconfig;
BEGIN
  SELECT t.text_search_config::regconfig INTO config FROM memory_tenants t WHERE t.tenant_id = NEW.tenant_id;
  NEW.tsv := to_tsvector(coalesce(config, 'english'), left(NEW.content, 200000));
  NEW.length := length(NEW.tsv);
  RETURN NEW;
END $$;
DROP FUNCTION search_text(text);
"""

# A vector lives and dies with its row, and is found by the same reach.
VECTORS = """
ALTER TABLE memory_context_vectors ADD CONSTRAINT vector_of_row
  FOREIGN KEY (row_id) REFERENCES memory_search_index (id) ON DELETE CASCADE;

CREATE FUNCTION search_vectors_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE memory_context_vectors SET reach = NEW.reach, tenant_id = NEW.tenant_id WHERE row_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER search_vectors_reach AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.reach IS DISTINCT FROM NEW.reach OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_vectors_follow();

-- Covering, so that a search reads the vectors of one reach from consecutive pages. A btree row holds
-- 2.7 kB; longer vectors are fetched by primary key instead.
CREATE INDEX vectors_by_reach ON memory_context_vectors (tenant_id, model, reach)
  INCLUDE (row_id, embedding) WHERE vector_dims(embedding) <= 1200;
-- Reading from the index alone needs a fresh visibility map.
ALTER TABLE memory_context_vectors SET (autovacuum_vacuum_insert_scale_factor = 0.02);
"""

VECTORS_BEFORE = """
ALTER TABLE memory_context_vectors RESET (autovacuum_vacuum_insert_scale_factor);
DROP INDEX vectors_by_reach;
DROP TRIGGER search_vectors_reach ON memory_search_index;
DROP FUNCTION search_vectors_follow();
ALTER TABLE memory_context_vectors DROP CONSTRAINT vector_of_row;
"""


class Migration(migrations.Migration):
    """Rows are found by whom they reach: one btree prefix per caller instead of an OR over columns."""

    dependencies = [("search", "0002_words_by_trigger")]
    operations = [
        migrations.RunSQL(WORDS, WORDS_BEFORE),
        migrations.AddField(
            model_name="indexrow",
            name="reach",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(scope="global", then=models.Value("g", models.TextField())),
                    models.When(scope="tenant", then=models.Value("t", models.TextField())),
                    models.When(scope="user", then=django.db.models.functions.text.Concat(models.Value("u:", models.TextField()), "user_id")),
                    models.When(scope="session", then=django.db.models.functions.text.Concat(models.Value("s:", models.TextField()), "session_id")),
                    models.When(scope="agent", then=django.db.models.functions.text.Concat(models.Value("a:", models.TextField()), "agent_id")),
                ),
                output_field=models.TextField(db_collation="C"),
            ),
        ),
        migrations.AddField(model_name="vector", name="reach", field=models.TextField(db_collation="C", null=True)),
        migrations.AddConstraint(
            model_name="indexrow",
            constraint=models.CheckConstraint(
                condition=models.Q(scope="global", tenant_id=None) | (~models.Q(scope="global") & models.Q(tenant_id__isnull=False)),
                name="search_global_without_tenant",
            ),
        ),
        migrations.RemoveIndex(model_name="indexrow", name="search_by_user"),
        migrations.RemoveIndex(model_name="indexrow", name="search_by_agent"),
        migrations.AddIndex(
            model_name="indexrow",
            index=models.Index(fields=["tenant_id", "reach", "-event_at"], name="search_by_reach"),
        ),
        migrations.RunSQL(VECTORS, VECTORS_BEFORE),
    ]
