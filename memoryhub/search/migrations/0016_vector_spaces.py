import django.db.models.functions.datetime
import memoryhub.access.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which embedder and recipe vectors were made by, and which of them searches are answered from."""

    dependencies = [
        ('search', '0015_vocabulary'),
    ]

    operations = [
        migrations.CreateModel(
            name='VectorSpace',
            fields=[
                ('id', models.UUIDField(default=memoryhub.access.ids.new_id, primary_key=True, serialize=False)),
                ('name', models.TextField(unique=True)),
                ('embedder', models.TextField()),
                ('kind', models.TextField(help_text='local, remote or hashing.')),
                ('settings', models.JSONField(default=dict)),
                ('dimension', models.IntegerField()),
                ('context_words', models.IntegerField()),
                ('state', models.TextField(choices=[('building', 'Being built'), ('paused', 'Paused'), ('ready', 'Ready'), ('active', 'Active'), ('retired', 'Former'), ('failed', 'Failed'), ('dropped', 'Removed')])),
                ('switch_by_itself', models.BooleanField(default=True)),
                ('held_back', models.BooleanField(default=False)),
                ('complete', models.BooleanField(default=False, help_text='All rows were looked through since it became active.')),
                ('after', models.UUIDField(null=True)),
                ('done', models.IntegerField(default=0, help_text='Rows embedded.')),
                ('total', models.IntegerField(default=0, help_text='Rows of the index when they were last counted.')),
                ('refused', models.IntegerField(default=0, help_text='Rows that its embedder does not take.')),
                ('rate', models.FloatField(help_text='Rows per second, lately.', null=True)),
                ('error', models.TextField(default='', help_text='What went wrong last.')),
                ('asked_by', models.TextField()),
                ('asked_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('started_at', models.DateTimeField(help_text='When it became active.', null=True)),
                ('ended_at', models.DateTimeField(help_text='When another one became active, or it was cancelled.', null=True)),
                ('drop_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name': 'search model',
                'db_table': 'memory_search_spaces',
                'ordering': ['-asked_at'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'active')), fields=('state',), name='one_space_is_active'), models.UniqueConstraint(models.Value(1), condition=models.Q(('state__in', ['building', 'paused', 'ready'])), name='one_space_is_coming')],
            },
        ),
    ]
