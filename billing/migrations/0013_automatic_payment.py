"""Automatic payment as a choice of the customer (docs/decisions/0062)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; without it every card on file is charged."""

    dependencies = [
        ('billing', '0012_receipts'),
    ]

    operations = [
        migrations.AddField(
            model_name='billingprofile',
            name='pays_automatically',
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
