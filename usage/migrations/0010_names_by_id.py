"""Names of users and devices leave the usage log, which refers to them by id (docs/decisions/0036)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Irreversible: the names of erased users are gone."""

    dependencies = [("usage", "0009_no_future_usage"), ("tenants", "0005_erasure")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[run_sql_beside(__file__)],
            state_operations=[migrations.RemoveField("usageevent", "subject_name")],
        ),
    ]
