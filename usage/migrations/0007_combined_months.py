"""Store the peak of all organizations together for months that a commitment was billed by it."""

import django.db.models.deletion
from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Adds a table that only a month's close writes, once."""

    dependencies = [("usage", "0006_real_instants")]

    operations = [
        migrations.CreateModel(
            name='CombinedMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField()),
                ('metric', models.CharField(choices=[('users', 'Users'), ('devices', 'Devices'), ('greater', 'Seats'), ('mau', 'Active users')], max_length=10)),
                ('carried_in', models.PositiveIntegerField()),
                ('high_water_mark', models.PositiveIntegerField()),
                ('peak_at', models.DateTimeField(null=True)),
                ('peak_event', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='usage.usageevent')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('month', 'metric'), name='usage_combined_month_one_row')],
            },
        ),
        run_sql_beside(__file__),
    ]
