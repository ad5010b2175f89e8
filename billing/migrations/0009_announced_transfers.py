"""Bank transfers that customers announce; no card is charged for their invoice meanwhile."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a table."""

    dependencies = [
        ('billing', '0008_invoice_totals'),
    ]

    operations = [
        migrations.CreateModel(
            name='AnnouncedTransfer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('under_way', 'Under way'), ('withdrawn', 'Withdrawn'), ('settled', 'Nothing is due any more'), ('missing', 'Did not arrive')], default='under_way', max_length=20)),
                ('amount_minor', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3)),
                ('expected_on', models.DateField()),
                ('lapses_at', models.DateTimeField()),
                ('announced_at', models.DateTimeField()),
                ('announced_by_id', models.BigIntegerField(null=True)),
                ('announced_by_name', models.CharField(max_length=200)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by_id', models.BigIntegerField(null=True)),
                ('ended_by_name', models.CharField(blank=True, db_default='', default='', max_length=200)),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='announced_transfers', to='billing.invoice')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'under_way')), fields=('invoice',), name='billing_one_transfer_under_way'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state', 'under_way')), models.Q(models.Q(('state', 'under_way'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='billing_transfer_ended_iff_final')],
            },
        ),
    ]
