"""Changed contracts and invoices mark the provider (docs/decisions/0044)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the scheduled rounds miss changes."""

    dependencies = [("billing", "0010_late_activity_of_closes"), ("tenants", "0007_changed_providers")]

    operations = [run_sql_beside(__file__)]
