"""Orders of a person to charge all open invoices to the card on file."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a table."""

    dependencies = [
        ('billing', '0013_automatic_payment'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChargeOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('invoices_to_charge', models.JSONField(default=list)),
                ('seen', models.CharField(max_length=40, unique=True)),
                ('ordered_at', models.DateTimeField()),
                ('ordered_by_id', models.BigIntegerField(null=True)),
                ('ordered_by_name', models.CharField(max_length=200)),
                ('card', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='charge_orders', to='billing.paymentmethod')),
            ],
            options={
                'ordering': ['pk'],
            },
        ),
    ]
