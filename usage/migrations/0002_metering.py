"""Installs the counting triggers (usage/sql/metering.sql) in the schema being migrated."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    """Reversible; counters of organizations that exist already are opened at zero."""

    dependencies = [("usage", "0001_initial"), ("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=(SQL / "metering.sql").read_text(encoding="utf-8"),
            reverse_sql=(SQL / "metering_reverse.sql").read_text(encoding="utf-8"),
        ),
    ]
