from django.db import migrations

# NULL, or the code of a refusal (services/entries.py) when somebody opens an agent's entry to others by hand.
MAY_SHARE = """
CREATE FUNCTION registry_may_share(e memory_context_registry) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    """Higher houses may forbid that an entry is shared; their migrations replace the body."""

    dependencies = [("registry", "0008_house_rules")]
    operations = [migrations.RunSQL(MAY_SHARE, "DROP FUNCTION registry_may_share")]
