from django.db import migrations, models

# Counts over all tenants, no rows of any: health has no tenant. Looking stops at a cap, so that a long
# backlog costs no more than a short one; beyond the cap count and age are lower bounds.
BACKLOG = """
CREATE FUNCTION sync_backlog(most integer)
RETURNS TABLE (pending bigint, parked bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT w.pending, p.parked, w.oldest
  FROM (SELECT count(*) AS pending, min(created_at) AS oldest
        FROM (SELECT created_at FROM memory_sync_deliveries WHERE status = 'pending' LIMIT most) d) w,
       (SELECT count(*) AS parked
        FROM (SELECT FROM memory_sync_deliveries WHERE status = 'parked' LIMIT most) d) p
$$;
REVOKE ALL ON FUNCTION sync_backlog(integer) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    """A relay looks for the due deliveries of one store at a time: a long queue of another must not be in its way."""

    dependencies = [("sync", "0002_deliveries_fan_out")]
    operations = [
        migrations.RemoveIndex(model_name="delivery", name="deliveries_due"),
        migrations.RemoveIndex(model_name="delivery", name="deliveries_parked"),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["store", "next_at", "id"], condition=models.Q(status="pending"), name="deliveries_due"
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                fields=["store", "object_id"], condition=models.Q(status="parked"), name="deliveries_parked"
            ),
        ),
        migrations.AddIndex(
            model_name="syncevent",
            index=models.Index(fields=["id"], condition=models.Q(processed=False), name="sync_events_open"),
        ),
        migrations.AlterField(
            model_name="jobrun",
            name="outcome",
            field=models.TextField(
                choices=[
                    ("running", "Running"),
                    ("done", "Done"),
                    ("failed", "Failed"),
                    ("lost", "Lost: its process ended"),
                ],
                default="running",
            ),
        ),
        migrations.RunSQL(BACKLOG, "DROP FUNCTION sync_backlog(integer)"),
    ]
