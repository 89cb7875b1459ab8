from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("access", "0004_staff_roles")]

    operations = [
        migrations.AlterModelOptions(
            name="apikey", options={"ordering": ["-created_at"], "verbose_name": "API key"}
        ),
        migrations.AlterModelOptions(
            name="auditevent", options={"ordering": ["-at", "-id"], "verbose_name_plural": "audit trail"}
        ),
    ]
