from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('search', '0005_vectors_waiting'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='indexrow',
            options={'verbose_name_plural': 'search index'},
        ),
    ]
