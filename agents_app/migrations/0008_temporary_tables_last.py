from django.db import migrations

# Unless it is named last, the caller's own pg_temp is looked in first, and a temporary table of the same name would be
# read with the rights of the function's owner.
FUNCTIONS = ("agents_allocation(text, text)",)
SAFER = "ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp"
BEFORE = "ALTER FUNCTION {} SET search_path = pg_catalog, public"


class Migration(migrations.Migration):
    dependencies = [("agents_app", "0007_notices")]
    operations = [migrations.RunSQL(SAFER.format(name), BEFORE.format(name)) for name in FUNCTIONS]
