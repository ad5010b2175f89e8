from django.db import migrations, models


class Migration(migrations.Migration):
    """Orders may be several in a month. Looser than before, so no row that is there can fail."""

    dependencies = [("billing", "0002_corrections")]

    operations = [
        migrations.RemoveConstraint(
            model_name="invoice",
            name="billing_invoice_once_a_month",
        ),
        migrations.AddConstraint(
            model_name="invoice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("voided_at", None), models.Q(("kind", "order"), _negated=True)),
                fields=("month", "kind"),
                name="billing_invoice_once_a_month",
            ),
        ),
    ]
