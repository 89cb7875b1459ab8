from django.db import migrations

# An index alone answers where all rows of a page are known to be visible, which vacuum notes. It looks only at pages
# that were written since: 10 ms after 5,000 rows, so that is when it comes, however large the table is.
FRESH = """
ALTER TABLE memory_context_vectors SET
  (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 5000);
ALTER TABLE memory_search_index SET
  (autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 5000);
"""
BEFORE = """
ALTER TABLE memory_context_vectors RESET (autovacuum_vacuum_insert_threshold);
ALTER TABLE memory_context_vectors SET (autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE memory_search_index RESET (autovacuum_vacuum_insert_threshold);
ALTER TABLE memory_search_index SET (autovacuum_vacuum_insert_scale_factor = 0.02);
"""


class Migration(migrations.Migration):
    """Search stays as fast in tables that grow as in those that rest."""

    dependencies = [("search", "0013_search_candidates")]
    operations = [migrations.RunSQL(FRESH, BEFORE)]
