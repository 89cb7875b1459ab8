from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('sessions_app', '0005_one_index_by_session'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='handoff',
            options={'ordering': ['-created_at'], 'verbose_name': 'hand-off'},
        ),
    ]
