"""Guests have their own address, not the name of their account (docs/decisions/0065)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible, without giving the names back: the previous release finds users by both."""

    dependencies = [("usage", "0013_account_limit"), ("tenants", "0009_limits_and_cases")]

    operations = [run_sql_beside(__file__)]
