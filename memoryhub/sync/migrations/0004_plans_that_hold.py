from django.db import migrations, models


def index(name: str, fields: list[str], condition: models.Q) -> migrations.AddIndex:
    return migrations.AddIndex("delivery", models.Index(fields=fields, name=name, condition=condition))


class Migration(migrations.Migration):
    """A queue's statistics are always wrong: empty a second ago, long now. So each step of a claim gets an index
    that also gives it its order; the planner then has no reason to prefer another, whatever it believes."""

    dependencies = [("sync", "0003_claims_by_store")]
    operations = [
        migrations.RemoveIndex("delivery", "deliveries_in_order"),
        migrations.RemoveIndex("delivery", "deliveries_parked"),
        index("deliveries_in_order", ["object_id", "store", "id"], models.Q(status="pending")),
        index("deliveries_parked", ["object_id", "store", "id"], models.Q(status="parked")),
        index(
            "deliveries_claimed",
            ["object_id", "store", "claimed_until"],
            models.Q(status="pending", claimed_until__isnull=False),
        ),
    ]
