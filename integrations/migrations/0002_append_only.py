"""Makes the records of pushes and runs append-only (integrations/sql/append_only.sql)."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parent.parent / "sql"


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("integrations", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=(SQL / "append_only.sql").read_text(encoding="utf-8"),
            reverse_sql=(SQL / "append_only_reverse.sql").read_text(encoding="utf-8"),
        ),
    ]
