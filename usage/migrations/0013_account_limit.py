"""Refuse users above the most that operations allow a provider (docs/decisions/0061)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the limit is shown and not kept."""

    dependencies = [("usage", "0012_changed_providers"), ("tenants", "0009_limits_and_cases")]

    operations = [run_sql_beside(__file__)]
