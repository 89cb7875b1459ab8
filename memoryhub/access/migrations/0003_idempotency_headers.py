from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0002_key_use_and_actors")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="headers",
            field=models.JSONField(
                default=dict, help_text="Headers of the answer that a repetition needs, such as ETag."
            ),
        ),
    ]
