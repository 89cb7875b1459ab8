import django.contrib.postgres.indexes
from django.db import migrations

FILL = """
SELECT search_make_passages(i.id, i.tenant_id, i.reach, i.content, i.words) FROM memory_search_index i;
"""
# Without a pending list: a search would read all of it for every word.
WORDS = django.contrib.postgres.indexes.GinIndex(fields=["terms"], name="search_terms", fastupdate=False)


class Migration(migrations.Migration):
    """Rows that were there before get their passages; then comes the index over them, which is faster that way."""

    dependencies = [("search", "0011_passages")]
    operations = [
        migrations.RunSQL(FILL, "DELETE FROM memory_search_passages"),
        migrations.AddIndex("passage", WORDS),
    ]
