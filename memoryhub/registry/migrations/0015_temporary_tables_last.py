from django.db import migrations

# Unless it is named last, the caller's own pg_temp is looked in first, and a temporary table of the same name would be
# read with the rights of the function's owner.
FUNCTIONS = ("count_entries()", "registry_count_uses(jsonb)")
SAFER = "ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp"
BEFORE = "ALTER FUNCTION {} SET search_path = pg_catalog, public"


class Migration(migrations.Migration):
    dependencies = [("registry", "0014_targets_by_scope")]
    operations = [migrations.RunSQL(SAFER.format(name), BEFORE.format(name)) for name in FUNCTIONS]
