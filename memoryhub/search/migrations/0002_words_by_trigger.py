from django.db import migrations

# A tsvector holds at most 1 MB; text beyond the first 200,000 characters is not searched by word.
WORDS = """
CREATE FUNCTION search_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE config regconfig;
BEGIN
  SELECT t.text_search_config::regconfig INTO config FROM memory_tenants t WHERE t.tenant_id = NEW.tenant_id;
  NEW.tsv := to_tsvector(coalesce(config, 'english'), left(NEW.content, 200000));
  NEW.length := length(NEW.tsv);
  RETURN NEW;
END $$;
CREATE TRIGGER search_index_words BEFORE INSERT OR UPDATE OF content, tenant_id ON memory_search_index
  FOR EACH ROW EXECUTE FUNCTION search_words();
"""


class Migration(migrations.Migration):
    """The database makes the words of an index row, so full text is searchable when the change commits."""

    dependencies = [("search", "0001_initial"), ("access", "0001_initial")]
    operations = [migrations.RunSQL(WORDS, "DROP FUNCTION search_words() CASCADE")]
