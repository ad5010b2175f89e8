"""Make the records of pushes and runs append-only."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("integrations", "0001_initial")]

    operations = [run_sql_beside(__file__)]
