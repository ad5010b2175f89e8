"""The totals of invoices, as a view: one definition for pages, charges and the close."""

import django.db.models.deletion
from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("billing", "0007_commitment_basis")]

    operations = [
        migrations.CreateModel(
            name='InvoiceTotals',
            fields=[
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='totals', serialize=False, to='billing.invoice')),
                ('credited_minor', models.BigIntegerField()),
                ('paid_minor', models.BigIntegerField()),
                ('disputed_minor', models.BigIntegerField()),
                ('carried_minor', models.BigIntegerField()),
            ],
            options={
                'managed': False,
            },
        ),
        run_sql_beside(__file__),
    ]
