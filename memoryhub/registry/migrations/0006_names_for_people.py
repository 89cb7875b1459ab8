from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0005_fewer_indexes'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='entryversion',
            options={'ordering': ['-version'], 'verbose_name': 'version'},
        ),
    ]
