"""The register of erased users, and each provider's period (docs/decisions/0036)."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("accounts", "0007_issued_hash")]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="erase_after_days",
            field=models.PositiveIntegerField(
                blank=True,
                editable=False,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(30),
                    django.core.validators.MaxValueValidator(3650),
                ],
            ),
        ),
        migrations.CreateModel(
            name="ErasedUser",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user_id", models.BigIntegerField()),
                ("erased_at", models.DateTimeField()),
                (
                    "provider",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.provider",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provider", "user_id"), name="accounts_erased_once"
                    )
                ],
            },
        ),
    ]
