"""Indexes that find a part of a name or an address in any organization (docs/decisions/0059)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it a search reads every user of the provider."""

    dependencies = [
        ("tenants", "0010_audit_by_organization"),
        ("accounts", "0016_search_text"),
    ]

    operations = [run_sql_beside(__file__)]
