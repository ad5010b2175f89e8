"""Migrations that run a separate SQL file.

`0002_metering.py` runs `sql/0002_metering.sql` beside it, and `sql/0002_metering_reverse.sql` to
undo it. A released file is never edited: `sql/released.sha256` lists its SHA-256, and
tests/architecture/test_migration_sql.py refuses a changed one. To change a function, write the next
migration with a file that holds the whole new function (`CREATE OR REPLACE FUNCTION ...`), and list
that file too.
"""

from pathlib import Path

from django.db.migrations import RunSQL


def run_sql_beside(migration_file: str) -> RunSQL:
    """The operation for the migration with this `__file__`; irreversible without a reverse file."""
    migration = Path(migration_file)
    forwards = migration.parent / "sql" / f"{migration.stem}.sql"
    backwards = forwards.with_name(f"{migration.stem}_reverse.sql")
    return RunSQL(
        sql=forwards.read_text(encoding="utf-8"),
        reverse_sql=backwards.read_text(encoding="utf-8") if backwards.exists() else None,
    )
