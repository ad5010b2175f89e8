"""Refuse every additional user from the instant at which the provider leaves."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the free allowance applies after the provider left."""

    dependencies = [
        ("usage", "0004_billed_periods"),
        ("tenants", "0003_nothing_added_from"),
    ]

    operations = [run_sql_beside(__file__)]
