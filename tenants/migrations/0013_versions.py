"""The versions that an undo compares, and what an archived organization is (0063, 0064)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it an undo overwrites a later change."""

    dependencies = [("tenants", "0012_bulk_actions")]

    operations = [run_sql_beside(__file__)]
