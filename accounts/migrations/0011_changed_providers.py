"""What tells the scheduled rounds which providers they have to look at (docs/decisions/0044)."""

import django.db.models.deletion
from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [
        ('accounts', '0010_clean_addresses'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChangeCount',
            fields=[
                ('provider', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='change_count', serialize=False, to='accounts.provider')),
                ('changes', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='ProviderChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('schema_name', models.CharField(max_length=63)),
            ],
        ),
        migrations.CreateModel(
            name='RoundLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('round', models.CharField(max_length=40)),
                ('changes', models.BigIntegerField()),
                ('again_at', models.DateTimeField(null=True)),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='looks', to='accounts.provider')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('round', 'provider'), name='accounts_roundlook_one')],
            },
        ),
        run_sql_beside(__file__),
    ]
