from django.db import migrations

FAN_OUT = """
CREATE FUNCTION sync_fan_out() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO memory_sync_deliveries (event_id, tenant_id, store, object_id, version)
  SELECT NEW.id, NEW.tenant_id, store, NEW.object_id, NEW.version FROM unnest(NEW.target_systems) AS store;
  RETURN NULL;
END $$;
CREATE TRIGGER sync_events_fan_out AFTER INSERT ON memory_sync_events
  FOR EACH ROW EXECUTE FUNCTION sync_fan_out();
"""


class Migration(migrations.Migration):
    """Every event makes its deliveries, whoever writes it."""

    dependencies = [("sync", "0001_initial")]
    operations = [migrations.RunSQL(FAN_OUT, "DROP FUNCTION sync_fan_out() CASCADE")]
