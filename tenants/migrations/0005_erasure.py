"""Users whose name and address were erased (docs/decisions/0036)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible while no user is erased."""

    dependencies = [("tenants", "0004_reason_provider_left")]

    operations = [
        migrations.AddField(
            model_name="manageduser",
            name="erased_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddConstraint(
            model_name="manageduser",
            constraint=models.CheckConstraint(
                condition=models.Q(erased_at=None)
                | models.Q(removed_at__isnull=False, name="", external_id=None),
                name="tenants_manageduser_erased",
            ),
        ),
    ]
