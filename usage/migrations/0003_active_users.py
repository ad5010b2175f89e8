"""Install the triggers that count monthly active users."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it no active user is counted."""

    dependencies = [("usage", "0002_metering")]

    operations = [run_sql_beside(__file__)]
