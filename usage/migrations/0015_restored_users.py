"""A person whose removal was undone is one active user of a month (docs/decisions/0063)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it such a person can be counted twice in a month."""

    dependencies = [("usage", "0014_guest_addresses"), ("tenants", "0013_versions")]

    operations = [run_sql_beside(__file__)]
