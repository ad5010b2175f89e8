"""Changed counts mark the provider (docs/decisions/0044)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the scheduled rounds miss changes."""

    dependencies = [("usage", "0011_identities"), ("tenants", "0007_changed_providers")]

    operations = [run_sql_beside(__file__)]
