"""Each change that a scheduled round reads marks the provider (docs/decisions/0044)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the scheduled rounds miss changes."""

    dependencies = [("tenants", "0006_identities")]

    operations = [run_sql_beside(__file__)]
