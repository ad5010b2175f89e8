"""Checking the books: the event log replayed against everything projected from it."""

from dataclasses import dataclass

from django.db import connection

from core.metrics import Metric
from core.schema import require_provider_schema
from usage.sql import statement

REPLAYED = statement("replayed")
VERIFY_LEDGER = REPLAYED + statement("verify_ledger")


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where the log, replayed, and what is stored disagree."""

    organization_id: int
    metric: Metric
    what: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"organization {self.organization_id}, {self.metric.value}, {self.what}: "
            f"expected {self.expected}, found {self.found}"
        )


def verify_ledger() -> list[Difference]:
    """Every difference in the current provider's books; an empty list when they are right.

    Replays the whole log and compares counts, instants, counters, monthly rows with their peaks,
    and the users and devices themselves. Changes nothing; sees one state of the database, so it may
    run beside people at work.
    """
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(VERIFY_LEDGER)
        return [
            Difference(organization_id, Metric(metric), what, expected, found)
            for organization_id, metric, what, expected, found in cursor.fetchall()
        ]
