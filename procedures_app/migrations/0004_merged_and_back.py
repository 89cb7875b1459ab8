import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """What merging moved can be moved back; errors are purged by age; former signatures are found."""

    dependencies = [
        ('procedures_app', '0003_how_runs_pause_and_roll_back'),
    ]

    operations = [
        migrations.AddField(
            model_name='capturederror',
            name='merged_from',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), db_default=[], default=list, help_text='The knowledge that it came from by merging, in order.', size=None),
        ),
        migrations.AddField(
            model_name='solution',
            name='merged_from',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), db_default=[], default=list, help_text='The knowledge that it came from by merging, in order.', size=None),
        ),
        migrations.AddIndex(
            model_name='capturederror',
            index=models.Index(fields=['created_at'], name='errors_age'),
        ),
        migrations.AddIndex(
            model_name='knowledge',
            index=models.Index(condition=models.Q(('replaced_by__isnull', False)), fields=['tenant_id', 'problem_signature'], name='knowledge_replaced'),
        ),
    ]
