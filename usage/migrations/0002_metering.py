"""Install the triggers that count users and devices."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it nothing is counted."""

    dependencies = [("usage", "0001_initial"), ("tenants", "0001_initial")]

    operations = [run_sql_beside(__file__)]
