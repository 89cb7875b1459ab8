from django.db import migrations

# Vectors too long for the covering index are counted and found by reach all the same.
MAKE = """
CREATE INDEX CONCURRENTLY IF NOT EXISTS long_vectors_by_reach ON memory_context_vectors (tenant_id, model, reach)
  WHERE vector_dims(embedding) > 1200
"""


class Migration(migrations.Migration):
    """An index that stays empty as long as vectors are short."""

    atomic = False
    dependencies = [("search", "0009_nearest")]
    operations = [migrations.RunSQL(MAKE, "DROP INDEX CONCURRENTLY IF EXISTS long_vectors_by_reach")]
