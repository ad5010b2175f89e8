"""Known addresses are found by index, also of doubles (docs/decisions/0051)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it each added user reads all users of the provider."""

    dependencies = [("usage", "0012_changed_providers"), ("tenants", "0008_syncs")]

    operations = [run_sql_beside(__file__)]
