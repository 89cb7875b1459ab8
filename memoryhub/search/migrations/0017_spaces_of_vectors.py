from django.db import migrations

# Vectors that are there go on answering searches: the model with most of them is the active space. A name of a model
# may hold "/". Where a remote one is asked is written down when the hub next starts and follows its configuration.
FILL = r"""
INSERT INTO memory_search_spaces (id, name, embedder, kind, settings, dimension, context_words, state,
  switch_by_itself, held_back, complete, done, total, refused, error, asked_by, asked_at, started_at, ended_at, drop_at)
SELECT gen_random_uuid(), model, regexp_replace(model, '/[a-z]+-\d+$', ''),
  CASE WHEN model LIKE 'hashing-%' THEN 'hashing' WHEN model LIKE 'remote:%' THEN 'remote' ELSE 'local' END,
  CASE WHEN model LIKE 'hashing-%' THEN jsonb_build_object('dimension', dimension) ELSE '{}' END,
  dimension, coalesce(substring(model FROM '/[a-z]+-(\d+)$')::integer, 0),
  CASE WHEN place = 1 THEN 'active' ELSE 'retired' END,
  true, false, false, vectors, vectors, 0, '', 'configuration', now(), now(),
  CASE WHEN place > 1 THEN now() END, CASE WHEN place > 1 THEN now() + interval '7 days' END
FROM (SELECT model, count(*) AS vectors, max(vector_dims(embedding)) AS dimension,
        row_number() OVER (ORDER BY count(*) DESC, model) AS place
      FROM memory_context_vectors GROUP BY model) found
"""


class Migration(migrations.Migration):
    """A space for every model that vectors were made by.

    Nothing to do on the way back: the table of the spaces goes with the migration before.
    """

    dependencies = [("search", "0016_vector_spaces")]
    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
