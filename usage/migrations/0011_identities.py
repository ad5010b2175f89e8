"""One living user for each mailbox of an organization (docs/decisions/0049)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Irreversible: addresses may have changed since."""

    dependencies = [("usage", "0010_names_by_id"), ("tenants", "0006_identities")]

    operations = [run_sql_beside(__file__)]
