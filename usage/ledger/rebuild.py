"""Rebuilds the projections of the usage ledger: counters and months.

The events are the source of truth and stay unchanged, as do users and devices. A closed month was
billed as it is: its rows are rebuilt only on explicit request.
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
from usage.ledger.difference_alert import report_ledger_differences
from usage.ledger.month_freeze import LOCK_LEDGER
from usage.ledger.verify import REPLAYED, Difference, verify_ledger
from usage.sql import statement

REBUILD_COUNTERS = REPLAYED + statement("rebuild_counters")
REBUILD_MONTHS = REPLAYED + statement("rebuild_months")
# Also of closed months: the billed rows of active users never change, only their number could.
REBUILD_ACTIVE_MONTHS = statement("rebuild_active_months")
# Triggers that refuse statements other than those of the counting triggers.
GUARDS = {
    "usage_organizationcounter": "usage_counter_by_counting",
    "usage_monthlyusage": "usage_month_by_counting",
    "usage_activemonth": "usage_activemonth_by_counting",
}
# Differences that the audit entry lists.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The differences before and after, and the numbers of rows that were rewritten."""

    before: list[Difference]
    counters: int
    months: int
    after: list[Difference]


@transaction.atomic
def rebuild_usage(*, closed_too: bool, actor: Actor, now: datetime) -> Rebuilt:
    """Rewrite the current provider's counters and open months from the events.

    Locks the ledger as closing a month does: it waits for transactions that are counting, and later
    ones wait for it. Closed months stay as they were billed unless `closed_too`. Writes an audit
    entry and updates the alert. A ledger without differences is left unchanged.
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
            months = len(cursor.fetchall())
            cursor.execute(REBUILD_ACTIVE_MONTHS)
            months += len(cursor.fetchall())
    after = verify_ledger()
    report_ledger_differences(differences=after, now=now)
    audit.record(
        actor=actor,
        action="usage.rebuilt",
        subject=f"{counters} counters and {months} months, {'with' if closed_too else 'without'} "
        "closed ones",
        before={"differences": [str(each) for each in before[:LISTED]], "total": len(before)},
        after={"differences": [str(each) for each in after[:LISTED]], "total": len(after)},
        now=now,
    )
    return Rebuilt(before, counters, months, after)


@contextmanager
def _unguarded(cursor: CursorWrapper) -> Iterator[None]:
    """Allow this transaction to write the projections; a rollback restores the triggers.

    The tables are locked against all other writers until the transaction ends.
    """
    # ALTER TABLE fails while deferred constraint checks are pending.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table, guard in GUARDS.items():
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
    yield
    for table, guard in GUARDS.items():
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")
