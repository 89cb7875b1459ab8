from django.db import migrations

# Unless it is named last, the caller's own pg_temp is looked in first, and a temporary table of the same name would be
# read with the rights of the function's owner.
FUNCTIONS = ("access_lookup_key(text)", "access_touch_key(uuid)", "access_lookup_actor(text, text)")
SAFER = "ALTER FUNCTION {} SET search_path = pg_catalog, public, pg_temp"
BEFORE = "ALTER FUNCTION {} SET search_path = pg_catalog, public"


class Migration(migrations.Migration):
    dependencies = [("access", "0005_names_for_people")]
    operations = [migrations.RunSQL(SAFER.format(name), BEFORE.format(name)) for name in FUNCTIONS]
