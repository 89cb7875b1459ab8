from importlib import import_module

import django.db.models.functions.text
from django.db import migrations, models

before = import_module("memoryhub.search.migrations.0011_passages")
candidates = import_module("memoryhub.search.migrations.0013_search_candidates")
vocabulary = import_module("memoryhub.search.migrations.0015_vocabulary")

# The same as the reach of memoryhub.search.models: where rows of a kind lie.
PLACE = """
CREATE FUNCTION search_place(kind text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE kind WHEN 'knowledge' THEN 'yk' WHEN 'procedure' THEN 'yp' WHEN 'work' THEN 'yw' ELSE '' END;
"""

# Reaches are those of entries and messages, unless the search asks for other kinds, which lie elsewhere.
FACTS = candidates.FACTS.replace("kinds text[],", "kinds text[], places text[],") + """
  r.places := coalesce(r.places, '{{entry,message}}');
  IF r.places <> '{{entry,message}}' THEN
    SELECT array_agg(p.place || b.low ORDER BY p.place, b.nth), array_agg(p.place || b.high ORDER BY p.place, b.nth)
    INTO v_low, v_high
    FROM unnest(v_low, v_high) WITH ORDINALITY b(low, high, nth)
      CROSS JOIN (SELECT DISTINCT search_place(kind) AS place FROM unnest(r.places) kind) p;
  END IF;
"""
EXTRA = candidates.EXTRA.replace(
    "AND i.scope = 'agent'", "AND i.kind = ANY (r.places) AND i.scope = 'agent'"
).replace("AND i.scope = 'user'", "AND i.kind = ANY (r.places) AND i.scope = 'user'")
COUNTS = candidates.COUNTS.replace(
    "WHERE i.tenant_id IS NULL AND (i.reach", "WHERE r.places && '{entry,message}' AND i.tenant_id IS NULL AND (i.reach"
)


def as_now(function):
    """The statement that made the function, with what changes."""
    made = (
        function[: function.rindex("END $$;") + len("END $$;")]
        .replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        .replace(candidates.EXTRA, EXTRA)
        .replace(candidates.COUNTS, COUNTS)
    )
    for request in (
        "p_who || p_filters || p_options",
        "p_who || jsonb_build_object('archived', p_archived)",
    ):
        made = made.replace(candidates.FACTS.format(request=request), FACTS.format(request=request))
    assert EXTRA in made and "search_place" in made
    return made


def as_before(function):
    return function[: function.rindex("END $$;") + len("END $$;")].replace(
        "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
    )


FUNCTIONS = (candidates.SEARCH, vocabulary.SIMILAR, vocabulary.WRITTEN_BY)
NOW = "".join(map(as_now, FUNCTIONS))
BEFORE = "".join(map(as_before, FUNCTIONS))
assert COUNTS in NOW

# Triggers that ask whether the reach changed stand in the way of making it anew. It stays the same for every row.
UNWATCH = """
DROP TRIGGER search_vectors_reach ON memory_search_index;
DROP TRIGGER search_passages_moved ON memory_search_index;
DROP TRIGGER search_vocabulary_unread ON memory_search_index;
"""
WATCH = """
CREATE TRIGGER search_vectors_reach AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.reach IS DISTINCT FROM NEW.reach OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_vectors_follow();
CREATE TRIGGER search_passages_moved AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content OR OLD.reach IS DISTINCT FROM NEW.reach
    OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_passages_follow();
CREATE TRIGGER search_vocabulary_unread AFTER UPDATE ON memory_search_index FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content OR OLD.reach IS DISTINCT FROM NEW.reach
    OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
  EXECUTE FUNCTION search_vocabulary_follows();
"""
KINDS = models.Case(
    models.When(kind="knowledge", then=before.value("yk")),
    models.When(kind="procedure", then=before.value("yp")),
    models.When(kind="work", then=before.value("yw")),
    default=before.value(""),
)
REACH = django.db.models.functions.text.Concat(before.ARCHIVED, KINDS, before.SCOPES)
BY_REACH = models.Index(fields=["tenant_id", "reach", "-event_at"], include=["words"], name="search_by_reach")
BY_AUTHOR = models.Index(
    fields=["tenant_id", "reach", "author"], condition=models.Q(author__isnull=False), name="search_by_author"
)


class Migration(migrations.Migration):
    """Knowledge, work and procedures are found as well, and lie apart from entries and messages: a search that does
    not ask for them reads none of them.

    Rewrites the index once for the new reach.
    """

    dependencies = [("search", "0017_spaces_of_vectors")]
    operations = [
        migrations.AlterField(
            "indexrow",
            "kind",
            models.TextField(
                choices=[
                    ("entry", "Entry"),
                    ("message", "Message"),
                    ("knowledge", "Knowledge"),
                    ("work", "Work done"),
                    ("procedure", "Procedure"),
                ]
            ),
        ),
        migrations.RunSQL(UNWATCH, WATCH),
        migrations.RemoveIndex("indexrow", "search_by_reach"),
        migrations.RemoveIndex("indexrow", "search_by_author"),
        migrations.RemoveField("indexrow", "reach"),
        migrations.AddField("indexrow", "reach", before.reach(REACH)),
        migrations.AddIndex("indexrow", BY_REACH),
        migrations.AddIndex("indexrow", BY_AUTHOR),
        migrations.RunSQL(WATCH, UNWATCH),
        migrations.RunSQL(PLACE, "DROP FUNCTION search_place(text)"),
        migrations.RunSQL(NOW, BEFORE),
    ]
