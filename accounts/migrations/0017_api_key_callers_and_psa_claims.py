"""What uses an API key, and which provider keeps a service in a PSA (docs/decisions/0069)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; the next requests and the next syncs fill both tables again."""

    dependencies = [
        ('accounts', '0016_search_text'),
    ]

    operations = [
        migrations.CreateModel(
            name='ApiKeyCaller',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.DateField()),
                ('client', models.CharField(blank=True, max_length=120)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('requests', models.PositiveBigIntegerField()),
                ('last_used_at', models.DateTimeField()),
                ('key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='callers', to='accounts.apikey')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('key', 'day', 'client', 'address'), name='accounts_apikeycaller_once_a_day')],
            },
        ),
        migrations.CreateModel(
            name='PsaServiceClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('database', models.CharField(max_length=64)),
                ('contract_service_id', models.BigIntegerField()),
                ('created_at', models.DateTimeField()),
                ('provider', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.provider')),
            ],
            options={
                'indexes': [models.Index(fields=['provider'], name='accounts_psaclaim_of')],
                'constraints': [models.UniqueConstraint(fields=('database', 'contract_service_id'), name='accounts_psaclaim_one_provider')],
            },
        ),
    ]
