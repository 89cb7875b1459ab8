import django.core.validators
from django.db import migrations, models

# Both run while it is being found out who is calling, so before any wall is set. One statement each.
TOUCH = """
CREATE FUNCTION access_touch_key(wanted uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  UPDATE public.memory_api_keys SET last_used_at = now()
  WHERE id = wanted AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
$$;
REVOKE ALL ON FUNCTION access_touch_key(uuid) FROM PUBLIC;
"""
ACTOR = """
CREATE FUNCTION access_lookup_actor(wanted_tenant text, wanted_agent text)
RETURNS TABLE (tenant_active boolean, agent_active boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  SELECT (SELECT t.active FROM public.memory_tenants t WHERE t.tenant_id = wanted_tenant),
         (SELECT a.active FROM public.memory_agents a WHERE a.tenant_id = wanted_tenant AND a.agent_id = wanted_agent)
$$;
REVOKE ALL ON FUNCTION access_lookup_actor(text, text) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0001_initial")]

    operations = [
        migrations.AlterField(
            model_name="tenant",
            name="tenant_id",
            field=models.TextField(
                primary_key=True,
                serialize=False,
                validators=[
                    django.core.validators.RegexValidator(
                        "\\A[a-z0-9][a-z0-9_.-]{0,62}\\Z",
                        "Use 1 to 63 characters: lower-case letters, digits, '-', '_', '.'; "
                        "start with a letter or digit.",
                    )
                ],
            ),
        ),
        migrations.RunSQL(TOUCH, "DROP FUNCTION access_touch_key(uuid)"),
        migrations.RunSQL(ACTOR, "DROP FUNCTION access_lookup_actor(text, text)"),
    ]
