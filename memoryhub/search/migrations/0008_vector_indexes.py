import django.contrib.postgres.fields
import django.db.models.functions.datetime
import memoryhub.access.ids
from django.db import migrations, models

from memoryhub.access.walls import TenantWall


class Migration(migrations.Migration):
    """What is known of the vector indexes that single tenants have."""

    dependencies = [
        ('search', '0007_context_renewed'),
    ]

    operations = [
        migrations.CreateModel(
            name='VectorIndex',
            fields=[
                ('id', models.UUIDField(default=memoryhub.access.ids.new_id, primary_key=True, serialize=False)),
                ('tenant_id', models.TextField()),
                ('model', models.TextField()),
                ('reach', models.TextField(db_collation='C', null=True)),
                ('name', models.TextField(unique=True)),
                ('dimension', models.IntegerField()),
                ('status', models.TextField(choices=[('building', 'Being built'), ('ready', 'In use'), ('failed', 'Failed: tried again later')], default='building')),
                ('reason', models.TextField(db_default='', default='', help_text='Why the last attempt failed.')),
                ('attempts', models.IntegerField(db_default=0, default=0, help_text='Attempts since it was last in use.')),
                ('rows', models.BigIntegerField(help_text='Vectors when last counted.')),
                ('exact_up_to', models.IntegerField()),
                ('large_reaches', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(db_collation='C'), default=list, size=None)),
                ('bytes', models.BigIntegerField(db_default=0, default=0)),
                ('seconds', models.FloatField(help_text='How long the build took.', null=True)),
                ('started_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), help_text='When the last attempt began.')),
                ('built_at', models.DateTimeField(null=True)),
            ],
            options={
                'verbose_name_plural': 'vector indexes',
                'db_table': 'memory_vector_indexes',
                'ordering': ['-rows'],
                'constraints': [models.UniqueConstraint(fields=('tenant_id', 'model', 'reach'), name='vector_index_once', nulls_distinct=False)],
            },
        ),
        TenantWall("memory_vector_indexes"),
    ]
