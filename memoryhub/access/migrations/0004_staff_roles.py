import django.db.models.deletion
from django.db import migrations, models

ROLES = ["Administrator", "Conflict reviewer", "Procedure editor", "Auditor"]


def make_groups(apps, schema_editor):
    """Their permissions follow after migrate, when all of them exist (memoryhub.access.staff)."""
    for name in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=name)


def remove_groups(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_idempotency_headers"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="tenant",
            options={
                "ordering": ["tenant_id"],
                "permissions": [
                    ("read_memories", "Can read memories"),
                    ("write_memories", "Can change memories"),
                    ("administer", "Can do what needs an admin key"),
                ],
            },
        ),
        migrations.AlterField(
            model_name="stafflimit",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="staff_limits", to="access.tenant"
            ),
        ),
        migrations.RunPython(make_groups, remove_groups),
    ]
