"""Rebuilding what is projected from the event log: counters and monthly rows.

The log is the truth and is never touched; nor are users and devices. What was billed of a closed
month stays billed: its rows are rebuilt only where that is asked for by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from core.actors import Actor
from core.schema import require_provider_schema
from tenants import audit
from usage.active_users import rebuild
from usage.ledger.difference_alert import report_ledger_differences
from usage.ledger.month_freeze import LOCK_LEDGER
from usage.ledger.verify import REPLAYED, Difference, verify_ledger
from usage.sql import statement

REBUILD_COUNTERS = REPLAYED + statement("rebuild_counters")
REBUILD_MONTHS = REPLAYED + statement("rebuild_months")
# Refuse every statement that is not the counting's own (usage/migrations/sql/0002_metering.sql).
GUARDS = rebuild.GUARDS | {
    "usage_organizationcounter": "usage_counter_by_counting",
    "usage_monthlyusage": "usage_month_by_counting",
}
# Differences that the audit log spells out.
KEPT = 100


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What was wrong, how many rows were written anew, and what is still wrong."""

    before: list[Difference]
    counters: int
    months: int
    after: list[Difference]


@transaction.atomic
def rebuild_usage(*, closed_too: bool, actor: Actor, now: datetime) -> Rebuilt:
    """Write the current provider's counters and open months anew from the log.

    Holds the books' lock as closing a month does: whoever is counting is waited for, whoever comes
    waits. Months that are closed stay as they were billed unless `closed_too`. Kept in the audit
    log; the alert about the books is brought up to date. Books without a difference are left alone.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(LOCK_LEDGER)
        before = verify_ledger()
        if not before:
            report_ledger_differences(differences=before, now=now)
            return Rebuilt(before, 0, 0, before)
        with _unguarded(cursor):
            cursor.execute(REBUILD_COUNTERS)
            counters = len(cursor.fetchall())
            cursor.execute(REBUILD_MONTHS, {"closed_too": closed_too})
            months = len(cursor.fetchall()) + rebuild.rebuild_active_months(cursor)
    after = verify_ledger()
    report_ledger_differences(differences=after, now=now)
    audit.record(
        actor=actor,
        action="usage.rebuilt",
        subject=f"{counters} counters and {months} months, {'with' if closed_too else 'without'} "
        "closed ones",
        before={"differences": [str(each) for each in before[:KEPT]], "total": len(before)},
        after={"differences": [str(each) for each in after[:KEPT]], "total": len(after)},
        now=now,
    )
    return Rebuilt(before, counters, months, after)


@contextmanager
def _unguarded(cursor: CursorWrapper) -> Iterator[None]:
    """Let this transaction write what only counting writes; a rollback brings the guards back.

    The tables are locked against every other writer from here to the end of the transaction.
    """
    # Checks that are still to come would forbid changing the table.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, guard in GUARDS.items():
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
    yield
    for table, guard in GUARDS.items():
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")
