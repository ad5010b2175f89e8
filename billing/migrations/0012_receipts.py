"""Receipts of payments, and the card that was charged."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a table and two columns with a default."""

    dependencies = [("billing", "0011_changed_providers")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="card_brand",
            field=models.CharField(blank=True, db_default="", default="", max_length=30),
        ),
        migrations.AddField(
            model_name="payment",
            name="card_last_four",
            field=models.CharField(blank=True, db_default="", default="", max_length=4),
        ),
        migrations.CreateModel(
            name="PaymentReceipt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("is_paid_in_full", models.BooleanField()),
                ("deducted_minor", models.BigIntegerField()),
                ("paid_by_others_minor", models.BigIntegerField()),
                ("owed_minor", models.BigIntegerField()),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("fingerprint", models.CharField(max_length=64)),
                ("rendered_at", models.DateTimeField()),
                ("payment", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="receipt", to="billing.payment")),
            ],
        ),
    ]
