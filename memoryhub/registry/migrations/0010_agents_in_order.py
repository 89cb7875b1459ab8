from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """What an agent stored is walked through in the order of ids: page by page, and by jobs in slices."""

    atomic = False
    dependencies = [("registry", "0009_may_share")]
    operations = [
        AddIndexConcurrently(
            "contextentry",
            models.Index(
                fields=["tenant_id", "agent_id", "id"],
                condition=models.Q(agent_id__isnull=False),
                name="entries_by_agent",
            ),
        ),
        RemoveIndexConcurrently("contextentry", "entries_of_agent"),
    ]
