"""Count open months by real instants, whatever the order of reports; keep what a freeze had seen."""

from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Irreversible: counting would not follow the real instants that are recorded since."""

    dependencies = [("usage", "0005_nothing_added_after_leaving")]

    operations = [
        migrations.CreateModel(
            name="FrozenMonth",
            fields=[
                ("month", models.DateField(primary_key=True, serialize=False)),
                ("last_event_id", models.BigIntegerField(null=True)),
            ],
        ),
        run_sql_beside(__file__),
    ]
