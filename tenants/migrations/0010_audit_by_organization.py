"""The audit log of one organization, for its timeline."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; without it a timeline reads the whole log."""

    dependencies = [
        ("tenants", "0009_limits_and_cases"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["organization_id", "-at"], name="tenants_auditentry_of"
            ),
        ),
    ]
